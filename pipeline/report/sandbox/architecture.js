// The model of the run as a picture: what is in it, how large, and what flows through.
// tokens of a row T, width D, heads H

import { at, bars, el, slider, svg } from "./dom.js";
import { counted, percent } from "./numbers.js";

const PARTS = [["norms", /norm|ln_/], ["attention", /attn|attention/], ["feed-forward", /mlp|feed_forward|experts/], ["state", /mixer|mamba|recurrence|convolution/]];
const [ACROSS, LINE, PAD] = [420, 19, 10];

const numbersIn = (tensor) => tensor.shape.reduce((a, b) => a * b, 1);

/** The layer that a weight belongs to; null outside of them. */
export function layerOf(name) {
  const found = name.match(/\.(\d+)\./);
  return found ? Number(found[1]) : null;
}

/** The numbers of each part of a model. */
export function parts(tensors) {
  const found = new Map();
  for (const tensor of tensors) {
    const inside = layerOf(tensor.name) !== null;
    const part = PARTS.find(([, names]) => names.test(tensor.name))?.[0] ?? (inside ? "other" : tensor.name.includes("head") ? "head" : "embedding");
    found.set(part, (found.get(part) ?? 0) + numbersIn(tensor));
  }
  return found;
}

function box(y, title, tensors, flow) {
  const lines = tensors.map((tensor) => [tensor.name.replace(/^.*\.\d+\./, "").replace(/\.weight$/, ""), `${tensor.shape.join(" × ")} = ${counted(numbersIn(tensor))}`]);
  const height = PAD * 2 + LINE * (lines.length + 1);
  return {
    bottom: y + height + 34,
    parts: [
      svg("rect", { x: 1, y, width: ACROSS - 2, height, rx: 6, class: "box" }),
      svg("text", { x: PAD, y: y + PAD + 12, class: "title" }, title),
      lines.flatMap(([name, numbers], i) => [
        svg("text", { x: PAD, y: y + PAD + 12 + LINE * (i + 1) }, name),
        svg("text", { x: ACROSS - PAD, y: y + PAD + 12 + LINE * (i + 1), "text-anchor": "end", class: "tick" }, numbers),
      ]),
      flow ? [
        svg("path", { d: `M${ACROSS / 2} ${y + height}v28m-4 -6l4 6l4 -6`, class: "flow" }),
        svg("text", { x: ACROSS / 2 + 10, y: y + height + 19, class: "tick" }, flow),
      ] : [],
    ],
  };
}

export function architecture(model) {
  const { tensors, width, heads, context, vocabulary } = model;
  const layers = 1 + Math.max(-1, ...tensors.map((tensor) => layerOf(tensor.name) ?? -1));
  const outside = tensors.filter((tensor) => layerOf(tensor.name) === null);
  const first = outside.filter((tensor) => /embed|wte|wpe/.test(tensor.name));
  const last = outside.filter((tensor) => !first.includes(tensor));
  const total = tensors.reduce((sum, tensor) => sum + numbersIn(tensor), 0);
  const result = el("div", {});
  let [layer, length] = [0, Math.min(32, context)];
  const draw = () => {
    const own = tensors.filter((tensor) => layerOf(tensor.name) === layer);
    const flow = `[${length}, ${width}]`;
    const pieces = [];
    let y = 4;
    const add = (title, some, after) => {
      const drawn = box(y, title, some, after);
      y = drawn.bottom;
      pieces.push(drawn.parts);
    };
    add(`${counted(vocabulary)} tokens become vectors`, first, flow);
    if (layers) add(`layer ${layer + 1} of ${layers}`, own, flow);
    add(last.some((tensor) => /head/.test(tensor.name)) ? "norm and head" : "norm, and the embedding once more as the head", last, `[${length}, ${counted(vocabulary)}] logits`);
    const picture = svg("svg", { viewBox: `0 0 ${ACROSS} ${y}`, class: "drawing tall", role: "img",
      "aria-label": `${model.kind}: ${counted(total)} weights, ${layers} layers of width ${width}` }, pieces.flat(3));
    const scores = heads ? ` Attention compares ${counted(heads * length * (length + 1) / 2)} pairs a layer.` : "";
    result.replaceChildren(el("p", { role: "status", id: "architecture-told" },
      `${model.kind}, ${model.of}: ${counted(total)} weights. A row of ${length} tokens takes about ${((length * total) / 1e6).toPrecision(3)} million multiplications.${scores}`),
    picture, el("h3", {}, "Where the weights are"),
    bars(Array.from(parts(tensors), ([name, count]) => ({ name, share: count / total, note: `${counted(count)}, ${percent(count / total)}` }))));
  };
  at("architecture-box").append(
    ...(layers > 1 ? [slider({ label: "Layer", min: 1, max: layers, value: 1, moved: (value) => { layer = value - 1; draw(); } })] : []),
    slider({ label: "Tokens in the row", min: 1, max: context, value: length, moved: (value) => { length = value; draw(); } }), result);
  draw();
}
