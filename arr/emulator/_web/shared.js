// What both pages can do; it stands in their script. Every value goes in as text, never as markup.
const $ = id => document.getElementById(id);

function put(node, text) {
  const value = text === null || text === undefined ? "" : String(text);
  if (node.textContent !== value) node.textContent = value;
}

// A path may be broken after its slashes, and nowhere else if there is room.
function putPath(node, text) {
  if (node.textContent === text) return;
  node.replaceChildren(...text.split("/").flatMap((part, n) =>
    n ? ["/", document.createElement("wbr"), part] : [part]));
}

function make(tag, kind, ...inside) {
  const node = document.createElement(tag);
  if (kind) node.className = kind;
  node.append(...inside);
  return node;
}

// Rows are kept and changed in place, so that focus and selection outlive the next second.
function sync(list, items, key, build, update) {
  const rows = new Map([...list.children].map(row => [row.dataset.key, row]));
  let at = list.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let row = rows.get(name);
    if (row) rows.delete(name);
    else {
      row = build(item);
      row.dataset.key = name;
    }
    update(row, item);
    if (row === at) at = at.nextElementSibling;
    else list.insertBefore(row, at);
  }
  for (const row of rows.values()) row.remove();
}

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const two = n => String(n).padStart(2, "0");
  const days = Math.floor(s / 86400);
  const rest = `${Math.floor(s / 3600) % 24}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  return days ? `${days} d ${rest}` : rest;
}

function roughly(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  const [big, small, names] = s < 86400 ? [3600, 60, ["h", "min"]] : [86400, 3600, ["d", "h"]];
  const rest = Math.floor(s % big / small);
  return `${Math.floor(s / big)} ${names[0]}` + (rest ? ` ${rest} ${names[1]}` : "");
}

const figure = value => value === null ? "–" :
  value.toLocaleString("en", {maximumFractionDigits: value < 1 ? 2 : value < 10 ? 1 : 0});

function moment(seconds) {
  const date = new Date(seconds * 1000);
  return isNaN(date) ? "–" : date.toLocaleTimeString([], {hour12: false});
}

// `7c0a4f7e-7b1c-...` as `7c0a4f7e…`, and without account and version: the title has the whole path.
const GUID = /([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const brief = path => path.replace(/^(\/v1)?\/accounts\/[^/]*/i, "").replace(/\?api-version=[^&]*$/, "")
  .replace(/\?api-version=[^&]*&/, "?").replace(GUID, "$1…");

// An id as it fits a line; one that a client has made can have 256 letters.
function short(id) {
  const brief = id.replace(GUID, "$1");
  return brief.length > 20 ? brief.slice(0, 19) + "…" : brief;
}

function outcome(request) {
  if (!request.ms_cv) return "waits";
  return request.status ? String(request.status) : "reset";
}

// One slot for each second of the window, oldest first; null where nothing happened.
function slots(meter) {
  const found = new Array(meter.window_seconds).fill(null);
  for (const row of meter.seconds) {
    const at = found.length - 1 - (meter.now - row.second);
    if (at >= 0 && at < found.length) found[at] = row;
  }
  return found;
}

function figures(meter) {
  const rows = slots(meter), some = rows.filter(Boolean), last = some[some.length - 1];
  const before = rows[rows.length - 2];
  const counts = rows.map(row => row ? row.requests : 0), top = Math.max(...counts);
  counts.pop();  // this second is drawn, but is no figure before it has ended
  return {
    rate: {min: Math.min(...counts), max: Math.max(...counts), now: before ? before.requests : 0, top},
    latency: {
      min: some.length ? Math.min(...some.map(row => row.min)) : null,
      max: some.length ? Math.max(...some.map(row => row.max)) : null,
      now: last ? last.mean : null,
    },
  };
}

// Asks every second while somebody looks; the longer it fails, the more slowly it asks.
function poll(ask, failed) {
  let timer = 0, failures = 0, running = false, again = false, paused = false, ended = false;
  let slow = 1;
  async function round() {
    clearTimeout(timer);
    again = running;
    if (running || paused || ended || document.hidden) return;
    running = true;
    try {
      await ask();
      failures = 0;
    } catch (error) {
      failures += 1;
      failed(error);
    }
    running = false;
    const wait = failures ? Math.min(10, 2 ** (failures - 1)) : slow;
    timer = setTimeout(round, again ? 0 : 1000 * wait);
  }
  document.addEventListener("visibilitychange", round);
  round();
  return {
    round,
    pause(on) { paused = on; round(); },
    end() { ended = true; },
    every(seconds) { slow = seconds; },
    get paused() { return paused; },
  };
}

// What the head of the page says of the emulator.
function light(text, kind) {
  $("live").className = "push live " + kind;
  put($("live"), text);
}

function lost(error) {
  light("no answer", "lost");
  put($("trouble"), `The emulator does not answer. This page tries again by itself. (${error.message})`);
}
