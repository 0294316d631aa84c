"""The kinds of tasks that conf/tasks may name. A new kind is a file in kinds/ and its class here."""

from typing import Annotated

from pydantic import Field

from pipeline.evaluate.kinds.benchmark import Benchmark
from pipeline.evaluate.kinds.choice import Choice
from pipeline.evaluate.kinds.cloze import Cloze
from pipeline.evaluate.kinds.honesty import Honesty
from pipeline.evaluate.kinds.minimal_pairs import MinimalPairs
from pipeline.evaluate.kinds.perplexity import Perplexity
from pipeline.evaluate.kinds.questions import Questions
from pipeline.evaluate.kinds.written import InWords

Kind = Perplexity | Cloze | MinimalPairs | Choice | Questions | Benchmark | InWords | Honesty
Tasks = dict[str, Annotated[Kind, Field(discriminator="kind")]]
