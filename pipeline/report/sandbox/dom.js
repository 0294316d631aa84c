// Elements, sliders, bars and curves.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat());
  return element;
}

/** An HTML element: el("p", {class: "note"}, "text", child). */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same of SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

export const at = (id) => document.getElementById(id);

let fields = 0;

/** A labelled range. `show` writes its value; `moved` is called with each new one. */
export function slider({ label, min, max, step = 1, value, show = String, moved, id = `field${++fields}` }) {
  const output = el("output", { for: id });
  const input = el("input", { type: "range", id, min, max, step, value, oninput: () => { tell(); moved(Number(input.value)); } });
  const tell = () => {
    output.textContent = show(Number(input.value));
    input.setAttribute("aria-valuetext", output.textContent);
  };
  tell();
  return el("div", { class: "slider" }, el("label", { for: id }, label), input, output);
}

/** A labelled choice of [value, text]. */
export function choice({ label, options, chosen, id = `field${++fields}` }) {
  const select = el("select", { id, onchange: () => chosen(select.value) }, options.map(([value, text]) => el("option", { value }, text)));
  return Object.assign(el("div", { class: "choice" }, el("label", { for: id }, label), select), { select });
}

export const button = (text, clicked, attributes = {}) => el("button", { type: "button", onclick: clicked, ...attributes }, text);

/** The beginning of the first paragraph of a text. */
export function opening(text, characters) {
  return Array.from(text.split("\n").find((line) => line.length > characters) ?? text).slice(0, characters).join("");
}

/** A token as it is shown: blanks and line ends made visible, STOP by name. */
export function visible(token) {
  return { " ": "␣", "\n": "↵", "<|endoftext|>": "STOP", "<|unk|>": "unknown" }[token] ?? token;
}

/** Bars of shares [{name, share, note, clicked}]: a list; each bar is a button where it can be clicked. */
export function bars(rows) {
  const most = Math.max(1e-9, ...rows.map((row) => row.share));
  return el("ol", { class: "bars" }, rows.map(({ name, share, note, clicked, kind = "" }) => {
    const inside = [
      el("span", { class: "name" }, name),
      el("span", { class: "track" }, el("span", { class: "bar", style: `width:${(100 * share) / most}%` })),
      el("span", { class: "figure" }, note),
    ];
    return el("li", { class: kind }, clicked ? button("", clicked, { "aria-label": `${name}: ${note}. Append it` }) : [], inside);
  }).map((item) => {
    const press = item.querySelector("button");
    if (press) press.append(...[...item.children].filter((child) => child !== press));
    return item;
  }));
}

/** A curve through points [[x, y]] with a point on it that is marked; x and y are written at the ends of the axes. */
export function curve({ points, mark = null, x, y, label, width = 560, height = 220 }) {
  const [left, right, top, bottom] = [44, 12, 10, 30];
  const xs = points.map((point) => point[0]);
  const ys = points.map((point) => point[1]);
  const [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(0, ...ys), Math.max(...ys)];
  const px = (value) => left + ((value - x0) / (x1 - x0 || 1)) * (width - left - right);
  const py = (value) => height - bottom - ((value - y0) / (y1 - y0 || 1)) * (height - top - bottom);
  const tick = (value) => String(Number(value.toPrecision(3)));
  const text = (value, place) => svg("text", { ...place, class: "tick" }, value);
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "drawing" },
    svg("line", { x1: left, x2: width - right, y1: py(y0), y2: py(y0), class: "axis" }),
    svg("line", { x1: left, x2: left, y1: top, y2: height - bottom, class: "axis" }),
    svg("polyline", { points: points.map(([a, b]) => `${px(a).toFixed(1)},${py(b).toFixed(1)}`).join(" "), class: "curve" }),
    mark ? svg("circle", { cx: px(mark[0]), cy: py(mark[1]), r: 6, class: "mark" }) : [],
    text(tick(x0), { x: left, y: height - 12 }), text(`${x} ${tick(x1)}`, { x: width - right, y: height - 12, "text-anchor": "end" }),
    text(tick(y0), { x: left - 6, y: py(y0), "text-anchor": "end" }), text(tick(y1), { x: left - 6, y: top + 10, "text-anchor": "end" }),
    text(y, { x: left + 6, y: top + 10 }));
}

/** A table with a caption for those who don't see it. */
export function table(caption, heads, rows) {
  return el("div", { class: "wide", tabindex: 0, role: "region", "aria-label": caption }, el("table", {},
    el("caption", { class: "unseen" }, caption),
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows.map(([first, ...rest]) => el("tr", {}, el("th", { scope: "row" }, first), rest.map((cell) => el("td", {}, cell)))))));
}
