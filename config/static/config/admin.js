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

// [data-try] posts the form it stands in and shows the sentences that come back; nothing is saved.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-try]");
  if (!button) return;
  const place = document.getElementById(button.dataset.into);
  button.disabled = true;
  let sentences = ["The server gives no answer. Try again in a moment."];
  try {
    const body = new URLSearchParams(new FormData(button.form));
    const answer = await fetch(button.dataset.try, { method: "POST", body, signal: AbortSignal.timeout(30000) });
    if (answer.ok) sentences = (await answer.json()).sentences;
  } catch {
    // What is shown says so.
  }
  place.replaceChildren(...sentences.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
  button.disabled = false;
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
