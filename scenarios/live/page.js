// The live view: shows what the stream of events tells, and sends what the buttons mean. Whatever a run recorded is set as
// text, never as HTML.
"use strict";
const $ = (id) => document.getElementById(id);
const STATES = { placed: "placed", created: "in the OMS", booked: "booked", posted: "posted", shipped: "shipped", ended: "cancelled or refused" };
let followed = null;
let told = 0;
let faults = [];

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function say(text, bad) {
  $("said").textContent = text;
  $("said").classList.toggle("bad", Boolean(bad));
}

async function ask(path, body) {
  const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const reply = await fetch(path, options);
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.error || `${path}: ${reply.status}`);
  return answer;
}

async function act(path, body, done) {
  try {
    say(done(await ask(path, body)));
  } catch (error) {
    say(error.message, true);
  }
}

const inject = (entry) => act("inject", entry, (found) => `${found.id}: ${found.fault} on ${found.system}`);
const heal = (id) => act("heal", id === undefined ? {} : { id }, () => (id === undefined ? "all is healed" : `${id} is healed`));

// A list or table whose rows are kept by key, so that a button under the pointer stays where it is.
function keep(parent, items, keyOf, make, fill) {
  const there = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = null;
  for (const item of items) {
    const key = keyOf(item);
    let row = there.get(key);
    if (row) there.delete(key);
    else {
      row = make(item);
      row.dataset.key = key;
    }
    fill(row, item);
    const place = before ? before.nextElementSibling : parent.firstElementChild;
    if (place !== row) parent.insertBefore(row, place);
    before = row;
  }
  for (const gone of there.values()) gone.remove();
}

function options(select, names) {
  if ([...select.options].map((one) => one.value).join() === names.join()) return;
  const chosen = select.value;
  select.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(chosen)) select.value = chosen;
}

function button(text, action, className) {
  const made = element("button", text, className);
  made.type = "button";
  made.addEventListener("click", action);
  return made;
}

function showSystems(status, answers) {
  const active = (system) => status.faults.filter((one) => one.state === "active" && (one.system === system || one.system === "*"));
  keep(
    $("rows"),
    status.systems,
    (system) => system.name,
    (system) => {
      const row = element("tr");
      const name = element("th", system.name);
      name.scope = "row";
      row.append(name, ...Array.from({ length: 7 }, () => element("td", "", "number")), element("td"), element("td"));
      row.lastChild.append(
        button("outage 30 s", () => inject({ on: system.name, fault: "outage", for: 30 }), "bad"),
        button("cut its rate", () => inject({ on: system.name, fault: "throttle-cut", for: 30 })),
      );
      row.lastChild.querySelectorAll("button").forEach((one) => one.setAttribute("aria-label", `${one.textContent} on ${system.name}`));
      return row;
    },
    (row, system) => {
      const answered = answers[system.name] || {};
      const milliseconds = (value) => (value === null || value === undefined ? "" : `${value} ms`);
      const failing = answered.failing ? `${answered.failing} of ${answered.asked}` : "0";
      const values = [system.calls_per_s, system.calls.toLocaleString("en"), milliseconds(answered.p50_ms), milliseconds(answered.p95_ms), failing, system.in_flight, system.queued];
      values.forEach((value, place) => { row.children[place + 1].textContent = value; });
      row.children[5].classList.toggle("failing", Boolean(answered.failing));
      row.children[8].textContent = active(system.name).map((one) => one.fault).join(", ");
      row.classList.toggle("broken", active(system.name).length > 0);
    },
  );
}

function showFaults(status) {
  const order = { active: 0, waiting: 1, healed: 2 };
  const standing = [...status.faults].sort((one, other) => (order[one.state] ?? 3) - (order[other.state] ?? 3));
  keep(
    $("faults"),
    standing,
    (one) => one.id,
    (one) => {
      const row = element("li");
      row.append(element("span"), element("span"), button("heal", () => heal(one.id)));
      row.lastChild.setAttribute("aria-label", `heal ${one.id}`);
      return row;
    },
    (row, one) => {
      const left = one.left_s === null ? "" : `, ${Math.ceil(one.left_s)} s left`;
      row.children[0].textContent = `${one.state}${one.state === "active" ? left : ""}`;
      row.children[0].className = one.state;
      row.children[1].textContent = `${one.id}: ${one.fault} on ${one.system}${one.operation ? `.${one.operation}` : ""}, fired ${one.fired.toLocaleString("en")} times`;
      row.children[2].hidden = one.state === "healed";
    },
  );
}

function showFindings(state) {
  const found = state.findings;
  if (state.findings_problem) $("judged").textContent = `The invariants could not be asked: ${state.findings_problem}`;
  else if (found === null) $("judged").textContent = "The invariants have not been asked yet.";
  else if (!found.length) $("judged").textContent = "Every invariant that can be told so far holds.";
  else $("judged").textContent = `${state.findings_count.toLocaleString("en")} findings so far, the newest first. What may still come right is none.`;
  keep(
    $("findings"),
    found || [],
    (one) => one.id,
    (one) => {
      const row = element("li");
      row.append(element("strong", `${one.subject}: ${one.finding}`), element("div", `${one.claim} (${one.invariant}, seen at ${one.seen_s} s)`, "quiet"));
      if (one.order_ref) row.append(button(`follow ${one.order_ref}`, () => follow(one.order_ref)));
      return row;
    },
    () => {},
  );
}

function show(state) {
  const { status } = state;
  if (status.gone) {
    $("run").textContent = `The run has ended: read ${status.folder}/report.html`;
    return;
  }
  $("run").textContent = `${status.run} · ${status.phase} · ${Math.round(status.elapsed_s)} s`;
  keep($("flow"), Object.entries(STATES), ([name]) => name, () => { const row = element("li"); row.append(element("b"), element("span")); return row; }, (row, [name, words]) => {
    row.children[0].textContent = state.orders[name].toLocaleString("en");
    row.children[1].textContent = words;
  });
  showSystems(status, state.answers);
  showFaults(status);
  showFindings(state);
  options($("channel"), status.systems.filter((one) => one.kind === "marketplace").map((one) => one.name));
  options($("system"), [...status.systems.map((one) => one.name), "*"]);
  $("newest").replaceChildren(...state.newest.map((ref) => new Option(ref)));
}

async function tell() {
  const asked = followed;
  if (!asked) return;
  try {
    const { moments } = await ask(`order?ref=${encodeURIComponent(asked)}`);
    if (asked !== followed) return;
    $("story-title").textContent = moments.length ? `${asked}, so far` : `Nothing is known of ${asked} yet`;
    $("moments").replaceChildren(...moments.map((one) => {
      const row = element("tr");
      row.append(element("td", `${one.at_s.toFixed(3)} s`, "number"), element("td", one.what), element("td", one.system), element("td", one.words));
      return row;
    }));
  } catch (error) {
    say(error.message, true);
  }
}

function follow(ref) {
  followed = ref || null;
  $("story").hidden = !followed;
  $("story-title").textContent = followed ? `Looking for ${followed}…` : "";
  $("moments").replaceChildren();
  $("ref").value = ref;
  tell();
}

// The settings of a fault as they are typed; numbers and truth as what they are.
function settings(text) {
  const found = {};
  for (const part of text.trim().split(/\s+/).filter(Boolean)) {
    const [key, ...rest] = part.split("=");
    const value = rest.join("=");
    found[key] = value === "true" ? true : value === "false" ? false : value !== "" && !Number.isNaN(Number(value)) ? Number(value) : value;
  }
  return found;
}

function about() {
  const chosen = faults.find((one) => one.name === $("fault").value);
  if (!chosen) return;
  const known = chosen.settings.map((one) => `${one.name} (${one.expected}${one.required ? "" : `, else ${one.default}`})`);
  $("about").textContent = `${chosen.summary}${known.length ? ` Settings: ${known.join(", ")}.` : ""}`;
}

$("buy").addEventListener("submit", (event) => {
  event.preventDefault();
  act("order", { channel: $("channel").value }, (found) => { follow(found.order_ref); return `${found.order_ref} is placed`; });
});
$("follow").addEventListener("submit", (event) => { event.preventDefault(); follow($("ref").value.trim()); });
$("forget").addEventListener("click", () => follow(""));
$("inject").addEventListener("submit", (event) => {
  event.preventDefault();
  const entry = { on: $("system").value, fault: $("fault").value };
  const given = settings($("settings").value);
  if ($("seconds").value) entry.for = Number($("seconds").value);
  if ($("rate").value) entry.probability = Number($("rate").value);
  if (Object.keys(given).length) entry.set = given;
  inject(entry);
});
$("heal-all").addEventListener("click", () => heal());
$("fault").addEventListener("change", about);

ask("faults").then((found) => {
  faults = found.faults;
  options($("fault"), faults.map((one) => one.name));
  about();
}).catch((error) => say(error.message, true));

const stream = new EventSource("events");
stream.addEventListener("message", (event) => {
  show(JSON.parse(event.data));
  told += 1;
  if (followed && told % 3 === 0) tell();
});
stream.addEventListener("error", () => { $("run").textContent = "The run has ended, or its live view has; this page tries again."; });
