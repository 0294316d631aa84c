"""The bodies of the page's own requests."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipeline.model.sampling import Cut
from pipeline.serve.answers import Sampling
from pipeline.tokens.thinking import Budget

Text = Annotated[str, Field(max_length=200_000)]


class Body(BaseModel):
    """Nothing but what is known."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Message(Body):
    """A turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


class Draw(Body):
    """How an answer is drawn; whatever is not said is off."""

    temperature: Annotated[float, Field(ge=0, le=10)]
    max_new: Annotated[int, Field(ge=1)]  # tokens
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    top_k: Annotated[int, Field(ge=1)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    min_p: Annotated[float, Field(gt=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(ge=1)] | None = None
    stop: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=16)] = []
    calculator: bool = False
    thinking_budget: Budget | None = None

    def settings(self) -> Sampling:
        """As the library takes them."""
        cut = Cut(top_k=self.top_k, top_p=self.top_p, min_p=self.min_p, repetition_penalty=self.repetition_penalty)
        how: dict[str, Any] = {"temperature": self.temperature, "seed": self.seed, "max_new": self.max_new, "calculator": self.calculator}
        how["thinking_budget"] = self.thinking_budget
        return Sampling(cut=cut, stop=tuple(self.stop), **how)


class Generate(Body):
    """Go on from a conversation, or from a plain text; after the beginning of an answer where one is given, as a text or as tokens."""

    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)] | None = None
    text: Text | None = None
    special: bool = False  # whether what spells a special token in `text` is that token
    given: Text | list[Annotated[int, Field(ge=0)]] = ""
    draw: Draw
    withhold: bool = True

    @model_validator(mode="after")
    def one_of_both(self) -> Self:
        """messages or text, `special` with a text alone: a message never spells a special token."""
        if (self.messages is None) == (self.text is None):
            raise ValueError("send messages or text, one of both")
        if self.special and self.messages:
            raise ValueError("special goes with text, not with messages")
        return self


class Read(Body):
    """A text of one's own."""

    model: str
    text: Text
    special: bool = False  # whether what spells a special token is that token


class Attend(Read):
    """The attention of a layer over it."""

    layer: Annotated[int, Field(ge=0)]


class Voted(Body):
    """Which of two answers is better."""

    prompt: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    answers: tuple[Text, Text] = Field(strict=False)
    models: tuple[str, str] = Field(strict=False)
    winner: Literal["a", "b", "tie"]
    voter: Annotated[str, Field(min_length=1, max_length=100)]
