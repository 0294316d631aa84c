"""The kinds of tasks that conf/tasks may name. A new kind is a file in kinds/ and its class here."""

from typing import Annotated

from pydantic import Field

from pipeline.evaluate.kinds.belief import Belief
from pipeline.evaluate.kinds.benchmark import Benchmark
from pipeline.evaluate.kinds.bias import Bias
from pipeline.evaluate.kinds.calibrated import Calibrated
from pipeline.evaluate.kinds.choice import Choice
from pipeline.evaluate.kinds.cloze import Cloze
from pipeline.evaluate.kinds.consistency import Consistency
from pipeline.evaluate.kinds.endings import Endings
from pipeline.evaluate.kinds.exercises import Exercises
from pipeline.evaluate.kinds.fabrication import Fabrication
from pipeline.evaluate.kinds.honesty import Honesty
from pipeline.evaluate.kinds.memorization import Memorization
from pipeline.evaluate.kinds.minimal_pairs import MinimalPairs
from pipeline.evaluate.kinds.neighbours import Neighbours
from pipeline.evaluate.kinds.next_sentence import NextSentence
from pipeline.evaluate.kinds.perplexity import Perplexity
from pipeline.evaluate.kinds.perturbed import Perturbed
from pipeline.evaluate.kinds.probe import Probe
from pipeline.evaluate.kinds.questions import Questions
from pipeline.evaluate.kinds.reasoning import Reasoning
from pipeline.evaluate.kinds.refusals import Refusals
from pipeline.evaluate.kinds.several import Several
from pipeline.evaluate.kinds.toxicity import Toxicity
from pipeline.evaluate.kinds.written import InWords

_Asked = Perplexity | Cloze | MinimalPairs | NextSentence | Endings | Choice | Questions | Benchmark | InWords
_Done = Exercises | Several | Reasoning  # what it does with what it knows
_Beside = (
    Memorization | Perturbed | Calibrated | Bias | Honesty | Refusals | Toxicity | Belief | Consistency
)  # what a model is besides right
_Within = Neighbours | Probe | Fabrication  # what it holds, and what it makes up
Kind = _Asked | _Done | _Beside | _Within
Tasks = dict[str, Annotated[Kind, Field(discriminator="kind")]]
