// Data, forward, loss, sample: one thing to move in each.

import { at, bars, button, curve, el, opening, slider, visible } from "./dom.js";
import { likeliest } from "./play.js";
import { counted, entropy, percent, shown, softmax } from "./numbers.js";

/** A window over a training text: what stands before, and the character to be foretold. */
export function data(lessons) {
  const text = Array.from(lessons.excerpt);
  const first = Math.min(80, text.length - 1);
  const shownText = el("p", { class: "excerpt", id: "data-text" });
  const told = el("p", { role: "status" });
  const mark = (tag, from, to) => el(tag, {}, text.slice(from, to).join(""));
  const draw = (place) => {
    const [from, to] = [Math.max(0, place - 60), Math.min(text.length, place + 90)];
    shownText.replaceChildren(mark("mark", from, place), el("strong", {}, visible(text[place])), mark("span", place + 1, to));
    told.textContent = `Example ${counted(place)} of ${counted(text.length - 1)} in this excerpt: after ${place} characters comes ${visible(text[place])}.`;
  };
  at("data-box").append(slider({ label: "Place in the text", min: 1, max: text.length - 1, value: first, moved: draw }), shownText, told);
  draw(first);
}

/** The same question with more and more of the text before it. */
export function forward(model, lessons) {
  const text = Array.from(opening(lessons.excerpt, 48));
  const result = el("div", {});
  const draw = (seen) => {
    const part = text.slice(0, seen).join("");
    const probabilities = softmax(model.next(part));
    const rows = likeliest(probabilities, model.vocabulary, 6).map((row) => ({ ...row, note: percent(row.share) }));
    result.replaceChildren(el("p", { class: "excerpt" }, el("mark", {}, part || "(nothing)"), " ?"), bars(rows),
      el("p", { role: "status" }, `Uncertainty: ${entropy(probabilities).toFixed(2)} bits, as many as a choice among ${shown(2 ** entropy(probabilities))} equal characters.`));
  };
  at("forward-box").append(slider({ label: "Characters that it reads", min: 0, max: text.length, value: 12, moved: draw }), result);
  draw(12);
}

/** From a probability to its loss. */
export function loss(model) {
  const result = el("div", {});
  const chance = 1 / model.vocabulary.length;
  const draw = (log) => {
    const p = 10 ** log;
    const points = Array.from({ length: 120 }, (_, i) => 10 ** (-3 + (3 * i) / 119)).map((one) => [one, -Math.log(one)]);
    result.replaceChildren(curve({ points, mark: [p, -Math.log(p)], x: "p(true)", y: "loss, nats", label: "Loss by the probability of the true character" }),
      el("p", { role: "status", id: "loss-told" }, `p = ${shown(p)}: loss ${(-Math.log(p)).toFixed(3)} nats, ${(-Math.log2(p)).toFixed(3)} bits. `
        + `A model that knows nothing gives each token ${shown(chance)} and pays ${(-Math.log(chance)).toFixed(2)} nats.`));
  };
  at("loss-box").append(slider({ label: "Probability of the true character", min: -3, max: 0, step: 0.01, value: -0.3, show: (log) => percent(10 ** log), moved: draw }), result);
  draw(-0.3);
}

/** Many draws beside the probabilities, at a temperature. */
export function sample(model, lessons) {
  const preset = lessons.presets[0] ?? "";
  const text = preset.slice(0, preset.lastIndexOf(" ") + 1); // a word is about to begin
  const result = el("div", {});
  let [temperature, draws] = [1, 0];
  let counts = new Map();
  const draw = () => {
    const probabilities = softmax(model.next(text), temperature);
    const rows = likeliest(probabilities, model.vocabulary, 7);
    const drawn = (row) => (row.hidden ?? [row.id]).reduce((sum, id) => sum + (counts.get(id) ?? 0), 0);
    result.replaceChildren(
      el("p", { class: "excerpt" }, el("mark", {}, text), " ?"),
      bars(rows.map((row) => ({ ...row, note: draws ? `${percent(row.share)}, drawn ${percent(drawn(row) / draws)}` : percent(row.share) }))),
      el("p", { role: "status", id: "sample-told" }, draws ? `${draws} draws.` : "Nothing drawn yet."));
  };
  const more = (count) => () => {
    const probabilities = softmax(model.next(text), temperature);
    for (let i = 0; i < count; i++) {
      const id = model.draw(probabilities, 7, draws++);
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    draw();
  };
  const moved = (value) => { [temperature, draws, counts] = [value, 0, new Map()]; draw(); };
  at("sample-box").append(slider({ label: "Temperature", min: 0.2, max: 2, step: 0.1, value: 1, show: (t) => t.toFixed(1), moved }),
    el("div", { class: "row" }, button("Draw 10", more(10)), button("Draw 1,000", more(1000))), result);
  draw();
}
