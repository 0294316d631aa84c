"""The part of OpenAI's interface that existing clients need: models, and chat completions, whole or streamed."""

import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from apps.playground.doors import Refused, body_of, error_body, told
from apps.playground.shelf import Shelf
from pipeline.core.errors import PipelineError
from pipeline.model.sampling import Cut
from pipeline.serve.answers import End, Piece, Sampling, answer
from pipeline.serve.outlook import shown
from pipeline.serve.thoughts import Part, budget_of
from pipeline.serve.withholding import Rules, Withheld, watched
from pipeline.tokens.chat import REASONING
from pipeline.tokens.codec import Codec

OWNER = "scriptorium"
ROLES = {"developer": "system"}


class Message(BaseModel):
    """A turn."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str

    @field_validator("content", mode="before")
    @classmethod
    def joined(cls, value: Any) -> Any:
        """Parts as one text."""
        if not isinstance(value, list):
            return value
        if any(not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str) for part in value):
            raise ValueError("the parts of a message must be texts: these models read nothing else")
        return "".join(part["text"] for part in value)

    def plain(self) -> dict[str, str]:
        """As our chat template takes it."""
        return {"role": ROLES.get(self.role, self.role), "content": self.content}


class StreamOptions(BaseModel):
    """What a stream tells besides."""

    include_usage: bool = False


class Completion(BaseModel):
    """A request. Fields that would have no effect here are let pass; those that would change the answer are refused."""

    model_config = ConfigDict(extra="ignore")

    model: str
    messages: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None  # not OpenAI's, as vLLM and llama.cpp have them
    min_p: Annotated[float, Field(gt=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(ge=1)] | None = None
    thinking_budget: Annotated[int, Field(ge=0)] | None = None  # tokens; as Qwen's servers have it
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: Annotated[str, Field(min_length=1)] | Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    tools: Annotated[list[Any], Field(max_length=0)] | None = None
    functions: Annotated[list[Any], Field(max_length=0)] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None  # of another kind than ours: repetition_penalty
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None

    def sampling(self, room: int) -> Sampling:
        """Where nothing is said, OpenAI's defaults: temperature 1, all tokens, a seed by lot, up to the end of the context."""
        limit = self.max_completion_tokens or self.max_tokens or room
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        seed = secrets.randbits(63) if self.seed is None else self.seed % 2**63
        temperature = 1.0 if self.temperature is None else self.temperature
        cut = Cut(top_k=self.top_k, top_p=self.top_p, min_p=self.min_p, repetition_penalty=self.repetition_penalty)
        how: dict[str, Any] = {"max_new": min(limit, room), "thinking_budget": self.thinking_budget}
        return Sampling(temperature=temperature, cut=cut, seed=seed, stop=stop, **how)


@dataclass(frozen=True)
class Reply:
    """What all parts of one answer share."""

    name: str
    model: str
    created: int  # seconds since 1970
    codec: Codec
    asked: Completion
    prompt: int  # tokens

    def head(self, kind: str) -> dict[str, Any]:
        return {"id": self.name, "object": kind, "created": self.created, "model": self.model}

    def usage(self, written: int, found: int, thought: int) -> dict[str, Any]:
        tokens = {"prompt_tokens": self.prompt, "completion_tokens": written, "total_tokens": self.prompt + written}
        details = {"prompt_tokens_details": {"cached_tokens": found}, "completion_tokens_details": {"reasoning_tokens": thought}}
        return {**tokens, **details}

    def logprobs(self, pieces: Sequence[Piece]) -> dict[str, Any] | None:
        """Of each token of the answer, and of the likeliest in its place; thoughts are no content."""
        return {"content": [self._logprob(piece) for piece in pieces if piece.part == "answer"]} if self.asked.logprobs else None

    def _logprob(self, piece: Piece) -> dict[str, Any]:
        whole = piece.outlook.log_total
        top = zip(piece.outlook.ids, piece.outlook.logits, strict=True)
        likeliest = [self._token(one, logit - whole) for one, logit in list(top)[: self.asked.top_logprobs or 0]]
        return {**self._token(piece.token, piece.logprob), "top_logprobs": likeliest}

    def _token(self, token: int, logprob: float) -> dict[str, Any]:
        text = shown(token, self.codec.tokenizer)
        return {"token": text, "bytes": list(text.encode()), "logprob": logprob}


async def models(request: Request) -> Response:
    """GET /v1/models"""
    shelf: Shelf = request.app.state.shelf
    return JSONResponse({"object": "list", "data": [_model(shelf, name) for name in shelf.places]})


async def model(request: Request) -> Response:
    """GET /v1/models/{name}"""
    shelf: Shelf = request.app.state.shelf
    shelf.slot(request.path_params["name"])
    return JSONResponse(_model(shelf, request.path_params["name"]))


async def chat_completions(request: Request) -> Response:
    """POST /v1/chat/completions"""
    asked = await body_of(request, Completion)
    shelf: Shelf = request.app.state.shelf
    codec, context = shelf.codec(asked.model)
    messages = [one.plain() for one in asked.messages]
    ids = _prompt(messages, codec, context)
    sampling = asked.sampling(context - len(ids))
    _check_budget(sampling, codec, ids)
    rules: Rules | None = request.app.state.rules
    said = shelf.streamed(asked.model, lambda engine: watched(answer(engine, ids, sampling), rules, messages[-1]["content"]))
    reply = Reply(f"chatcmpl-{secrets.token_hex(12)}", asked.model, int(time.time()), codec, asked, len(ids))
    if asked.stream:
        return StreamingResponse(_chunks(said, reply), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    return JSONResponse(await _whole(said, reply))


def delta_of(part: Part, text: str) -> dict[str, str]:
    """A bit of an answer, or of the thought before it; what stands around a thought is no text."""
    return {"content": text} if part == "answer" else {REASONING: text if part == "thought" else ""}


def thoughts_in(pieces: Sequence[Piece]) -> int:
    """The tokens that were thought."""
    return sum(one.part == "thought" for one in pieces)


def _prompt(messages: Sequence[Mapping[str, str]], codec: Codec, context: int) -> list[int]:
    """The whole conversation. Refused where it doesn't fit: a client would not see what was cut."""
    ids = codec.chat(messages)
    if len(ids) >= context:
        message = f"this model reads {context} tokens, the messages have {len(ids)} and an answer needs one at least"
        raise Refused(400, message, code="context_length_exceeded", param="messages")
    return ids


def _check_budget(sampling: Sampling, codec: Codec, ids: Sequence[int]) -> None:
    """Refused where a thinking budget can't be kept, before anything is streamed."""
    try:
        budget_of(sampling.thinking_budget, codec, ids, (), max_new=sampling.max_new)
    except PipelineError as fault:
        raise Refused(400, told(fault), code="invalid_value", param="thinking_budget") from fault


async def _whole(said: AsyncIterator[Piece | End | Withheld], reply: Reply) -> dict[str, Any]:
    pieces, said_of, reason, found = list[Piece](), {"answer": "", "thought": "", "bracket": ""}, "length", 0
    async for one in said:
        match one:
            case Piece():
                pieces.append(one)
                said_of[one.part] += one.text
            case End():
                reason, found = one.reason, one.found
                said_of["answer"] += one.text
            case Withheld():
                said_of, pieces, reason = dict.fromkeys(said_of, ""), [], "content_filter"
    message = {"role": "assistant", "content": said_of["answer"], "refusal": None}
    if any(one.part != "answer" for one in pieces):
        message[REASONING] = said_of["thought"]
    choice = {"index": 0, "message": message, "logprobs": reply.logprobs(pieces), "finish_reason": reason}
    return {**reply.head("chat.completion"), "choices": [choice], "usage": reply.usage(len(pieces), found, thoughts_in(pieces))}


async def _chunks(said: AsyncIterator[Piece | End | Withheld], reply: Reply) -> AsyncIterator[bytes]:
    def chunk(delta: dict[str, Any], reason: str | None = None, pieces: Sequence[Piece] = ()) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": reply.logprobs(pieces) if pieces else None, "finish_reason": reason}
        return _event({**reply.head("chat.completion.chunk"), "choices": [choice]})

    yield chunk({"role": "assistant", "content": ""})
    pieces, reason, found = list[Piece](), "length", 0
    try:
        async for one in said:
            match one:
                case Piece():
                    pieces.append(one)
                    if one.text or (reply.asked.logprobs and one.part == "answer"):
                        yield chunk(delta_of(one.part, one.text), pieces=[one])
                case End():
                    reason, found = one.reason, one.found
                    if one.text:
                        yield chunk(delta_of("answer", one.text))
                case Withheld():
                    reason = "content_filter"
        yield chunk({}, reason)
        if reply.asked.stream_options and reply.asked.stream_options.include_usage:
            usage = reply.usage(len(pieces), found, thoughts_in(pieces))
            yield _event({**reply.head("chat.completion.chunk"), "choices": [], "usage": usage})
    except Refused as fault:
        yield _event(error_body(fault.status, fault.message, code=fault.code, param=fault.param))
    except PipelineError as fault:
        yield _event(error_body(400, told(fault), code="model_unreadable", param="model"))
    yield b"data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _model(shelf: Shelf, name: str) -> dict[str, Any]:
    made = int(shelf.places[name].path.stat().st_mtime)
    return {"id": name, "object": "model", "created": made, "owned_by": OWNER}
