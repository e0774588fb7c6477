// Lets the clock chip run on from the time and rate that the page was made with.

const chip = document.querySelector("[data-clock]");
const start = Number(chip.dataset.clock);
const rate = Number(chip.dataset.rate);
const loaded = Date.now();

function tick() {
  const now = new Date(start + (Date.now() - loaded) * rate);
  chip.textContent = now.toISOString().slice(11, 19);
}

if (rate > 0) setInterval(tick, 1000);
