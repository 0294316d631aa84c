"use strict";
const $ = (id) => document.getElementById(id);
const KEYS = { conversations: "scriptorium.conversations", notes: "scriptorium.notes", theme: "scriptorium.theme" };
const FIELDS = ["temperature", "top_k", "top_p", "min_p", "repetition_penalty", "max_new", "thinking_budget", "seed"];
const LARGEST_FILE = 100000; // bytes
let told = null; // what the server says there is
let conversations = stored(KEYS.conversations, []);
let notes = stored(KEYS.notes, []);
let now = null; // the open conversation
const running = new Set(); // an AbortController of each answer that is being written
let looked = null; // { outlook, token, branch } that the bars show
let attachment = null;

// ---- small things ----
function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "role") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}
function stored(key, otherwise) {
  try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
}
function keep(key, value) {
  try { localStorage.setItem(key, JSON.stringify(value)); } catch { trouble("This browser keeps no more: delete a conversation."); }
}
function trouble(message) {
  $("trouble").textContent = message;
  $("trouble").hidden = !message;
}
async function asked(path, body) {
  const answer = await fetch(path, body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw Error(said.error.message);
  return said;
}
function guarded(action) {
  return async (event) => {
    trouble("");
    try { await action(event); } catch (fault) { if (fault.name !== "AbortError") trouble(fault.message); }
  };
}

// ---- what the server is asked ----
const modelOf = (name) => told.models.find((one) => one.name === name);
function draw(model = $("model").value) {
  const found = { calculator: $("calculator").checked };
  for (const name of FIELDS) found[name] = $(name).value === "" ? null : Number($(name).value);
  found.temperature ??= 0; found.max_new ??= 1; found.seed ??= 0;
  if (!modelOf(model)?.thinks) found.thinking_budget = null;
  if ($("stop-text").value) found.stop = [$("stop-text").value];
  return found;
}
function instructions(summary) {
  const before = summary ? "What was said before: " + summary : "";
  const lines = [$("system").value.trim(), before, notes.length ? "Notes:\n" + notes.map((note) => "- " + note).join("\n") : ""].filter(Boolean);
  return lines.length ? [{ role: "system", content: lines.join("\n\n") }] : [];
}
async function* events(body, signal) {
  const answer = await fetch("api/generate", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
  if (!answer.ok) throw Error((await answer.json()).error.message);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part.slice(6));
  }
}
// Fill a turn with what comes; `changed` draws it.
async function written(turn, body, changed) {
  const control = new AbortController();
  running.add(control); $("stop").hidden = false;
  Object.assign(turn, { tokens: [], content: "", thought: "", meta: null, withheld: null, model: body.model });
  const add = (part, text) => { if (part === "answer") turn.content += text; else if (part === "thought") turn.thought += text; };
  try {
    for await (const event of events({ ...body, withhold: $("withhold").checked }, control.signal)) {
      if (event.type === "start") Object.assign(turn, { read: event.prompt, forgotten: event.forgotten, cut: event.cut, cutText: event.cut_text });
      else if (event.type === "token") { turn.tokens.push(event); add(event.part, event.text); }
      else if (event.type === "end") {
        const last = turn.tokens.findLast((token) => token.part === "answer");
        add("answer", event.text); turn.meta = event;
        if (last) last.text += event.text;
      }
      else if (event.type === "withheld") Object.assign(turn, { withheld: event.reason, content: "", thought: "", tokens: [] });
      else throw Error(event.message);
      changed(event);
    }
  } catch (fault) {
    if (fault.name !== "AbortError") throw fault;
    turn.meta = { reason: "stopped", tokens: turn.tokens.length };
    changed({ type: "end" });
  } finally { running.delete(control); $("stop").hidden = !running.size; }
}

// ---- what else was likely: the distribution anew, from the likeliest logits and the rest at each temperature ----
function distribution(outlook, { temperature, top_k, top_p, min_p }) {
  if (temperature === 0) return { chances: outlook.ids.map((_, at) => (at ? 0 : 1)), rest: 0 };
  const place = Math.min(Math.max(Math.round(temperature * 10), 1), told.temperatures.length) - 1;
  const t = told.temperatures[place];
  const top = outlook.logits[0] / t;
  let weights = outlook.logits.map((logit) => Math.exp(logit / t - top));
  let rest = outlook.rest[place] === null ? 0 : Math.exp(outlook.rest[place] - top);
  if (top_k && top_k <= weights.length) { weights = weights.map((one, at) => (at < top_k ? one : 0)); rest = 0; }
  const normed = () => {
    const sum = weights.reduce((all, one) => all + one, rest);
    weights = weights.map((one) => one / sum); rest /= sum;
  };
  normed();
  if (top_p && top_p < 1) {
    let before = 0;
    weights = weights.map((one) => { const kept = before < top_p ? one : 0; before += one; return kept; });
    if (before >= top_p) rest = 0;
    normed();
  }
  if (min_p) {
    const least = min_p * weights[0];
    if (weights[weights.length - 1] < least) rest = 0;
    weights = weights.map((one) => (one < least ? 0 : one));
    normed();
  }
  return { chances: weights, rest };
}
function visible(text) { return text.replace(/\n/g, "⏎").replace(/\t/g, "⇥").replace(/ /g, "␣"); }
function percent(share) { return share >= 0.0995 ? Math.round(100 * share) + " %" : (100 * share).toFixed(share >= 0.001 || !share ? 1 : 2) + " %"; }
function look(outlook, token, branch) {
  looked = { outlook, token, branch };
  bars();
}
function bars() {
  const t = Number($("bars-t").value), k = Number($("bars-k").value);
  $("bars-t-shown").textContent = t.toFixed(1);
  $("bars-k-shown").textContent = k ? k : "off";
  if (!looked?.outlook) return;
  $("likely-hint").textContent = looked.branch ? "Choose another token to go on from there." : "";
  const found = distribution(looked.outlook, { temperature: t, top_k: k });
  const widest = Math.max(...found.chances, found.rest);
  const rows = looked.outlook.ids.slice(0, 12).map((id, at) => bar(visible(looked.outlook.texts[at]), found.chances[at], widest, id));
  const other = found.chances.slice(12).reduce((all, one) => all + one, found.rest);
  $("bars").replaceChildren(...rows, bar(null, other, widest, null));
}
function bar(text, share, widest, id) {
  const inner = [text === null ? h("span", { className: "rest" }, "all others") : h("code", {}, text), h("i"), h("b", {}, percent(share))];
  inner[1].style.width = (100 * share) / widest + "%";
  const can = looked.branch && id !== null;
  const made = h(can ? "button" : "div", { className: "bar" + (id !== null && id === looked.token ? " chosen" : "") }, ...inner);
  if (can) { made.type = "button"; made.dataset.id = id; made.addEventListener("click", () => looked.branch(id)); }
  return made;
}

// ---- tokens that can be pointed at, and walked with the arrow keys ----
function tokenSpans(tokens, { label, pick }) {
  const box = h("div", { className: "answer", role: "group", tabIndex: 0, "aria-label": label });
  tokens.forEach((token, at) => box.append(h("span", { className: "tok " + (token.by ?? "") + (token.special ? " special" : "") }, token.text)));
  let at = -1;
  const go = (next) => {
    box.children[at]?.classList.remove("at");
    at = Math.max(0, Math.min(tokens.length - 1, next));
    box.children[at]?.classList.add("at");
    pick(at);
  };
  box.addEventListener("mouseover", (event) => { const found = [...box.children].indexOf(event.target); if (found >= 0) go(found); });
  box.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && tokens.length) { event.preventDefault(); go(at + step); }
  });
  return box;
}

// ---- text as paragraphs, lists, tables and code: made of nodes, never of HTML ----
function rendered(text) {
  const out = h("div", { className: "rendered" });
  const lines = text.split("\n");
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
  for (let at = 0; at < lines.length; ) {
    const line = lines[at];
    if (line.startsWith("```")) {
      const code = [];
      for (at += 1; at < lines.length && !lines[at].startsWith("```"); at += 1) code.push(lines[at]);
      at += 1;
      out.append(h("pre", { tabIndex: 0 }, h("code", {}, code.join("\n"))));
    } else if (line.includes("|") && /^[\s|:-]*-[\s|:-]*$/.test(lines[at + 1] ?? "")) {
      const table = h("table", {}, h("thead", {}, h("tr", {}, ...cells(line).map((cell) => inline(h("th", { scope: "col" }), cell)))));
      const body = h("tbody");
      for (at += 2; at < lines.length && lines[at].includes("|"); at += 1) body.append(h("tr", {}, ...cells(lines[at]).map((cell) => inline(h("td"), cell))));
      table.append(body); out.append(table);
    } else if (/^\s*[-*] /.test(line)) {
      const list = h("ul");
      for (; at < lines.length && /^\s*[-*] /.test(lines[at]); at += 1) list.append(inline(h("li"), lines[at].replace(/^\s*[-*] /, "")));
      out.append(list);
    } else {
      if (line.trim()) out.append(inline(h("p"), line.replace(/^#+ /, "")));
      at += 1;
    }
  }
  return out;
}
function inline(into, text) {
  for (const part of text.split(/(`[^`]+`|\*\*[^*]+\*\*)/)) {
    if (/^`.+`$/.test(part)) into.append(h("code", {}, part.slice(1, -1)));
    else if (/^\*\*.+\*\*$/.test(part)) into.append(h("strong", {}, part.slice(2, -2)));
    else into.append(part);
  }
  return into;
}
const isRich = (text) => /```|^\s*[-*] |\|.*\n[\s|:-]*-/m.test(text);

// ---- an answer ----
function answerNode(turn, { prompt, again, edited, label }) {
  const box = h("div", { className: "turn assistant" });
  const placed = turn.tokens.map((token, place) => ({ ...token, place }));
  const some = (part) => placed.filter((one) => (one.part ?? "answer") === part);
  const spans = (tokens, name) => tokenSpans(tokens, { label: name, pick: (at) => pick(turn, tokens[at].place, prompt, again) });
  if (turn.withheld) box.append(h("p", { className: "withheld" }, "Withheld: " + turn.withheld + "."));
  else {
    if (some("bracket").length || some("thought").length) box.append(thoughtNode(turn, spans(some("thought"), "Thought, " + turn.thought), some("thought").length));
    if (turn.raw || !isRich(turn.content) || !turn.meta) box.append(spans(some("answer"), label + ", " + turn.content));
    else box.append(rendered(turn.content));
  }
  const actions = h("div", { className: "actions" });
  if (turn.meta || turn.withheld) {
    const action = (name, act) => actions.append(h("button", { type: "button", onclick: act }, name));
    if (isRich(turn.content)) action(turn.raw ? "Rendered" : "Tokens", () => { turn.raw = !turn.raw; box.replaceWith(answerNode(turn, { prompt, again, edited, label })); });
    if (edited && !turn.withheld) action("Edit", () => box.replaceChildren(...editor(turn, again, edited)));
    if (again) action("Again", guarded(() => { $("seed").value = Number($("seed").value) + 1; return again(""); }));
    const rate = turn.meta?.rate ? `, first after ${turn.meta.first_ms} ms, ${Math.round(turn.meta.rate)} a second` : "";
    const found = turn.meta?.found ? `${turn.meta.found} tokens of the prompt not read anew` : "";
    actions.append(h("span", { className: "meta" }, [turn.model, turn.meta && `${turn.meta.tokens} tokens${rate}`, found, turn.meta && { length: "token limit", stopped: "stopped" }[turn.meta.reason]].filter(Boolean).join(" · ")));
  }
  box.append(actions);
  return box;
}
// What was thought before an answer, folded.
function thoughtNode(turn, spans, many) {
  const bound = turn.tokens.some((one) => one.by === "budget" && one.shown === "</think>") ? ", closed by the budget" : "";
  const name = !endsInThought(turn) ? "Thought" : turn.meta ? "Thought without an end" : "Thinks";
  return h("details", { className: "thought", open: Boolean(turn.unfolded), ontoggle: (event) => { turn.unfolded = event.currentTarget.open; } },
    h("summary", {}, `${name}: ${many} token${many === 1 ? "" : "s"}${bound}`), spans);
}
function endsInThought({ tokens }) {
  const last = tokens[tokens.length - 1];
  return last?.part === "thought" || (last?.part === "bracket" && last.shown === "<think>");
}
const notSaid = (turn) => turn.tokens.filter((token) => (token.part ?? "answer") !== "answer");
// What comes before an answer whose words were changed: as tokens where it thought, since a text is never a special token.
async function begunWith(turn, text) {
  const thought = notSaid(turn).map((token) => token.id);
  if (!thought.length) return text;
  const ids = async (words, special) => (await asked("api/tokens", { model: $("model").value, text: words, special })).tokens.map((token) => token.id);
  return [...thought, ...(endsInThought(turn) ? await ids("</think>", true) : []), ...(await ids(text, false))];
}
function editor(turn, again, edited) {
  const field = h("textarea", { rows: 3, value: turn.content, "aria-label": "The answer" });
  const on = h("button", { type: "button", className: "main", onclick: guarded(async () => again(await begunWith(turn, field.value))) }, "Go on from here");
  const done = h("button", { type: "button", onclick: () => edited(field.value) }, "Keep");
  setTimeout(() => field.focus());
  return [field, h("div", { className: "row" }, on, done)];
}
async function pick(turn, at, prompt, again) {
  if (!turn.tokens[at].outlook) await recall(turn, prompt);
  const token = turn.tokens[at];
  const branch = again && ((id) => guarded(() => again([...turn.tokens.slice(0, at).map((one) => one.id), id]))());
  if (token?.outlook) look(token.outlook, token.id, branch);
}
// A conversation from the store has its tokens, not what else was likely: the model reads them once more.
async function recall(turn, prompt) {
  if (turn.recalling || turn.edited || !prompt) return;
  turn.recalling = true;
  const found = [];
  for await (const event of events({ ...prompt(), model: turn.model, given: turn.tokens.map((one) => one.id), draw: { ...draw(), max_new: 1, thinking_budget: null }, withhold: false })) {
    if (event.by === "given") found.push(event);
  }
  turn.tokens.forEach((one, at) => { one.outlook = found[at]?.outlook; });
  turn.recalling = false;
}

// ---- chat ----
function fresh() {
  now = { id: String(Date.now()) + Math.random().toString(36).slice(2, 6), title: "New conversation", system: $("system").value, turns: [] };
}
function save() {
  if (now.turns.length && !conversations.includes(now)) conversations.unshift(now);
  const bare = (turn) => ({ ...turn, recalling: undefined, unfolded: undefined, tokens: turn.tokens?.map(({ id, shown, text, by, part }) => ({ id, shown, text, by, part })) });
  keep(KEYS.conversations, conversations.map((one) => ({ ...one, turns: one.turns.map(bare) })));
  list();
}
function list() {
  $("conversations").replaceChildren(...conversations.map((one) => h("li", {},
    h("button", { type: "button", "aria-current": String(one === now), onclick: () => open(one) }, one.title),
    h("button", { type: "button", className: "quiet", "aria-label": "Delete " + one.title, onclick: () => { conversations = conversations.filter((other) => other !== one); if (one === now) { fresh(); turns(); } save(); } }, "×"))));
  $("notes").replaceChildren(...notes.map((note, at) => h("li", {}, h("span", {}, note),
    h("button", { type: "button", className: "quiet", "aria-label": "Delete the note " + note, onclick: () => { notes.splice(at, 1); keep(KEYS.notes, notes); list(); } }, "×"))));
}
function open(one) {
  stopped();
  now = one;
  $("system").value = one.system ?? "";
  turns(); list();
}
function turns() {
  const last = now.turns[now.turns.length - 1];
  const unread = unreadBefore(last);
  $("turns").replaceChildren();
  now.turns.forEach((turn, at) => {
    if (unread && at === unread) $("turns").append(cutNode(last, unread));
    const node = turnNode(turn, at);
    if (at < unread) { node.classList.add("unread"); node.prepend(h("p", { className: "meta" }, now.summary?.until > at ? "Not read, summed up below" : "Not read")); }
    $("turns").append(node);
    if (turn.role === "user" && at === now.turns.length - 2 && last.cut) $("turns").append(h("div", { className: "cut", role: "note" },
      h("p", {}, h("strong", {}, `The end of this message was not read: ${last.cut} of its tokens. `), `The model reads ${modelOf(last.model)?.context ?? "few"} tokens, the answer among them.`),
      h("details", {}, h("summary", {}, "What was not read"), h("p", { className: "lost" }, last.cutText))));
  });
  if (!now.turns.length) $("turns").append(h("p", { className: "hint" }, told.examples.length ? "Nothing was said yet. Ask, for example:" : "Nothing was said yet."),
    ...told.examples.map((question) => h("button", { type: "button", className: "example", onclick: () => { $("question").focus(); send(question); } }, question)));
}
function turnNode(turn, at) {
  if (turn.role === "user") return h("div", { className: "turn user" }, turn.content);
  return answerNode(turn, {
    label: "Answer", prompt: () => ({ messages: messages(at, { told: instructions(), from: 0, ...turn }) }), again: (given) => reply(at, given),
    edited: (text) => { Object.assign(turn, { content: text, tokens: [...notSaid(turn), { id: 0, shown: text, text, by: "given", part: "answer" }], edited: true }); save(); turns(); },
  });
}
// The place from which the last answer's model read, among the turns that are shown: what is withheld is never sent.
function unreadBefore(last) {
  let left = last?.forgotten ?? 0, at = last?.from ?? 0;
  for (; left > 0 && at < now.turns.length - 1; at += 1) left -= !now.turns[at].withheld;
  while (at && now.turns[at]?.withheld) at += 1;
  return Math.max(at, now.summary?.until ?? 0);
}
function cutNode(last, unread) {
  const summed = now.summary && now.summary.until <= unread;
  const more = summed ? unread - now.summary.until : unread;
  const messages = (count) => `${count} message${count === 1 ? "" : "s"}`;
  const model = last.model ?? $("model").value;
  const context = modelOf(model)?.context;
  const box = h("div", { className: "cut", role: "note" });
  if (more) box.append(h("p", {}, h("strong", {}, summed ? `${messages(more)} above are no longer read. ` : `The model no longer reads the ${messages(unread)} above. `),
    `${model} reads ${context} tokens: ${last.read} of what follows${$("system").value.trim() || notes.length ? " and of the instructions" : ""}, the rest is left for its answer.`));
  if (summed) box.append(h("p", {}, h("strong", {}, `In place of ${messages(now.summary.until)} the model reads: `), now.summary.text));
  const act = (name, action) => h("button", { type: "button", onclick: action }, name);
  box.append(h("div", { className: "actions" }, act(summed ? "Change the summary" : "Put a summary in their place", () => box.replaceWith(summaryNode(unread, model))),
    summed ? act("Remove the summary", () => { now.summary = null; save(); turns(); }) : null));
  return box;
}
// A summary is what the user lets stand: written by hand, or a draft of the model's that can be corrected.
function summaryNode(until, model) {
  const field = h("textarea", { rows: 3, value: now.summary?.text ?? "", "aria-label": "Summary of the messages above" });
  const hint = h("p", { className: "hint", role: "status" }, "The model reads this in their place, from the next message on. Small models sum up badly: read a draft before you keep it.");
  const drafted = guarded(async () => { // behind what was typed
    const typed = field.value.trim();
    const show = (text) => { field.value = [typed, text.trim()].filter(Boolean).join("\n"); };
    field.readOnly = draft.disabled = true;
    const said = now.turns.slice(0, until).filter((turn) => !turn.withheld).map((turn) => `${turn.role}: ${turn.content}`).join("\n");
    const turn = {};
    try {
      await written(turn, { model, messages: [{ role: "user", content: "Give me a summary of three sentences. " + said }], draw: { ...draw(model), thinking_budget: null } }, () => show(turn.content));
    } catch (fault) { show(""); throw fault; } finally { field.readOnly = draft.disabled = false; }
    hint.textContent = turn.withheld ? `Withheld: ${turn.withheld}.` : `A draft by ${model}${turn.cut ? `, which did not read the last ${turn.cut} tokens` : ""}. Correct it before you keep it.`;
  });
  const kept = () => { const text = field.value.trim(); now.summary = text ? { until, text } : null; save(); turns(); };
  const draft = h("button", { type: "button", onclick: drafted }, "Draft by " + model);
  setTimeout(() => field.focus());
  return h("div", { className: "cut" }, field, hint, h("div", { className: "row wrap" },
    draft, h("span", { className: "grow" }),
    h("button", { type: "button", onclick: () => turns() }, "Cancel"), h("button", { type: "button", className: "main", onclick: kept }, "Keep")));
}
const stopped = () => running.forEach((control) => control.abort());
// What an answer's model is told, and what it read of that when it is asked once more: the summary and the notes of that time.
const messages = (end, { told, from, forgotten }) => [...told, ...now.turns.slice(from, end).filter((turn) => !turn.withheld).slice(forgotten ?? 0).map(({ role, content }) => ({ role, content }))];
const summed = (end) => (now.summary && now.summary.until < end ? now.summary.until : 0);
async function reply(at, given) {
  stopped();
  const home = now, before = { turns: home.turns.slice(at), summary: home.summary };
  home.turns.length = at;
  if (home.summary?.until >= at) home.summary = null;
  const turn = { role: "assistant", content: "", tokens: [], model: $("model").value, told: instructions(summed(at) && now.summary.text), from: summed(at) };
  const body = { model: turn.model, messages: messages(at, turn), given, draw: draw() };
  home.turns.push(turn);
  turns();
  let waiting = false;
  const paint = () => { waiting = false; if (now !== home || home.turns[at] !== turn) return; const node = $("turns").querySelectorAll(".turn")[at]; node?.replaceWith(turnNode(turn, at)); scroll(); };
  try {
    await written(turn, body, () => { if (!waiting) { waiting = true; requestAnimationFrame(paint); } });
  } catch (fault) { // what stood there comes back
    home.turns.splice(at, Infinity, ...before.turns); home.summary = before.summary;
    throw fault;
  } finally { if (now === home) turns(); save(); scroll(); }
}
function scroll() { window.scrollTo({ top: document.body.scrollHeight }); }
const send = guarded(async (example) => {
  const question = example ?? $("question").value.trim();
  if (!question && !attachment) return;
  const text = attachment ? [question, "```\n" + attachment.text + "\n```"].filter(Boolean).join("\n\n") : question;
  if (!now.turns.length) now.title = question.slice(0, 60) || attachment.name;
  const home = now, file = attachment;
  home.system = $("system").value;
  home.turns.push({ role: "user", content: text });
  if (!example) $("question").value = "";
  attach(null);
  try { await reply(home.turns.length, ""); } catch (fault) { // nothing was asked: the words go back to where they were typed
    home.turns.pop();
    if (!home.turns.length) conversations = conversations.filter((one) => one !== home);
    if (now === home) { $("question").value ||= question; if (!attachment) attach(file); turns(); }
    save();
    throw fault;
  }
});
function attach(found) {
  attachment = found; $("file").value = ""; $("attached").hidden = !found;
  $("attached").replaceChildren(...(found ? [`${found.name}, ${found.text.length} characters `, h("button", { type: "button", className: "quiet", "aria-label": "Take off " + found.name, onclick: () => attach(null) }, "×")] : []));
}

// ---- side by side ----
const pairing = { sides: null, turns: null };
const both = guarded(async () => {
  const question = $("pair-question").value.trim();
  if (!question) return;
  stopped();
  const blind = $("blind").checked;
  const models = [$("pair-a").value, $("pair-b").value];
  if (blind && Math.random() < 0.5) models.reverse();
  const prompt = [...instructions(), { role: "user", content: question }];
  const mine = [{}, {}];
  Object.assign(pairing, { sides: models, prompt, turns: mine, blind });
  $("vote").hidden = true; $("voted").textContent = "";
  named(!blind);
  await Promise.all(["a", "b"].map((side, at) => {
    const turn = mine[at];
    const seed = draw().seed + (models[0] === models[1] ? at : 0);
    const paint = () => $("pair-answer-" + side).replaceChildren(answerNode(blind ? { ...turn, model: null } : turn, { label: "Answer " + side.toUpperCase(), prompt: null, again: null, edited: null }));
    return written(turn, { model: models[at], messages: prompt, draw: { ...draw(models[at]), seed } }, paint);
  }));
  if (pairing.turns !== mine) return;
  const [one, other] = mine.map((turn) => turn.content);
  $("vote").hidden = !one.trim() || !other.trim() || one === other;
  if ($("vote").hidden) { named(true); $("voted").textContent = "The answers are equal or empty: there is nothing to vote on."; }
});
function named(known) {
  ["a", "b"].forEach((side, at) => { $("name-" + side).textContent = side.toUpperCase() + (known && pairing.sides ? ": " + pairing.sides[at] : ""); });
}
const vote = guarded(async (event) => {
  const winner = event.target.dataset.winner;
  if (!winner) return;
  $("vote").hidden = true;
  const kept = await asked("api/votes", { prompt: pairing.prompt, answers: pairing.turns.map((turn) => turn.content), models: pairing.sides, winner, voter: told.voter });
  named(true);
  const won = Object.entries(kept.models).map(([name, one]) => `${name} ${one.won} of ${one.votes}`).join(", ");
  $("voted").textContent = `Kept in ${kept.file}: ${kept.votes} votes (${won}).`;
});

// ---- a text of one's own ----
const ofText = (field) => ({ model: $("model").value, text: $(field).value, special: $(field + "-special").checked });
const forward = guarded(async () => {
  look(await asked("api/next", ofText("text")), null, (id) => extend(looked.outlook.texts[looked.outlook.ids.indexOf(id)]));
  $("text-told").textContent = "The bars show what may come next; choose one to append it.";
});
function extend(text) { $("text").value += text; forward(); }
const loss = guarded(async () => {
  const found = await asked("api/loss", ofText("text"));
  const bits = found.bits_per_byte === null ? "" : `, ${found.bits_per_byte.toFixed(3)} bits a byte`;
  const bare = found.tokens.some((one) => one.special) ? " (special tokens have no bytes)" : "";
  $("text-told").textContent = `Mean loss ${found.mean.toFixed(3)} nats a token over ${found.tokens.length} tokens${bits}${bare}. Darker is less expected.`;
  const pickLoss = (at) => { const one = found.tokens[at]; look(one.outlook, one.id, null); $("likely-hint").textContent = `"${visible(one.text)}": loss ${one.loss.toFixed(2)} nats, probability ${percent(Math.exp(-one.loss))}, rank ${one.rank}.`; };
  const box = tokenSpans(found.tokens, { label: "The text with the loss at each token", pick: pickLoss });
  found.tokens.forEach((one, at) => { box.children[at].style.background = `color-mix(in srgb, var(--bar) ${Math.min(70, 10 * one.loss).toFixed(0)}%, transparent)`; box.children[at].title = one.loss.toFixed(2) + " nats"; });
  $("text-tokens").replaceChildren(box);
});
const goOn = (count) => guarded(async () => {
  const turn = {};
  await written(turn, { ...ofText("text"), draw: { ...draw(), max_new: count ?? draw().max_new, thinking_budget: null } }, (event) => { if (event.text) $("text").value += event.text; });
  $("seed").value = Number($("seed").value) + 1;
  const last = turn.tokens[turn.tokens.length - 1];
  if (last) look(last.outlook, last.id, null);
  $("text-told").textContent = turn.withheld ? "Withheld: " + turn.withheld + "." : turn.meta.reason === "stop" && !turn.tokens.length ? "STOP was drawn: the text ends here." : `${turn.tokens.length} tokens were drawn.`;
});
let cutting = null;
function cutTokens() {
  clearTimeout(cutting);
  cutting = setTimeout(guarded(async () => {
    const found = await asked("api/tokens", ofText("tokenize"));
    const many = found.tokens.length;
    $("tokens-told").textContent = `${many} tokens, ${found.bytes} bytes` + (many ? `, ${(found.bytes / many).toFixed(2)} bytes a token` : "");
    $("tokens-shown").replaceChildren(...found.tokens.map((one, at) => h("span", { className: "tok " + (one.special ? "special" : at % 2 ? "odd" : "even"), title: "id " + one.id }, one.text)));
  }), 120);
}
const attend = guarded(async () => {
  const found = await asked("api/attention", { ...ofText("attend"), layer: Number($("layer").value) });
  $("layer").max = found.layers - 1;
  $("attention-told").textContent = `Layer ${$("layer").value} of ${found.layers}, ${found.heads.length} heads. Choose a head; point at a token to see what it looks at.`;
  let head = 0;
  const pickRow = (at) => {
    [...$("attention-tokens").querySelectorAll(".tok")].forEach((span, other) => { span.style.background = `color-mix(in srgb, var(--bar) ${Math.round(85 * (found.heads[head][at][other] ?? 0))}%, transparent)`; span.title = percent(found.heads[head][at][other] ?? 0); });
  };
  const nodes = found.heads.map((weights, number) => {
    const size = weights.length, canvas = h("canvas", { width: size, height: size, role: "img", "aria-label": "Weights of head " + number });
    const pen = canvas.getContext("2d");
    weights.forEach((row, y) => row.forEach((one, x) => { pen.fillStyle = `rgba(190, 110, 50, ${one})`; pen.fillRect(x, y, 1, 1); }));
    return h("button", { type: "button", className: "head", "aria-pressed": String(number === 0), onclick: (event) => { head = number; nodes.forEach((one) => one.setAttribute("aria-pressed", String(one === event.currentTarget))); pickRow(found.tokens.length - 1); } }, canvas, "Head " + number);
  });
  $("heads").replaceChildren(...nodes);
  $("attention-tokens").replaceChildren(tokenSpans(found.tokens.map((text) => ({ text })), { label: "Tokens: what each looks at", pick: pickRow }));
  pickRow(found.tokens.length - 1);
});

// ---- the frame ----
function show(tab) {
  for (const one of $("tabs").children) {
    const chosen = one === tab;
    one.setAttribute("aria-selected", String(chosen)); one.tabIndex = chosen ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (told) modelTold();
}
function themed(name) {
  if (name === "system") delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = name;
  $("theme").setAttribute("aria-label", "Theme: " + (name === "system" ? "as the system has it" : name));
  keep(KEYS.theme, name);
}
function modelTold() {
  const one = modelOf($("model").value), both = !$("view-pair").hidden;
  const thinks = both ? ["pair-a", "pair-b"].some((id) => modelOf($(id).value).thinks) : one.thinks;
  $("thinking_budget").disabled = !thinks;
  $("thinking-told").textContent = thinks ? "Tokens of a thought that is opened before each answer; empty: the model decides." : `${both ? "These models have" : "This model has"} no tokens to think between.`;
  $("model-told").textContent = `${one.engine}, reads ${one.context} tokens, ${one.path}`;
}
function exported() {
  const turn = ({ role, content, thought, model, tokens, withheld }) => ({ role, content, reasoning_content: thought || undefined, model, tokens: tokens?.map((one) => ({ id: one.id, text: one.shown, logprob: one.logprob })), withheld: withheld ?? undefined });
  const whole = { format: "scriptorium-conversation-1", title: now.title, model: $("model").value, draw: draw(), summary: now.summary ?? undefined, messages: [...instructions(), ...now.turns.map(turn)] };
  const link = h("a", { href: URL.createObjectURL(new Blob([JSON.stringify(whole, null, 1)], { type: "application/json" })), download: "conversation.json" });
  link.click(); URL.revokeObjectURL(link.href);
}
function listen() {
  $("tabs").addEventListener("click", (event) => event.target.getAttribute("role") === "tab" && show(event.target));
  $("tabs").addEventListener("keydown", (event) => {
    const all = [...$("tabs").children], step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step) { const next = all[(all.indexOf(document.activeElement) + step + all.length) % all.length]; show(next); next.focus(); }
  });
  const sends = (field, act) => $(field).addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); act(); } });
  sends("question", send); sends("pair-question", both);
  $("ask").addEventListener("submit", (event) => { event.preventDefault(); send(); });
  $("pair-form").addEventListener("submit", (event) => { event.preventDefault(); both(); });
  document.addEventListener("keydown", (event) => event.key === "Escape" && stopped());
  $("stop").addEventListener("click", () => stopped());
  $("new").addEventListener("click", () => { stopped(); fresh(); turns(); list(); $("question").focus(); });
  $("export").addEventListener("click", exported);
  $("vote").addEventListener("click", vote);
  $("note-form").addEventListener("submit", (event) => { event.preventDefault(); const note = $("note").value.trim(); if (note) { notes.push(note); keep(KEYS.notes, notes); $("note").value = ""; list(); } });
  $("file").addEventListener("change", guarded(async () => {
    const file = $("file").files[0];
    if (!file) return;
    if (file.size > LARGEST_FILE) throw Error(`${file.name} has ${file.size} bytes; ${LARGEST_FILE} can be attached.`);
    let text;
    try { text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()); } catch { throw Error(file.name + " is no text in UTF-8."); }
    attach({ name: file.name, text });
  }));
  $("forward").addEventListener("click", forward); $("loss").addEventListener("click", loss);
  $("sample").addEventListener("click", goOn(1)); $("continue").addEventListener("click", goOn(null));
  $("tokenize").addEventListener("input", cutTokens); $("tokenize-special").addEventListener("change", cutTokens);
  $("look").addEventListener("click", attend);
  $("bars-t").addEventListener("input", bars); $("bars-k").addEventListener("input", bars);
  $("temperature").addEventListener("change", () => { $("bars-t").value = $("temperature").value; bars(); });
  $("top_k").addEventListener("change", () => { $("bars-k").value = $("top_k").value || 0; bars(); });
  for (const id of ["pair-a", "pair-b"]) $(id).addEventListener("change", modelTold);
  $("model").addEventListener("change", () => { modelTold(); if ($("tokenize").value) cutTokens(); });
  $("theme").addEventListener("click", () => { const order = ["system", "light", "dark"]; themed(order[(order.indexOf(stored(KEYS.theme, "system")) + 1) % 3]); });
}
async function begin() {
  themed(stored(KEYS.theme, "system"));
  told = await asked("api/models");
  for (const id of ["model", "pair-a", "pair-b"]) $(id).replaceChildren(...told.models.map((one) => h("option", { value: one.name }, one.name)));
  $("model").value = $("pair-a").value = told.final;
  $("pair-b").value = told.models.map((one) => one.name).filter((name) => name !== told.final && name !== "base")[0] ?? told.models[0].name;
  for (const name of FIELDS) $(name).value = told.draw[name] ?? "";
  $("bars-t").value = told.draw.temperature; $("bars-k").value = told.draw.top_k ?? 0;
  if (!told.withholds) { $("withhold").checked = false; $("withhold").disabled = true; }
  if (matchMedia("(max-width: 62rem)").matches) { $("side-details").open = false; $("settings").open = false; }
  modelTold(); listen(); fresh(); turns(); list(); bars();
  document.documentElement.dataset.ready = "yes";
}
begin().catch((fault) => trouble(fault.message));
