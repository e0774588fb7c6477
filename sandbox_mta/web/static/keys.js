// j and k move through the list, and through the messages while one is open; Enter opens, / searches,
// n shows new mail, u and Escape go back, e tells every story of a journey, 1 to 9 choose a tab.
// Arrow, Page and Space keys are left alone: they scroll.

const $ = (selector) => document.querySelector(selector);
const BY_KEY = "opened-by-key";

function move(step) {
  const link = $(step > 0 ? "[data-next]" : "[data-previous]");
  if (document.body.dataset.route === "message") return follow(link);
  const rows = [...document.querySelectorAll(".row")];
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(rows.length - 1, Math.max(0, at + step))]?.focus();
}

function follow(link) {
  if (!link) return;
  sessionStorage.setItem(BY_KEY, "1");
  link.click();
}

function expand() {
  const stories = [...document.querySelectorAll("details.rcpt")];
  const open = !stories.every((story) => story.open);
  for (const story of document.querySelectorAll("details.rcpt, details.fold")) story.open = open;
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  n: () => $("[data-new]:not([hidden])")?.click(),
  u: () => $("[data-back]").click(),
  e: expand,
  "/": () => $("input[type=search]").focus(),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.target.closest("input, textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const tab = /^[1-9]$/.test(event.key) && document.querySelectorAll(".tabs a")[event.key - 1];
  const back = event.key === "Escape" && document.body.dataset.route === "message";
  const action = tab ? () => tab.click() : back ? actions.u : actions[event.key];
  if (action) {
    event.preventDefault();
    action();
  }
});

$("[data-expand]")?.addEventListener("click", expand);
$("[data-expand]")?.removeAttribute("hidden");

// Where a key led, the focus goes: to the subject, and on the way back to the row.
if (sessionStorage.getItem(BY_KEY)) $("[data-subject]")?.focus();
sessionStorage.removeItem(BY_KEY);
if (location.hash.startsWith("#r-")) document.getElementById(location.hash.slice(1))?.focus();
$(".row[aria-current]")?.scrollIntoView({ block: "nearest" });
