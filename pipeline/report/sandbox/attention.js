// Where the model looks: the weights of one head, read back from the forward pass.

import { at, choice, el, opening, slider, svg, visible } from "./dom.js";
import { percent } from "./numbers.js";

const CELL = 14;

export function attention(model, lessons) {
  const ids = model.ids(opening(lessons.excerpt, 31));
  const tokens = ids.map((id) => visible(model.vocabulary[id]));
  const found = model.forward(ids).attention;
  const result = el("div", {});
  let [layer, head, place] = [model.shape.layers - 1, 0, ids.length - 1];
  const draw = () => {
    const weights = found[layer][head][place];
    const order = Array.from(weights.keys()).sort((a, b) => weights[b] - weights[a]);
    const cells = found[layer][head].flatMap((row, t) => Array.from(row, (weight, s) => svg("rect", {
      x: s * CELL, y: t * CELL, width: CELL - 1, height: CELL - 1, class: t === place ? "cell lit" : "cell", "fill-opacity": Math.max(0.04, weight).toFixed(3),
    })));
    result.replaceChildren(
      el("p", { class: "excerpt looked" }, tokens.map((token, s) => el("span", {
        class: s === place ? "asks" : "", style: s <= place ? `--weight:${(100 * weights[s]).toFixed(0)}%` : "--weight:0%",
      }, token))),
      el("p", { role: "status", id: "attention-told" }, `Position ${place} (${tokens[place]}) takes ${order.slice(0, 3).map((s) => `${percent(weights[s])} from ${tokens[s]} at ${s}`).join(", ")}.`),
      svg("svg", { viewBox: `0 0 ${tokens.length * CELL} ${tokens.length * CELL}`, class: "drawing square", role: "img",
        "aria-label": `Weights of layer ${layer + 1}, head ${head + 1}: a row for each position, a column for each that it can see` }, cells));
  };
  const numbered = (word, count) => Array.from({ length: count }, (_, i) => [String(i), `${word} ${i + 1}`]);
  const layers = choice({ label: "Layer", options: numbered("layer", model.shape.layers), chosen: (value) => { layer = Number(value); draw(); } });
  layers.select.value = String(layer);
  at("attention-box").append(layers,
    choice({ label: "Head", options: numbered("head", model.shape.heads), chosen: (value) => { head = Number(value); draw(); } }),
    slider({ label: "Position that looks", min: 0, max: ids.length - 1, value: place, moved: (value) => { place = value; draw(); } }), result);
  draw();
}
