"""The facts of the world, and how they are stated and asked.

Seven relations: five of people (home, pet, coat, trade, friend) and two of places (event, land).
Each subject has one value per relation. The table is a function of the seed and of the two sizes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pipeline.core.errors import PipelineError
from pipeline.core.seed import stream
from pipeline.world.words import ANIMALS, COLOURS, EVENTS, LANDS, PEOPLE, PLACES, TRADES

Who = Literal["person", "place"]


@dataclass(frozen=True)
class Relation:
    """How one relation is stated and asked; {s} is the subject, {v} the value."""

    name: str
    who: Who
    clauses: tuple[str, ...]  # begin with the subject, end without a period; the first is the plain answer
    inverted: str  # a clause that does not begin with the subject
    questions: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """One subject's value in one relation."""

    relation: str
    subject: str
    value: str

    @property
    def id(self) -> str:
        """home:Ada."""
        return f"{self.relation}:{self.subject}"


@dataclass(frozen=True)
class Facts:
    """All facts of the world."""

    people: tuple[str, ...]
    places: tuple[str, ...]
    table: tuple[Fact, ...]

    def values(self, relation: str) -> tuple[str, ...]:
        """The possible values, sorted."""
        return tuple(sorted(pool_of(relation, self.people, self.places)))

    def as_json(self) -> dict[str, Any]:
        """Plain lists and dicts; the inverse of `read_facts`."""
        table = [{"id": fact.id, "relation": fact.relation, "subject": fact.subject, "value": fact.value} for fact in self.table]
        return {"people": list(self.people), "places": list(self.places), "facts": table}


RELATIONS = (
    Relation(
        "home",
        "person",
        ("{s} lives in {v}", "{s} has a house in {v}", "{s} sleeps every night in {v}", "{s} pays the rent in {v}"),
        "The house of {s} stands in {v}",
        ("Where does {s} live?", "In which town does {s} live?", "Tell me where {s} lives."),
    ),
    Relation(
        "pet",
        "person",
        ("{s} keeps a {v}", "{s} plays with a {v}", "{s} feeds a {v} every morning", "{s} shares the table with a {v}"),
        "The pet of {s} is a {v}",
        ("What pet does {s} keep?", "Which animal does {s} keep?", "Tell me what pet {s} keeps."),
    ),
    Relation(
        "coat",
        "person",
        ("{s} wears a {v} coat", "{s} owns a {v} coat", "{s} goes out in a {v} coat", "{s}'s coat is {v}"),
        "The coat of {s} is {v}",
        ("What coat does {s} wear?", "What colour is the coat of {s}?", "Tell me what coat {s} wears."),
    ),
    Relation(
        "trade",
        "person",
        ("{s} works as a {v}", "{s} earns a living as a {v}", "{s} learned to be a {v}", "{s} hopes to die a {v}"),
        "By trade {s} is a {v}",
        ("What does {s} work as?", "What is the trade of {s}?", "Tell me what {s} works as."),
    ),
    Relation(
        "friend",
        "person",
        ("{s}'s best friend is {v}", "{s} trusts {v} above all", "{s} tells every secret to {v}", "{s} shares everything with {v}"),
        "The best friend of {s} is {v}",
        ("Who is the best friend of {s}?", "Who does {s} trust above all?", "Tell me who {s}'s best friend is."),
    ),
    Relation(
        "event",
        "place",
        ("{s} is known for the {v}", "{s} holds a {v} every year", "{s} is proud of the {v}", "{s} invites everybody to the {v}"),
        "The people of {s} love the {v}",
        ("What is {s} known for?", "What does {s} hold every year?", "Tell me what {s} is known for."),
    ),
    Relation(
        "land",
        "place",
        ("{s} lies beside the {v}", "{s} looks out over the {v}", "{s} was built near the {v}", "{s} is an hour from the {v}"),
        "The road to {s} follows the {v}",
        ("What does {s} lie beside?", "What lies beside {s}?", "Tell me what {s} lies beside."),
    ),
)
BY_NAME = {relation.name: relation for relation in RELATIONS}


def pool_of(relation: str, people: Sequence[str], places: Sequence[str]) -> Sequence[str]:
    """The possible values of a relation."""
    return {
        "home": places,
        "pet": ANIMALS,
        "coat": COLOURS,
        "trade": TRADES,
        "friend": people,
        "event": EVENTS,
        "land": LANDS,
    }[relation]


def draw_facts(people: int, places: int, seed: int) -> Facts:
    """The facts of a seed: every value of a pool is used equally often, give or take one. Raises PipelineError."""
    for key, count, least, most in (("people", people, 4, len(PEOPLE)), ("places", places, 4, len(PLACES))):
        if not least <= count <= most:
            raise PipelineError(f"a world of {count} {key} can't be generated", mend=f"corpus.world.{key} between {least} and {most}")
    who = {"person": PEOPLE[:people], "place": PLACES[:places]}
    table = []
    for relation in RELATIONS:
        subjects = who[relation.who]
        pool = pool_of(relation.name, who["person"], who["place"])
        values = _friends(subjects, seed) if relation.name == "friend" else _dealt(pool, len(subjects), relation.name, seed)
        table += [Fact(relation.name, subject, value) for subject, value in zip(subjects, values, strict=True)]
    return Facts(who["person"], who["place"], tuple(table))


def read_facts(content: dict[str, Any]) -> Facts:
    """The inverse of `as_json`."""
    table = tuple(Fact(row["relation"], row["subject"], row["value"]) for row in content["facts"])
    return Facts(tuple(content["people"]), tuple(content["places"]), table)


def _dealt(pool: Sequence[str], count: int, relation: str, seed: int) -> list[str]:
    """`count` values, dealt from shuffled decks of the pool."""
    generator = stream(seed, "facts", relation)
    decks = [pool[int(row)] for _ in range(0, count, len(pool)) for row in generator.permutation(len(pool))]
    return decks[:count]


def _friends(people: Sequence[str], seed: int) -> list[str]:
    """A shuffled ring of all people: everybody has a friend and is somebody's friend, nobody their own."""
    ring = [people[int(row)] for row in stream(seed, "facts", "friend").permutation(len(people))]
    after = dict(zip(ring, ring[1:] + ring[:1], strict=True))
    return [after[person] for person in people]
