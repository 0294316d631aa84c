// The page: reads what was written into it, checks the model against torch, starts every lesson.

import { architecture } from "./architecture.js";
import { attention } from "./attention.js";
import { CharacterModel } from "./character_model.js";
import { at } from "./dom.js";
import { differences, gradients, network } from "./gradients.js";
import { lossOf, softmax, uniform } from "./numbers.js";
import { judged, likeliest, play } from "./play.js";
import { stages } from "./stages.js";
import { data, forward, loss, sample } from "./text_lessons.js";
import { cut, tokens } from "./tokens.js";
import { backward, fresh, step, training } from "./training.js";

const CLOSE = 1e-4; // of a logit: what fp32 and fp64 may differ by

const given = JSON.parse(at("given").textContent);
const model = new CharacterModel(given.model);
const apart = model.selfCheck();
const same = at("same");
same.textContent = apart <= CLOSE
  ? `Checked when this page opened: these numbers differ from torch's by ${apart.toExponential(1)} at most.`
  : `This browser computes something else than torch did: logits differ by ${apart.toExponential(1)}. Don't trust what you see.`;
same.classList.toggle("wrong", !(apart <= CLOSE));

play(model, given.lessons);
data(given.lessons);
forward(model, given.lessons);
loss(model);
sample(model, given.lessons);
tokens(given.tokenizer, given.lessons);
gradients();
attention(model, given.lessons);
training();
architecture(given.architecture);
stages(given.stages);

// for the console, and for tests
globalThis.sandbox = { given, model, judged, likeliest, lossOf, softmax, uniform, cut, network, differences, backward, fresh, step };
document.documentElement.dataset.ready = "yes";
