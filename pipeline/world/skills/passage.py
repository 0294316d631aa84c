"""A passage as in the books: three facts among sentences of story."""

from dataclasses import dataclass

from pipeline.core.errors import PipelineError
from pipeline.world.books import Rng
from pipeline.world.facts import Fact
from pipeline.world.skills.exercise import Key, Material
from pipeline.world.skills.statements import reworded

FACTS = 3
STORY = 2  # sentences that state no fact, at most; the first opens the passage


@dataclass(frozen=True)
class Passage:
    """A text and the facts that it states, in its order."""

    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]

    @property
    def text(self) -> str:
        """The sentences on one line."""
        return " ".join(self.sentences)

    @property
    def first(self) -> tuple[str, ...]:
        """As many of its first sentences as it has facts: the baseline of summaries (lead-3)."""
        return self.sentences[: len(self.facts)]

    @property
    def key(self) -> Key:
        """What a summary is judged by."""
        return {"facts": [[fact.relation, fact.subject, fact.value] for fact in self.facts]}


def passage(material: Material, rng: Rng) -> Passage:
    """A passage about facts that may be asked; none of them in its first wording, which a summary has. PipelineError where there are
    fewer than a passage states."""
    if len(material.asked) < FACTS:
        message = f"summaries and bullets need {FACTS} facts of either side, the world has {len(material.asked)} on one"
        raise PipelineError(message, mend="dialogues.world.held_out=0.5, or a larger corpus.world.people")
    story = [one.text for one in material.writer.paragraph(rng).sentences if not one.fact][:STORY]
    facts = rng.shuffled(material.asked)[:FACTS]
    told = [reworded(fact, rng) for fact in facts]
    place = 1 + rng.below(FACTS)
    return Passage((story[0], *told[:place], *story[1:], *told[place:]), tuple(facts))
