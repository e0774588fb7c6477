// j and k move through the list, Enter opens, / searches, n shows new mail, u goes back.
// Arrow, Page and Space keys are left alone: they scroll.

const rows = () => [...document.querySelectorAll(".row")];

function move(step) {
  const all = rows();
  const at = all.findIndex((row) => row === document.activeElement || row.hasAttribute("aria-current"));
  const next = all[Math.min(all.length - 1, Math.max(0, at + step))];
  next?.focus();
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  n: () => document.querySelector("[data-new]:not([hidden])")?.click(),
  u: () => document.querySelector("[data-back]")?.click(),
  "/": () => document.querySelector("input[type=search]")?.focus(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const tab = /^[1-9]$/.test(event.key) && document.querySelectorAll(".tabs a")[event.key - 1];
  const action = tab ? () => tab.click() : actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});
