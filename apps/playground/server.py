"""The routes: a page, what the page asks, and OpenAI's interface."""

import asyncio
import base64
import hashlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from apps.playground import openai_api
from apps.playground.doors import Guard, Refused, body_of, error, told
from apps.playground.shapes import Attend, Generate, Read, Voted
from apps.playground.shelf import Shelf
from pipeline.core.errors import PipelineError
from pipeline.serve.answers import End, Piece, answer
from pipeline.serve.engines import Engine
from pipeline.serve.history import Fitted, fitted
from pipeline.serve.outlook import TEMPERATURES, shown
from pipeline.serve.reading import attention, document_of, losses, next_of, tokens_of
from pipeline.serve.votes import add_vote, question_of, vote_line, votes_in
from pipeline.serve.withholding import Rules, Withheld, watched
from pipeline.tokens.codec import Codec, ids_of
from pipeline.tokens.thinking import think_ids

PAGE = Path(__file__).parent / "page"
STATUS_CODES = {404: "not_found", 405: "method_not_allowed"}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What the server was told."""

    final: str  # the model that the page begins with
    draw: Mapping[str, Any]  # how answers are drawn where the page changes nothing
    votes: Path
    voter: str
    rules: Rules | None  # None: nothing is withheld
    names: frozenset[str] | None  # that the server goes by; None: any
    examples: Sequence[str]  # questions that an empty conversation offers


def app_of(shelf: Shelf, setup: Setup) -> Starlette:
    """The application."""
    routes = [
        Route("/", page),
        Route("/api/models", models),
        Route("/api/cache", caches),
        Route("/api/generate", generate, methods=["POST"]),
        Route("/api/tokens", tokens, methods=["POST"]),
        Route("/api/loss", loss, methods=["POST"]),
        Route("/api/next", next_token, methods=["POST"]),
        Route("/api/attention", attended, methods=["POST"]),
        Route("/api/votes", votes, methods=["GET"]),
        Route("/api/votes", vote, methods=["POST"]),
        Route("/v1/models", openai_api.models),
        Route("/v1/models/{name}", openai_api.model),
        Route("/v1/chat/completions", openai_api.chat_completions, methods=["POST"]),
    ]

    @asynccontextmanager
    async def open_while_served(app: Starlette) -> AsyncIterator[None]:
        opening = asyncio.create_task(_opened_early(shelf, setup.final))
        yield
        await opening
        shelf.close()

    handlers = {Refused: _refused, PipelineError: _mendable, HTTPException: _http, Exception: _broken}
    guard = Middleware(Guard, names=setup.names)
    app = Starlette(routes=routes, middleware=[guard], exception_handlers=handlers, lifespan=open_while_served)
    app.state.shelf, app.state.setup, app.state.rules = shelf, setup, setup.rules
    return app


async def page(request: Request) -> Response:
    """The page, whole: it asks nobody but this server."""
    text, policy = _page()
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


async def models(request: Request) -> Response:
    """What there is to choose from."""
    shelf, setup = _of(request)
    listed = [
        {"name": name, "engine": "llama.cpp" if place.is_gguf else "torch", "path": str(place.path), **_reads(shelf, name)}
        for name, place in shelf.places.items()
    ]
    how = {"models": listed, "final": setup.final, "draw": setup.draw, "temperatures": TEMPERATURES, "voter": setup.voter}
    return JSONResponse({**how, "withholds": setup.rules is not None, "votes": str(setup.votes), "examples": setup.examples})


async def caches(request: Request) -> Response:
    """What the open models keep of the prompts that they have read."""
    return JSONResponse({"models": _of(request)[0].caches()})


async def generate(request: Request) -> Response:
    """An answer as server-sent events: start, token …, end or withheld; or error."""
    body = await body_of(request, Generate)
    shelf, setup = _of(request)
    codec, context = shelf.codec(body.model)
    given = _given(body, codec)
    prompt = _prompt(body, codec, room=context - body.draw.max_new - len(given))
    last = body.messages[-1].content if body.messages else ""
    rules = setup.rules if body.withhold else None
    said = shelf.streamed(body.model, lambda engine: watched(answer(engine, prompt.ids, body.draw.settings(), given=given), rules, last))
    return StreamingResponse(_events(said, prompt, codec), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


async def tokens(request: Request) -> Response:
    """The tokens of a text."""
    body = await body_of(request, Read)
    codec, _ = _of(request)[0].codec(body.model)
    return JSONResponse({"tokens": tokens_of(body.text, codec.tokenizer, special=body.special), "bytes": len(body.text.encode())})


async def loss(request: Request) -> Response:
    """The loss at each token of a text."""
    body = await body_of(request, Read)
    return JSONResponse(await _of(request)[0].asked(body.model, lambda engine: losses(body.text, engine, special=body.special)))


async def next_token(request: Request) -> Response:
    """What may follow a text."""
    body = await body_of(request, Read)
    return JSONResponse(await _of(request)[0].asked(body.model, lambda engine: next_of(body.text, engine, special=body.special)))


async def attended(request: Request) -> Response:
    """What looks at what."""
    body = await body_of(request, Attend)

    def seen(engine: Engine) -> dict[str, Any]:
        return {**attention(body.text, engine, layer=body.layer, special=body.special), "layers": engine.layers}

    return JSONResponse(await _of(request)[0].asked(body.model, seen))


async def vote(request: Request) -> Response:
    """Keep a vote."""
    body = await body_of(request, Voted)
    shelf, setup = _of(request)
    for name in body.models:
        shelf.slot(name)
    prompt = [one.model_dump() for one in body.prompt]
    if prompt[-1]["role"] != "user" or body.answers[0] == body.answers[1] or not all(map(str.strip, body.answers)):
        raise Refused(400, "a vote is on two answers that differ, to a prompt that ends with the user", code="no_vote", param="answers")
    add_vote(setup.votes, vote_line(prompt, body.answers, body.models, winner=body.winner, who=body.voter, question=question_of(prompt)))
    return await votes(request)


async def votes(request: Request) -> Response:
    """How many there are, and how often each model won."""
    found = votes_in(_of(request)[1].votes)
    won: dict[str, dict[str, float]] = {}
    for one in found:
        for side in ("a", "b"):
            mine = won.setdefault(one["models"][f"model_{side}"], {"won": 0.0, "votes": 0})
            mine["votes"] += 1
            mine["won"] += 0.5 if one["winner"] == "tie" else float(one["winner"] == side)
    return JSONResponse({"votes": len(found), "models": won, "file": str(_of(request)[1].votes)})


async def _opened_early(shelf: Shelf, name: str) -> None:
    """The first question needs not wait half a second; what is wrong with the model is told to who asks."""
    with suppress(Refused, PipelineError):
        await shelf.asked(name, lambda engine: next_of("", engine, special=False))


def _of(request: Request) -> tuple[Shelf, Setup]:
    return request.app.state.shelf, request.app.state.setup


def _reads(shelf: Shelf, name: str) -> dict[str, Any]:
    codec, context = shelf.codec(name)
    return {"context": context, "thinks": think_ids(codec.tokenizer) is not None}


def _given(body: Generate, codec: Codec) -> list[int]:
    if isinstance(body.given, str):
        return ids_of(body.given, codec)
    size = codec.tokenizer.get_vocab_size()
    if any(one >= size for one in body.given):
        raise Refused(400, f"given: the vocabulary has {size} tokens", code="invalid_value", param="given")
    return body.given


def _prompt(body: Generate, codec: Codec, *, room: int) -> Fitted:
    if body.messages is not None:
        return fitted([one.model_dump() for one in body.messages], codec, room=room)
    ids = document_of(body.text or "", codec, special=body.special)
    if len(ids) > room:
        raise Refused(400, f"the text has {len(ids)} tokens, there is room for {room}", code="context_length_exceeded", param="text")
    return Fitted(ids, 0, ())


async def _events(said: AsyncIterator[Piece | End | Withheld], prompt: Fitted, codec: Codec) -> AsyncIterator[bytes]:
    began, first, written = time.perf_counter(), None, 0
    cut_text = codec.tokenizer.decode(list(prompt.cut), skip_special_tokens=False)
    yield _event({"type": "start", "prompt": len(prompt.ids), "forgotten": prompt.forgotten, "cut": len(prompt.cut), "cut_text": cut_text})
    try:
        async for one in said:
            now = time.perf_counter()
            match one:
                case Piece():
                    first = first or now
                    written += one.by != "given"
                    token = {"id": one.token, "text": one.text, "shown": shown(one.token, codec.tokenizer), "by": one.by, "part": one.part}
                    yield _event({"type": "token", **token, "logprob": one.logprob, "outlook": one.outlook.as_json(codec.tokenizer)})
                case End():
                    rate = written / (now - began) if now > began else 0.0
                    passed = {"first_ms": round(1000 * ((first or now) - began), 1), "rate": round(rate, 1)}
                    yield _event({"type": "end", "reason": one.reason, "text": one.text, "tokens": written, "found": one.found, **passed})
                case Withheld():
                    yield _event({"type": "withheld", "reason": one.reason})
    except Refused as fault:
        yield _event({"type": "error", "message": fault.message})
    except PipelineError as fault:
        yield _event({"type": "error", "message": told(fault)})


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


@cache
def _page() -> tuple[str, str]:
    """One file of three, and the policy that lets it run no other script and ask no other host."""
    style, script = ((PAGE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    text = (PAGE / "page.html").read_text(encoding="utf-8").replace("/*style*/", style).replace("/*script*/", script)
    allowed = [f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in (style, script)]
    policy = f"default-src 'none'; connect-src 'self'; img-src data:; style-src {allowed[0]}; script-src {allowed[1]}"
    return text, f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


async def _refused(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, Refused)
    return error(fault.status, fault.message, code=fault.code, param=fault.param)


async def _mendable(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, PipelineError)
    return error(400, told(fault), code="invalid_value")


async def _http(request: Request, fault: Exception) -> Response:
    assert isinstance(fault, HTTPException)
    code = STATUS_CODES.get(fault.status_code, "http_error")
    return error(fault.status_code, f"{request.method} {request.url.path}: {fault.detail}", code=code)


async def _broken(request: Request, fault: Exception) -> Response:
    return error(500, f"the server has a fault: {type(fault).__name__}", code="server_error")
