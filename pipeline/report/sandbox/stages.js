// What each stage does with the model, and what it came to in the last run.

import { at, el, slider, table } from "./dom.js";

const DOES = {
  corpus: "Gathers the text. There is no model yet, and all that it will know of the world is in here.",
  clean: "Mends what broke on the way: wrong encodings, torn lines. A model learns every fault as if it were meant.",
  select: "Leaves out what is not worth reading. A small model has no room for noise.",
  dedup: "Finds copies. Read ten times, a text is learned by heart instead of understood.",
  dialogues: "Makes questions and answers, and pairs of a better and a worse answer, for later.",
  split: "Sets text aside that the model never reads, so that one can ask what it learned rather than what it remembers.",
  tokenizer: "Learns which pieces of text get an id of their own.",
  tokenize: "Turns text into rows of ids: the examples of the lessons above.",
  pretrain: "Starts with random weights and walks down the loss, a step for each batch of rows. What comes out continues texts.",
  sft: "Shows it dialogues; the loss counts the answers only. What comes out answers.",
  reward: "Copies the model, puts one number in the place of the head, and teaches it which of two answers people prefer.",
  preferences: "Lets the model answer many times and keeps the better answers as new teaching.",
  align: "Moves the answers towards the preferred ones without going far from where they were.",
  baselines: "Asks the same questions of counts of n-grams. A model that is no better than counting has learned little.",
  evaluate: "Asks a model about text and questions that it never saw. No weight moves.",
  export: "Rounds the weights to few bits, writes files for other programs, and reads each back.",
  contest: "Puts all models and files before the same questions and counts who answers better.",
  report: "Draws all of it on one page.",
};

export function stages(rows) {
  const result = el("div", {});
  const draw = (place) => {
    const { name, makes, told } = rows[place];
    const text = DOES[name.split("/")[0]] ?? "";
    result.replaceChildren(el("h3", {}, `${name}: ${makes}`), el("p", { role: "status" }, text),
      told.length ? table(`Numbers of ${name}`, ["number", "in the last run"], told) : el("p", { class: "note" }, "Not run yet."));
  };
  at("stages-box").append(slider({ label: "Stage", min: 0, max: rows.length - 1, value: 0, show: (place) => `${place + 1}, ${rows[place].name}`, moved: draw, id: "stage" }), result);
  draw(0);
}
