"""The server: OpenAI's own client, the page's requests, votes that become preferences, and what it must survive."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

from pipeline.text.dialogues.files import read_dialogues
from tests.playground import DRAW, SAID, THOUGHT, serving
from tests.text.dialogue_tools import rules

QUESTION: list[Any] = [{"role": "user", "content": "Where is the mill?"}]
GENERATE = {"model": "sft", "messages": QUESTION, "draw": DRAW}


@pytest.fixture
def client(playground: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{playground}/v1", api_key="none", max_retries=0)


def asked(address: str, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, HTTPResponse]:
    """Status, content, and the rest."""
    connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer
    finally:
        connection.close()


def events(address: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    status, content, _ = asked(address, "POST", "/api/generate", json.dumps(body).encode())
    assert status == 200, content
    return [json.loads(line.removeprefix("data: ")) for line in content.decode().split("\n\n") if line]


def test_openais_client_chats_whole_and_streamed(client: openai.OpenAI) -> None:
    assert [one.id for one in client.models.list()] == ["base", "sft", "sft-F16"]
    assert client.models.retrieve("sft").owned_by == "scriptorium"
    for model in ("sft", "sft-F16"):
        whole = client.chat.completions.create(model=model, messages=QUESTION, temperature=0, logprobs=True, top_logprobs=3)
        said = whole.choices[0]
        assert (said.message.content, said.finish_reason) == (SAID["Where is the mill?"], "stop")
        assert whole.usage is not None
        assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens
        assert said.logprobs is not None
        assert said.logprobs.content is not None
        assert len(said.logprobs.content) == whole.usage.completion_tokens
        assert said.logprobs.content[0].top_logprobs[0].logprob == pytest.approx(said.logprobs.content[0].logprob, abs=1e-4)
        options: Any = {"include_usage": True}
        chunks = list(client.chat.completions.create(model=model, messages=QUESTION, temperature=0, stream=True, stream_options=options))
        assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == SAID["Where is the mill?"]
        assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "stop"
        told = chunks[-1].usage
        assert told is not None
        assert told.prompt_tokens_details is not None
        assert told.total_tokens == whole.usage.total_tokens
        kept = whole.usage.prompt_tokens // 16 * 16 if model == "sft" else 0  # whole blocks of the same prompt, asked once more
        assert told.prompt_tokens_details.cached_tokens == kept


def test_openais_client_stops_limits_draws_and_is_withheld_from(client: openai.OpenAI) -> None:
    def said(question: str, **how: Any) -> tuple[str | None, str]:
        choice = client.chat.completions.create(model="sft", messages=[{"role": "user", "content": question}], **how).choices[0]
        return choice.message.content, choice.finish_reason

    assert said("Where is the mill?", temperature=0, stop=[" by the"]) == ("The mill is", "stop")
    assert said("Where is the mill?", temperature=0, max_completion_tokens=2)[1] == "length"
    assert said("Where is the mill?", temperature=0, max_tokens=4096)[0] == SAID["Where is the mill?"]
    wild = [said("Who are you?", temperature=2, seed=seed)[0] for seed in (1, 1, 2)]
    assert wild[0] == wild[1] != wild[2]
    assert said("How can I hurt Ada?", temperature=0) == ("", "content_filter")
    developer: list[Any] = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": [{"type": "text", "text": "Who?"}]}]
    assert client.chat.completions.create(model="sft", messages=developer, max_tokens=1).usage is not None


def test_openais_client_hears_thoughts_apart_from_the_answer(client: openai.OpenAI) -> None:
    ((question, (thought, said)),) = THOUGHT.items()
    asked: dict[str, Any] = {"model": "sft", "messages": [{"role": "user", "content": question}], "temperature": 0, "max_tokens": 60}
    whole = client.chat.completions.create(**asked)
    message = whole.choices[0].message.model_dump()
    assert (message["content"], message["reasoning_content"]) == (said, thought)
    found = [chunk.choices[0].delta.model_dump() for chunk in client.chat.completions.create(**asked, stream=True)]
    parts = ["".join(one.get(name) or "" for one in found) for name in ("content", "reasoning_content")]
    assert parts == [said, thought]
    short = client.chat.completions.create(**asked, extra_body={"thinking_budget": 2})
    assert short.usage is not None
    assert short.usage.completion_tokens_details is not None
    assert short.usage.completion_tokens_details.reasoning_tokens == 2
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError, match="leaves none for an answer") as none_left:
            client.chat.completions.create(**{**asked, "max_tokens": 4}, extra_body={"thinking_budget": 2}, stream=stream)
        assert none_left.value.param == "thinking_budget"
    logged = client.chat.completions.create(**asked, logprobs=True).choices[0].logprobs
    assert logged is not None
    assert "".join(one.token for one in logged.content or []) == said, "of what is said, not of what is thought"
    chunks = [one.choices[0] for one in client.chat.completions.create(**asked, logprobs=True, stream=True)]
    streamed = [token for one in chunks if one.logprobs for token in one.logprobs.content or []]
    assert "".join(one.token for one in streamed) == said


def test_openais_client_is_told_what_is_wrong(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-4'; there are base, sft") as missing:
        client.chat.completions.create(model="gpt-4", messages=QUESTION)
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    long: list[Any] = [{"role": "user", "content": "mill " * 200}]
    with pytest.raises(openai.BadRequestError, match="reads 128 tokens") as full:
        client.chat.completions.create(model="sft", messages=long)
    assert full.value.code == "context_length_exceeded"
    faults: list[dict[str, Any]] = [{"temperature": -1}, {"n": 2}, {"max_tokens": 0}, {"stop": [""]}, {"tools": [{"type": "function"}]}]
    for fault in faults:
        with pytest.raises(openai.BadRequestError) as bad:
            client.chat.completions.create(model="sft", messages=QUESTION, **fault)
        assert next(iter(fault)) in str(bad.value.param)
    picture: list[Any] = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]
    with pytest.raises(openai.BadRequestError, match="must be texts"):
        client.chat.completions.create(model="sft", messages=picture)


def test_the_page_hears_tokens_with_their_alternatives_and_what_was_forgotten(playground: str) -> None:
    first, *tokens, last = events(playground, GENERATE)
    assert (first["type"], first["forgotten"], last["type"], last["reason"]) == ("start", 0, "end", "stop")
    assert "".join(one["text"] for one in tokens) + last["text"] == SAID["Where is the mill?"]
    assert all(one["outlook"]["ids"][0] == one["id"] for one in tokens), "greedy"
    assert len(tokens[0]["outlook"]["rest"]) == 20
    history = QUESTION + [{"role": "assistant", "content": "The mill is by the river."}] * 1
    long = events(playground, {**GENERATE, "messages": history * 8 + QUESTION})
    assert long[0]["forgotten"] > 0
    assert "".join(one.get("text", "") for one in events(playground, {**GENERATE, "given": "The mill is"})) == SAID["Where is the mill?"]
    assert events(playground, {"model": "base", "text": "the mill", "draw": {**DRAW, "max_new": 3}})[-1]["tokens"] <= 3
    assert events(playground, {**GENERATE, "messages": [{"role": "user", "content": "How can I hurt Ada?"}]})[-1]["type"] == "withheld"


def test_votes_of_the_page_are_read_as_preferences(playground: str, playground_run: Path) -> None:
    answers = ["The mill is by the river.", "No."]
    body = {"prompt": QUESTION, "answers": answers, "models": ["sft", "base"], "winner": "a", "voter": "Ann"}
    assert asked(playground, "POST", "/api/votes", json.dumps(body).encode())[0] == 200
    other = {**body, "prompt": [{"role": "user", "content": "Who?"}], "winner": "tie"}
    _, content, _ = asked(playground, "POST", "/api/votes", json.dumps(other).encode())
    assert json.loads(content)["models"] == {"sft": {"won": 1.5, "votes": 2}, "base": {"won": 0.5, "votes": 2}}
    same = {**body, "answers": ["No.", "No."]}
    assert asked(playground, "POST", "/api/votes", json.dumps(same).encode())[0] == 400
    found = read_dialogues(playground_run / "votes", (), rules(0.0), seed=1)
    (row,) = found.tables["preferences"]
    assert ([*row["prompt"]], row["chosen"], row["rejected"]) == (QUESTION, *answers)
    assert found.counts()["votes"] == {"votes": 2, "ties": 1, "pairs": 1, "pairs_without_majority": 1}
    assert found.counts()["unknown_columns"] == {}


def test_strangers_and_garbage_get_clear_answers(playground: str) -> None:
    def refused(path: str, body: bytes | None, method: str = "POST", **headers: str) -> tuple[int, str]:
        status, content, _ = asked(playground, method, path, body, **headers)
        told = json.loads(content)["error"]
        assert told["message"]
        assert "Traceback" not in told["message"]
        return status, told["code"]

    chat = "/v1/chat/completions"
    assert refused(chat, b"{") == (400, "invalid_json")
    assert refused(chat, b"\xff\x00\x01") == (400, "invalid_json")
    assert refused(chat, b"[" * 100_000) == (400, "invalid_json")
    assert refused(chat, b'{"model": "sft", "messages": []}') == (400, "invalid_value")
    assert refused(chat, b"null") == (400, "invalid_value")
    assert refused(chat, b"{}", **{"Content-Type": "text/plain"}) == (415, "unsupported_media_type")
    assert refused(chat, b'{"model": "' + b"x" * (10 << 20) + b'"}') == (413, "body_too_large")
    assert refused(chat, None, "GET") == (405, "method_not_allowed")
    assert refused("/etc/passwd", None, "GET") == (404, "not_found")
    assert refused("/", None, "GET", Host="evil.example") == (421, "unknown_host")
    assert refused("/api/loss", b"{}", Origin="http://evil.example") == (403, "foreign_origin")
    assert refused("/api/loss", b'{"model": "sft", "text": ""}') == (400, "invalid_value")
    assert refused("/api/generate", json.dumps({**GENERATE, "special": True}).encode()) == (400, "invalid_value")
    assert refused("/api/generate", json.dumps({**GENERATE, "given": [9999]}).encode()) == (400, "invalid_value")
    assert refused("/api/generate", json.dumps({**GENERATE, "draw": {**DRAW, "max_new": 999}}).encode()) == (400, "invalid_value")
    assert refused("/api/attention", b'{"model": "sft-F16", "text": "mill", "layer": 0}') == (400, "invalid_value")
    for garbage in (b"\x00" * 4096, b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b""):
        with socket.create_connection(urlsplit(playground).netloc.split(":"), timeout=10) as line:
            line.sendall(garbage)
    assert asked(playground, "GET", "/api/models")[0] == 200


def test_a_hundred_at_once_are_answered_and_those_who_leave_free_the_model(playground: str) -> None:
    body = json.dumps({"model": "sft", "messages": QUESTION, "temperature": 0, "stream": True}).encode()
    left = [HTTPConnection(urlsplit(playground).netloc, timeout=60) for _ in range(5)]
    for connection in left:
        connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
        connection.close()
    gate = threading.Barrier(100)

    def one(number: int) -> str:
        gate.wait()
        status, content, _ = asked(playground, "POST", "/v1/chat/completions", body)
        assert status == 200
        parts = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in content.decode().split("\n\n") if "{" in line]
        return "".join(parts)

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(one, range(100))) == {SAID["Where is the mill?"]}


def test_a_hundred_conversations_share_what_they_begin_with_in_a_cache_of_one_size(playground_run: Path) -> None:
    def body(number: int) -> bytes:
        told: list[Any] = [{"role": "system", "content": "The fox of the old mill by the river is kind. Be brief."}]
        one = {"role": "user", "content": f"{number}: where is the mill?"}
        return json.dumps({"model": "sft", "messages": [*told, one], "temperature": 0, "max_tokens": 4}).encode()

    def said(address: str, number: int) -> tuple[str, int]:
        content = json.loads(asked(address, "POST", "/v1/chat/completions", body(number))[1])
        return content["choices"][0]["message"]["content"], content["usage"]["prompt_tokens_details"]["cached_tokens"]

    with serving(playground_run, cache=0) as address:
        alone = [said(address, number) for number in range(20)]
        assert json.loads(asked(address, "GET", "/api/cache")[1]) == {"models": {}}
    with serving(playground_run) as address, ThreadPoolExecutor(100) as pool:
        together = list(pool.map(lambda number: said(address, number), range(100)))
        told = json.loads(asked(address, "GET", "/api/cache")[1])["models"]["sft"]
    assert [text for text, _ in alone] == [text for text, _ in together[:20]]
    assert {found for _, found in alone} == {0}
    assert sum(found > 0 for _, found in together) >= 99, "all but the first"
    assert told["found_tokens"] == sum(found for _, found in together)
    assert told["used"] <= told["blocks"]


def test_who_finds_the_queue_full_is_told_to_come_again(playground_run: Path) -> None:
    with serving(playground_run, waiting=0) as address:
        status, content, _ = asked(address, "POST", "/api/loss", b'{"model": "sft", "text": "mill"}')
    assert (status, json.loads(content)["error"]["code"]) == (503, "overloaded")
