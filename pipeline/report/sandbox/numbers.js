// Pure arithmetic that every lesson shares. Logarithms are natural.

/** Probabilities [V] of logits [V]. */
export function softmax(logits, temperature = 1) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const raised = Float64Array.from(logits, (x) => Math.exp((x - most) / temperature));
  const sum = raised.reduce((a, b) => a + b, 0);
  return raised.map((x) => x / sum);
}

/** -log p of one id, in nats; from the logits, so that a small p does not become 0. */
export function lossOf(logits, id) {
  const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  return most + Math.log(logits.reduce((a, x) => a + Math.exp(x - most), 0)) - logits[id];
}

/** Bits that a draw from these probabilities tells on average. */
export function entropy(probabilities) {
  return -probabilities.reduce((a, p) => a + (p > 0 ? p * Math.log2(p) : 0), 0);
}

/** The number `draw` of the stream that `seed` names, in [0, 1): the same for the same two integers (mulberry32). */
export function uniform(seed, draw) {
  let t = (Math.imul(seed, 0x9e3779b1) + Math.imul(draw + 1, 0x6d2b79f5)) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}


/** Places of the values, largest first; of equals the first. */
export function ranked(values) {
  return Array.from(values, (_, place) => place).sort((a, b) => values[b] - values[a] || a - b);
}

/** A number as it is shown: three digits, powers of ten where it is far from one. */
export function shown(x) {
  if (x === 0 || !Number.isFinite(x)) return String(x);
  return Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5 ? x.toExponential(2) : String(Number(x.toPrecision(3)));
}

/** A probability in per cent. */
export function percent(p) {
  return p > 0 && p < 0.001 ? "<0.1%" : `${(100 * p).toFixed(1)}%`;
}

/** An integer with its thousands apart. */
export function counted(n) {
  return n.toLocaleString("en-US");
}
