// The model of model.json (pipeline/export/web_file.py says what it holds): embedding, layers of attention and a gated feed-forward part, head.
// positions T, width D, heads H of width K, vocabulary V

import { uniform } from "./numbers.js";

/** The bytes of base64 as numbers of an array type; little-endian, as every browser's machine is. */
function numbersOf(text, type) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new type(bytes.buffer);
}

/** A weight [O, I], row by row: code x scale of the row, rounded to fp32 as torch has it. */
function matrixOf({ shape: [rows, columns], codes, scales }) {
  const code = numbersOf(codes, Int8Array);
  const scale = numbersOf(scales, Float32Array);
  const values = new Float32Array(rows * columns);
  for (let place = 0; place < values.length; place++) values[place] = code[place] * scale[Math.floor(place / columns)];
  return { rows, columns, values };
}

/** [O] of a weight [O, I] and x [I]. */
function times({ rows, columns, values }, x) {
  const found = new Float64Array(rows);
  for (let row = 0, place = 0; row < rows; row++) {
    let sum = 0;
    for (let column = 0; column < columns; column++) sum += values[place++] * x[column];
    found[row] = sum;
  }
  return found;
}

/** RMSNorm (Zhang and Sennrich 2019): x over its root mean square, times the weight. */
function normed(x, weight, eps) {
  const scale = 1 / Math.sqrt(x.reduce((sum, one) => sum + one * one, 0) / x.length + eps);
  return x.map((one, place) => one * scale * weight[place]);
}

/** RoPE (Su et al. 2021): the halves of a head turned by the position. */
function turned(head, position, theta) {
  const half = head.length / 2;
  const found = new Float64Array(head.length);
  for (let i = 0; i < half; i++) {
    const angle = position * theta ** (-i / half);
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    found[i] = head[i] * cos - head[i + half] * sin;
    found[i + half] = head[i + half] * cos + head[i] * sin;
  }
  return found;
}

const silu = (x) => x / (1 + Math.exp(-x));

export class CharacterModel {
  constructor(content) {
    this.shape = content.shape;
    this.vocabulary = content.vocabulary;
    this.stop = content.stop;
    this.unknown = content.unknown;
    this.characters = new Map();
    content.vocabulary.forEach((token, id) => token.startsWith("<|") || this.characters.set(token, id));
    this.matrices = Object.fromEntries(Object.entries(content.matrices).map(([name, matrix]) => [name, matrixOf(matrix)]));
    this.vectors = Object.fromEntries(Object.entries(content.vectors).map(([name, text]) => [name, numbersOf(text, Float32Array)]));
    this.check = { text: content.check.text, logits: numbersOf(content.check.logits, Float32Array) };
  }

  /** The ids of STOP and a text: as many of the last as the model reads. */
  ids(text) {
    return [this.stop, ...Array.from(text, (character) => this.characters.get(character) ?? this.unknown)].slice(-this.shape.context);
  }

  /** Whether a draw may give this id: a character or STOP, none of the tokens that the text never had. */
  drawable(id) {
    return id === this.stop || this.characters.has(this.vocabulary[id]);
  }

  /** Logits [V] after each id, and of each layer and head the weights [T][at most T] of attention. */
  forward(ids) {
    const { layers, eps } = this.shape;
    const embedding = this.matrices["model.embed_tokens.weight"];
    const head = this.matrices["lm_head.weight"] ?? embedding;
    let stream = ids.map((id) => Float64Array.from(embedding.values.subarray(id * embedding.columns, (id + 1) * embedding.columns)));
    const attention = [];
    for (let layer = 0; layer < layers; layer++) {
      const name = `model.layers.${layer}`;
      const { added, weights } = this.attend(stream.map((x) => normed(x, this.vectors[`${name}.input_layernorm.weight`], eps)), name);
      attention.push(weights);
      stream = stream.map((x, t) => x.map((one, place) => one + added[t][place]));
      stream = stream.map((x) => {
        const inner = normed(x, this.vectors[`${name}.post_attention_layernorm.weight`], eps);
        const gate = times(this.matrices[`${name}.mlp.gate_proj.weight`], inner);
        const up = times(this.matrices[`${name}.mlp.up_proj.weight`], inner);
        const down = times(this.matrices[`${name}.mlp.down_proj.weight`], up.map((one, place) => one * silu(gate[place])));
        return x.map((one, place) => one + down[place]);
      });
    }
    return { logits: stream.map((x) => times(head, normed(x, this.vectors["model.norm.weight"], eps))), attention };
  }

  /** What attention adds to each position, and the weights of each head [H][T][...]. */
  attend(inputs, name) {
    const { heads, kv_heads, head_size, rope_theta, eps } = this.shape;
    const part = (x, which, t) => {
      const all = times(this.matrices[`${name}.self_attn.${which}_proj.weight`], x);
      const weight = this.vectors[`${name}.self_attn.${which}_norm.weight`];
      return Array.from({ length: all.length / head_size }, (_, head) => {
        const own = all.slice(head * head_size, (head + 1) * head_size);
        return which === "v" ? own : turned(weight ? normed(own, weight, eps) : own, t, rope_theta);
      });
    };
    const [queries, keys, values] = ["q", "k", "v"].map((which) => inputs.map((x, t) => part(x, which, t)));
    const weights = Array.from({ length: heads }, () => []);
    const added = inputs.map((_, t) => {
      const read = new Float64Array(heads * head_size);
      for (let head = 0; head < heads; head++) {
        const group = Math.floor((head * kv_heads) / heads);
        const scores = new Float64Array(t + 1);
        for (let s = 0; s <= t; s++) {
          let dot = 0;
          for (let i = 0; i < head_size; i++) dot += queries[t][head][i] * keys[s][group][i];
          scores[s] = dot / Math.sqrt(head_size);
        }
        const most = Math.max(...scores);
        const raised = scores.map((score) => Math.exp(score - most));
        const sum = raised.reduce((a, b) => a + b, 0);
        const weight = raised.map((one) => one / sum);
        weights[head].push(weight);
        for (let s = 0; s <= t; s++) for (let i = 0; i < head_size; i++) read[head * head_size + i] += weight[s] * values[s][group][i];
      }
      return times(this.matrices[`${name}.self_attn.o_proj.weight`], read);
    });
    return { added, weights };
  }

  /** Logits [V] of what comes after a text. */
  next(text) {
    return this.forward(this.ids(text)).logits.at(-1);
  }

  /** The largest |difference| between these numbers and torch's, on the text that came with the weights. */
  selfCheck() {
    return this.next(this.check.text).reduce((most, logit, id) => Math.max(most, Math.abs(logit - this.check.logits[id])), 0);
  }

  /** The id that draw number `draw` of a seed gives. */
  draw(probabilities, seed, draw) {
    const weights = probabilities.map((p, id) => (this.drawable(id) ? p : 0));
    let left = uniform(seed, draw) * weights.reduce((a, b) => a + b, 0);
    const id = weights.findIndex((weight) => (left -= weight) < 0);
    return id < 0 ? this.stop : id;
  }
}
