// A network of two inputs, two hidden neurons and one output: its gradient by the chain rule, and by finite differences.

import { at, curve, el, slider, table } from "./dom.js";
import { shown } from "./numbers.js";

const NAMES = ["w₁₁", "w₁₂", "w₂₁", "w₂₂", "v₁", "v₂"];
const START = [0.8, -0.4, 0.3, 0.9, 1.1, -0.7];

/** Half the squared error of v · tanh(W x), and its gradient by the chain rule. */
export function network(weights, [x1, x2], target) {
  const [a, b, c, d, v1, v2] = weights;
  const [h1, h2] = [Math.tanh(a * x1 + b * x2), Math.tanh(c * x1 + d * x2)];
  const error = v1 * h1 + v2 * h2 - target;
  const [g1, g2] = [error * v1 * (1 - h1 * h1), error * v2 * (1 - h2 * h2)];
  return { loss: 0.5 * error * error, gradient: [g1 * x1, g1 * x2, g2 * x1, g2 * x2, error * h1, error * h2] };
}

/** (loss(w + h) - loss(w - h)) / 2h for each weight. */
export function differences(weights, inputs, target, h) {
  const moved = (place, by) => network(weights.map((weight, i) => (i === place ? weight + by : weight)), inputs, target).loss;
  return weights.map((_, place) => (moved(place, h) - moved(place, -h)) / (2 * h));
}

export function gradients() {
  const result = el("div", {});
  let [x, target, log] = [1, 0.5, -4];
  const draw = () => {
    const inputs = [x, -0.5];
    const { loss, gradient } = network(START, inputs, target);
    const rough = differences(START, inputs, target, 10 ** log);
    const apart = (h) => Math.max(...differences(START, inputs, target, h).map((one, place) => Math.abs(one - gradient[place])));
    const points = Array.from({ length: 61 }, (_, i) => -12 + i * 0.2).map((one) => [one, Math.log10(apart(10 ** one) || 1e-17)]);
    result.replaceChildren(
      el("p", { role: "status" }, `Loss ${shown(loss)}. At h = ${shown(10 ** log)} the two differ by ${shown(apart(10 ** log))} at most.`),
      table("Gradients by the chain rule and by finite differences", ["weight", "value", "chain rule", "finite difference", "apart"],
        NAMES.map((name, place) => [name, START[place], gradient[place].toFixed(6), rough[place].toFixed(6), shown(Math.abs(gradient[place] - rough[place]))])),
      curve({ points, mark: [log, Math.log10(apart(10 ** log) || 1e-17)], x: "log₁₀ h", y: "log₁₀ of how far apart", label: "Error of finite differences by h: too wide a step bends, too small a one drowns in rounding" }));
  };
  at("gradients-box").append(
    slider({ label: "Input x₁", min: -2, max: 2, step: 0.1, value: x, show: (v) => v.toFixed(1), moved: (value) => { x = value; draw(); } }),
    slider({ label: "Wanted output", min: -2, max: 2, step: 0.1, value: target, show: (v) => v.toFixed(1), moved: (value) => { target = value; draw(); } }),
    slider({ label: "Step h of the difference", min: -12, max: 0, step: 0.2, value: log, show: (v) => `10^${v.toFixed(1)}`, moved: (value) => { log = value; draw(); } }), result);
  draw();
}
