// Keeps the figures of a page up to date while somebody looks at it. [data-live] holds the address that answers with
// them as JSON; [data-figure] names one; [data-shown-if] hides what has nothing to show.
document.addEventListener("DOMContentLoaded", () => {
  const page = document.querySelector("[data-live]");
  if (!page) return;
  const stale = page.querySelector("[data-stale]");
  const changed = page.querySelector("[data-drawn]");

  const show = (figures) => {
    for (const place of document.querySelectorAll("[data-figure]")) {
      const figure = figures[place.dataset.figure];
      if (place.dataset.of) {
        place.max = figures[place.dataset.of] || 1;
        place.value = figure;
      } else if (typeof figure === "object") {
        place.textContent = figure.text;
        if ("title" in figure) place.title = figure.title;
        if ("tone" in figure) place.className = `sb-badge sb-${figure.tone}`;
      } else {
        place.textContent = figure;
      }
    }
    changed.hidden = figures.drawn === changed.dataset.drawn;
    for (const place of document.querySelectorAll("[data-shown-if]")) place.hidden = !figures[place.dataset.shownIf];
  };

  const refresh = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(page.dataset.live, { redirect: "error", signal: AbortSignal.timeout(15000) });
        if (!answer.ok) throw new Error(answer.statusText);
        show(await answer.json());
        stale.hidden = true;
      } catch {
        stale.hidden = false;
      }
    }
    setTimeout(refresh, 2000);
  };
  setTimeout(refresh, 2000);
});
