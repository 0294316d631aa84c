// The loop: a network that knows one character back, a sentence a step, Adam.
// characters V, width D

import { at, button, choice, curve, el, slider, table, visible } from "./dom.js";
import { shown, softmax, uniform } from "./numbers.js";

const WIDTH = 4;
const SENTENCES = ["the cat sat", "the dog ran", "a cat ran"];
const [BETA1, BETA2, EPS] = [0.9, 0.999, 1e-8]; // Kingma and Ba 2015

/** Embedding and head [V][D] with small random weights, and Adam's moments of each. */
export function fresh(characters) {
  let draw = 0;
  const matrix = (value) => characters.map(() => Array.from({ length: WIDTH }, value));
  const pair = () => ({ weight: matrix(() => uniform(3, draw++) - 0.5), first: matrix(() => 0), second: matrix(() => 0) });
  return { characters, embedding: pair(), head: pair(), steps: 0 };
}

/** The loss of a sentence, a mean over its characters, and the gradients of both matrices. */
export function backward({ characters, embedding, head }, sentence) {
  const ids = Array.from(`.${sentence}.`, (character) => characters.indexOf(character));
  const zeros = () => characters.map(() => new Array(WIDTH).fill(0));
  const gradient = { embedding: zeros(), head: zeros() };
  let loss = 0;
  for (let t = 0; t + 1 < ids.length; t++) {
    const x = embedding.weight[ids[t]];
    const p = softmax(head.weight.map((row) => row.reduce((sum, weight, i) => sum + weight * x[i], 0)));
    loss -= Math.log(p[ids[t + 1]]) / (ids.length - 1);
    p.forEach((one, id) => {
      const wrong = (one - (id === ids[t + 1])) / (ids.length - 1);
      for (let i = 0; i < WIDTH; i++) {
        gradient.head[id][i] += wrong * x[i];
        gradient.embedding[ids[t]][i] += wrong * head.weight[id][i];
      }
    });
  }
  return { loss, gradient };
}

/** One step of Adam on a sentence; the loss before it, and how far each row of the embedding moved. */
export function step(state, sentence, rate) {
  const { loss, gradient } = backward(state, sentence);
  state.steps += 1;
  const moved = state.characters.map(() => 0);
  for (const name of ["embedding", "head"]) {
    const { weight, first, second } = state[name];
    gradient[name].forEach((row, id) => row.forEach((g, i) => {
      first[id][i] = BETA1 * first[id][i] + (1 - BETA1) * g;
      second[id][i] = BETA2 * second[id][i] + (1 - BETA2) * g * g;
      const by = (rate * first[id][i]) / (1 - BETA1 ** state.steps) / (Math.sqrt(second[id][i] / (1 - BETA2 ** state.steps)) + EPS);
      weight[id][i] -= by;
      if (name === "embedding") moved[id] += by * by;
    }));
  }
  return { loss, moved: moved.map(Math.sqrt), gradient: gradient.embedding };
}

export function training() {
  const characters = Array.from(new Set(`.${SENTENCES.join("")}`)).sort();
  const result = el("div", {});
  let [state, losses, last, rate, sentence] = [fresh(characters), [], null, 0.05, SENTENCES[0]];
  const draw = () => {
    const rows = state.embedding.weight.map((row, id) => [
      visible(characters[id]), ...row.map((weight) => weight.toFixed(2)),
      last ? shown(Math.hypot(...last.gradient[id])) : "–", last ? (last.moved[id] > 1e-12 ? `moved by ${shown(last.moved[id])}` : "still") : "–",
    ]);
    const grid = table("Rows of the embedding", ["row", "1", "2", "3", "4", "gradient", "last step"], rows);
    grid.querySelectorAll("tbody tr").forEach((row, id) => row.classList.toggle("moved", Boolean(last && last.moved[id] > 1e-12)));
    result.replaceChildren(
      el("p", { role: "status", id: "training-told" }, last ? `Step ${state.steps}, on “${sentence}”: loss ${last.loss.toFixed(4)} nats. Rows with a gradient: ${last.gradient.filter((row) => Math.hypot(...row) > 0).length} of ${characters.length}.` : "No step yet."),
      losses.length > 1 ? curve({ points: losses.map((loss, i) => [i + 1, loss]), x: "step", y: "loss, nats", label: "Loss by step" }) : el("p", { class: "note" }, "The curve begins with the second step."),
      grid);
  };
  const go = (count) => () => {
    for (let i = 0; i < count; i++) {
      last = step(state, sentence, rate);
      losses.push(last.loss);
    }
    draw();
  };
  const again = () => { [state, losses, last] = [fresh(characters), [], null]; draw(); };
  at("training-box").append(
    choice({ label: "Sentence of the step", options: SENTENCES.map((one) => [one, one]), chosen: (value) => { sentence = value; } }),
    slider({ label: "Learning rate", min: -3, max: 0, step: 0.1, value: Math.log10(rate), show: (v) => shown(10 ** v), moved: (value) => { rate = 10 ** value; } }),
    el("div", { class: "row" }, button("One step", go(1)), button("50 steps", go(50)), button("Begin again", again)), result);
  draw();
}
