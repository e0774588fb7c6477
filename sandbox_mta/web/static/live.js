// Counts new mail while the page is open. Nothing moves: the number waits in the header until the
// reader asks for it. Without script the page is the same, only not counted live.

const button = document.querySelector("[data-new]");
const live = document.querySelector("[data-live]");
const title = document.title;
const seen = Number(document.body.dataset.newest || 0);

function show(state) {
  const waiting = state.newest > seen ? Math.max(1, state.total - Number(document.body.dataset.total)) : 0;
  button.hidden = waiting === 0;
  button.querySelector("[data-count]").textContent = waiting > 100 ? "100+" : String(waiting);
  const unread = document.querySelector("[data-unread]");
  unread.textContent = state.unread > 999 ? "999+" : String(state.unread);
  unread.hidden = state.unread === 0;
  document.title = waiting ? `(${waiting}) ${title}` : title;
}

function connect() {
  const source = new EventSource("/stream");
  source.addEventListener("inbox", (event) => show(JSON.parse(event.data)));
  source.addEventListener("open", () => live?.removeAttribute("data-lost"));
  source.addEventListener("error", () => live?.setAttribute("data-lost", ""));
}

if (button) connect();
