// The browser takes no inline styles and runs no text as code for htmx: it needs neither here.
if (window.htmx) Object.assign(window.htmx.config, { includeIndicatorStyles: false, allowEval: false });

// A button that takes something away asks once, in its own words.
document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

// "Copy" beside a text that is shown once.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const text = document.getElementById(button.dataset.copy).textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    window.getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
  }
});

// [data-ask] holds the address of a fragment to show in its place, asked for every two seconds until it is final (286).
document.addEventListener("DOMContentLoaded", () => {
  for (const place of document.querySelectorAll("[data-ask]")) {
    const ask = async () => {
      let status = 0;
      if (!document.hidden) {
        try {
          const answer = await fetch(place.dataset.ask, { redirect: "error", signal: AbortSignal.timeout(15000) });
          status = answer.status;
          if (answer.ok) place.innerHTML = await answer.text();
        } catch {
          status = 0;
        }
      }
      if (status !== 286 && status !== 403) setTimeout(ask, 2000);
    };
    setTimeout(ask, 2000);
  }
});
