// Counts new mail while the page is open. Nothing moves: the number waits in the header until the
// reader asks for it. Without script the page is the same, only not counted live.

const button = document.querySelector("[data-new]");
const status = document.querySelector("[data-live]");
const unread = document.querySelector("[data-unread]");
const title = document.title;
const { newest, total, filtered, route } = document.body.dataset;
const capped = (count, most) => (count > most ? `${most}+` : String(count));

function show(state) {
  const isNew = state.newest > Number(newest);
  // A list without a single row has nothing that could jump.
  if (isNew && total === "0" && filtered === undefined && route === "list") location.reload();
  const waiting = isNew ? Math.max(1, state.total - Number(total)) : 0;
  button.hidden = waiting === 0;
  button.querySelector("[data-count]").textContent = capped(waiting, 100);
  unread.textContent = capped(state.unread, 999);
  unread.hidden = state.unread === 0;
  document.title = state.unread ? `(${capped(state.unread, 999)}) ${title}` : title;
}

function say(state, words) {
  status.dataset.state = state;
  status.querySelector("[data-live-text]").textContent = words;
}

const source = new EventSource("/stream");
source.addEventListener("inbox", (event) => show(JSON.parse(event.data)));
source.addEventListener("open", () => say("live", "Live on smtp"));
source.addEventListener("error", () => say("lost", "Reconnecting, smtp"));
