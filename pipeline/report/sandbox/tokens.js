// Byte-level BPE (Sennrich et al. 2016): the pairs that were joined first, joined again.

import { at, el, slider } from "./dom.js";
import { counted } from "./numbers.js";

/** The character that stands for each byte in a byte-level vocabulary, and back (Radford et al. 2019). */
function alphabet() {
  const plain = [[33, 126], [161, 172], [174, 255]].flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  const code = new Map(plain.map((byte) => [byte, byte]));
  for (let byte = 0, next = 256; byte < 256; byte++) if (!code.has(byte)) code.set(byte, next++);
  return new Map(Array.from(code, ([byte, point]) => [byte, String.fromCodePoint(point)]));
}

const LETTERS = alphabet();
const BYTES = new Map(Array.from(LETTERS, ([byte, letter]) => [letter, byte]));

/** The text of a token; bytes that are no whole character in hex. */
export function spelled(token) {
  const bytes = Uint8Array.from(token, (letter) => BYTES.get(letter));
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll(" ", "␣").replaceAll("\n", "↵");
  } catch {
    return Array.from(bytes, (byte) => `<${byte.toString(16).padStart(2, "0")}>`).join("");
  }
}

/** The tokens of a text, by the first `count` merges; no token crosses a piece of the pattern. */
export function cut(text, merges, count, pattern) {
  const ranks = new Map(merges.slice(0, count).map((pair, rank) => [pair, rank]));
  const pieces = text.match(new RegExp(pattern, "gu")) ?? [];
  return pieces.flatMap((piece) => {
    let tokens = Array.from(new TextEncoder().encode(piece), (byte) => LETTERS.get(byte));
    for (;;) {
      const found = tokens.slice(1).map((token, place) => ranks.get(`${tokens[place]} ${token}`) ?? Infinity);
      const best = Math.min(Infinity, ...found);
      if (best === Infinity) return tokens;
      const joined = [];
      for (let place = 0; place < tokens.length; place++) {
        if (found[place] === best) joined.push(tokens[place] + tokens[++place]);
        else joined.push(tokens[place]);
      }
      tokens = joined;
    }
  });
}

export function tokens({ merges, pattern, of }, lessons) {
  const text = el("textarea", { id: "tokens-text", rows: 3, oninput: () => draw() });
  text.value = lessons.excerpt.replace(/\s+/g, " ").slice(0, 160);
  const chips = el("p", { class: "chips", id: "chips" });
  const told = el("p", { role: "status", id: "tokens-told" });
  let count = Math.min(100, merges.length);
  const draw = () => {
    const found = cut(text.value, merges, count, pattern);
    chips.replaceChildren(...found.map((token, place) => el("span", { class: `chip c${place % 4}` }, spelled(token))));
    const characters = Array.from(text.value).length;
    const last = count ? ` The last merge joined ${merges[count - 1].split(" ").map(spelled).join(" and ")}.` : " Each byte is a token.";
    told.textContent = `${counted(characters)} characters are ${counted(found.length)} tokens, ${(characters / (found.length || 1)).toFixed(2)} characters a token.${last}`;
  };
  at("tokens-box").append(
    el("p", { class: "note" }, `${counted(merges.length)} merges, of ${of}.`),
    el("div", { class: "field" }, el("label", { for: "tokens-text" }, "Text"), text),
    slider({ label: "Merges", min: 0, max: merges.length, value: count, show: counted, moved: (value) => { count = value; draw(); }, id: "merges" }), chips, told);
  draw();
}
