// What every report has: the choice of theme, and printing.

const themes = ["auto", "light", "dark"];
const themeButton = document.getElementById("theme");
themeButton.hidden = false;
themeButton.addEventListener("click", () => {
  const next = themes[(themes.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % themes.length];
  document.documentElement.dataset.theme = next;
  themeButton.textContent = `Theme: ${next}`;
});

// Closed parts are opened for printing.
const closed = new Set();
addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open])").forEach((details) => {
    closed.add(details);
    details.open = true;
  });
});
addEventListener("afterprint", () => {
  closed.forEach((details) => (details.open = false));
  closed.clear();
});
