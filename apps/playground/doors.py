"""What comes in: bodies of a bounded size and a known shape, from this machine's own pages; and errors in OpenAI's shape."""

from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from pipeline.core.errors import PipelineError

LARGEST_BODY = 1 << 20  # bytes
DRAINED = 64 << 20  # bytes of a body too large that are read, so that its sender hears the answer

Shape = TypeVar("Shape", bound=BaseModel)


class Refused(Exception):
    """A request that gets no answer but this."""

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param


def error(status: int, message: str, *, code: str, param: str | None = None) -> JSONResponse:
    """An error as OpenAI's clients read it."""
    return JSONResponse(error_body(status, message, code=code, param=param), status)


def error_body(status: int, message: str, *, code: str, param: str | None = None) -> dict[str, Any]:
    """The same without a status."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def told(fault: PipelineError) -> str:
    """An error of the house in one line."""
    return f"{fault.message} (mend: {fault.mend})"


async def body_of(request: Request, shape: type[Shape]) -> Shape:
    """The body as what it should be. Refused: 400, 413 or 415."""
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        raise Refused(415, "the body is no JSON: send Content-Type: application/json", code="unsupported_media_type")
    content = bytearray()
    read = 0
    try:
        async for chunk in request.stream():
            read += len(chunk)
            if read <= LARGEST_BODY:
                content += chunk
            elif read > DRAINED:
                break
    except ClientDisconnect as fault:
        raise Refused(400, "the body ends early", code="incomplete_body") from fault
    if read > LARGEST_BODY:
        raise Refused(413, f"the body has more than {LARGEST_BODY} bytes", code="body_too_large")
    try:
        return shape.model_validate(orjson.loads(bytes(content)))
    except orjson.JSONDecodeError as fault:
        raise Refused(400, f"the body is no JSON: {fault}", code="invalid_json") from fault
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or None
        raise Refused(400, f"{where or 'the body'}: {first['msg']}", code="invalid_value", param=where) from fault


class Guard:
    """Only names that the server goes by, and no page of another origin: a site in the browser can reach 127.0.0.1, too."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str] | None) -> None:
        self._app, self._names = app, names  # None: any name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self._names is not None and name.lower() not in self._names:
            await error(421, f"this server does not go by {name!r}", code="unknown_host")(scope, receive, send)
        elif origin is not None and origin.split("://")[-1] != host:
            await error(403, f"pages of {origin} may not ask", code="foreign_origin")(scope, receive, send)
        else:
            await self._app(scope, receive, send)
