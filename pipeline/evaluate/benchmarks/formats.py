"""The benchmarks by the name of their shape."""

from typing import Literal

from pipeline.evaluate.benchmarks import arc, blimp, gsm8k, hellaswag, lambada, mmlu, piqa, triviaqa
from pipeline.evaluate.benchmarks.problem import Answers, Choices

WithChoices = Literal["arc", "blimp", "hellaswag", "lambada", "mmlu", "piqa"]
InWriting = Literal["gsm8k", "triviaqa"]
CHOICES: dict[WithChoices, Choices] = {
    "arc": arc.FORMAT,
    "blimp": blimp.FORMAT,
    "hellaswag": hellaswag.FORMAT,
    "lambada": lambada.FORMAT,
    "mmlu": mmlu.FORMAT,
    "piqa": piqa.FORMAT,
}
ANSWERS: dict[InWriting, Answers] = {"gsm8k": gsm8k.FORMAT, "triviaqa": triviaqa.FORMAT}
