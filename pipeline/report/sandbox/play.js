// Forward, Loss, Sample: the model asked about a text of one's own.

import { at, bars, button, el, slider, visible } from "./dom.js";
import { lossOf, percent, ranked, softmax } from "./numbers.js";

const OTHER = "other";

/** The bars of a distribution: the `count` likeliest tokens, and `other` with the summed rest. */
export function likeliest(probabilities, vocabulary, count) {
  const order = ranked(probabilities);
  const rows = order.slice(0, count).map((id) => ({ id, name: visible(vocabulary[id]), share: probabilities[id] }));
  const rest = order.slice(count);
  if (rest.length) rows.push({ id: null, hidden: rest, name: OTHER, kind: OTHER, share: rest.reduce((sum, id) => sum + probabilities[id], 0) });
  return rows;
}

/** Of each position of the text: its token, whether it is the likeliest, its probability and loss; and the mean loss. */
export function judged(model, text) {
  const ids = model.ids(text);
  const { logits } = model.forward(ids);
  const places = ids.slice(1).map((id, place) => ({
    token: model.vocabulary[id],
    right: ranked(logits[place])[0] === id,
    probability: softmax(logits[place])[id],
    loss: lossOf(logits[place], id),
  }));
  return { places, mean: places.reduce((sum, place) => sum + place.loss, 0) / places.length };
}

export function play(model, lessons) {
  const box = at("play-box");
  const input = el("input", {
    id: "text", type: "text", maxlength: 10, autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    oninput: () => begin(),
  });
  const seed = el("input", { id: "seed", type: "number", min: 0, max: 999999, step: 1, value: 1, oninput: () => begin() });
  const result = el("div", { id: "play-result" });
  const said = el("p", { id: "play-said", role: "status" });
  let [draws, ended, count, last] = [0, false, 8, () => {}];

  function begin() {
    [draws, ended] = [0, false];
    sample.disabled = false;
    said.textContent = "";
  }

  function forward() {
    last = forward;
    const probabilities = softmax(model.next(input.value));
    const rows = likeliest(probabilities, model.vocabulary, count);
    result.replaceChildren(
      el("h3", {}, "What comes next"),
      bars(rows.map((row) => ({ ...row, note: percent(row.share), clicked: () => take(row, probabilities) }))),
      el("p", { class: "note" }, "A bar is a button: it appends its character; other draws among the hidden ones."));
  }

  function loss() {
    last = loss;
    if (!input.value) {
      result.replaceChildren(el("p", {}, "A loss needs a text: write some characters first."));
      return;
    }
    const { places, mean } = judged(model, input.value);
    const right = places.filter((place) => place.right).length;
    result.replaceChildren(
      el("h3", {}, "How well it foretold each character"),
      el("ol", { class: "places" }, places.map(({ token, right, probability }) => el("li", { class: right ? "right" : "wrong" },
        el("b", {}, visible(token)),
        el("span", {}, right ? "✓" : "✗", el("span", { class: "unseen" }, right ? " right" : " wrong")),
        el("small", {}, percent(probability))))),
      el("p", {}, `The likeliest character was right in ${right} of ${places.length}. Loss, the mean of −log p(true): `,
        el("b", { id: "mean-loss" }, mean.toFixed(4)), ` nats a character; guessing among all ${model.vocabulary.length} tokens costs `,
        `${Math.log(model.vocabulary.length).toFixed(2)}.`));
  }

  function append(id, how) {
    if (id === model.stop) {
      ended = sample.disabled = true;
      said.textContent = `${how} STOP: the text has ended. Change the text or the seed to begin again.`;
      return;
    }
    input.value += model.vocabulary[id];
    said.textContent = `${how} ${visible(model.vocabulary[id])}`;
    forward();
  }

  function draw() {
    if (ended) return;
    const probabilities = softmax(model.next(input.value));
    const id = model.draw(probabilities, Number(seed.value), draws++);
    const hidden = likeliest(probabilities, model.vocabulary, count).at(-1).hidden ?? [];
    append(id, hidden.includes(id) ? "Drawn from other:" : "Drawn:");
  }

  function take(row, probabilities) {
    if (row.id !== null) return append(row.id, "Appended:");
    const among = probabilities.map((p, id) => (row.hidden.includes(id) ? p : 0));
    return append(model.draw(among, Number(seed.value), draws++), "Drawn from other:");
  }

  const sample = button("Sample", draw);
  const preset = (text) => button(text.replaceAll(" ", "␣"), () => { input.value = text; begin(); forward(); }, { class: "preset", "aria-label": `Preset: ${text}` });
  box.append(
    el("div", { class: "row" }, el("label", { for: "text" }, "Ten characters"), input),
    el("div", { class: "row presets", role: "group", "aria-label": "Presets" }, lessons.presets.map(preset)),
    el("div", { class: "row" }, button("Forward", forward), button("Loss", loss), sample, el("label", { for: "seed" }, "Seed"), seed),
    slider({ label: "Bars", min: 1, max: 20, value: count, moved: (value) => { count = value; if (last === forward) forward(); } }),
    said, result);
  input.value = lessons.presets[0] ?? "";
  forward();
}
