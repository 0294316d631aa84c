"""A second opinion on a GGUF file: llama.cpp, called through the C functions that xllamacpp's library exports.

xllamacpp's own interface is a chat server without a tokenizer and without logits; the shared object inside it is the whole
of llama.cpp. The two parameter structs are passed as opaque blocks that are larger than the real ones: on x86-64 a large
struct goes by value on the stack as the last argument and returns through a hidden buffer, so surplus bytes do no harm,
and no layout but some fields of llama_context_params and those of llama_batch must be known. That ties this file to one
version of the package; requirements.lock pins it.

Keys and values are kept in fp32, without flash attention, which computes in f16 whatever it is given: so nothing is rounded but
what the file's types say, and what llama.cpp makes of a file is what `rounding` foretells.
"""

import ctypes
import importlib.util
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.core.errors import PipelineError

_FLASH, _KEYS, _VALUES = 13, 26, 27  # places of int32 in llama_context_params: flash_attn_type, type_k, type_v
_AS_USUAL = (-1, 1, 1)  # automatic, F16, F16
_EXACT = (0, 0, 0)  # off, F32, F32
_OPAQUE = 1024  # bytes; the real structs of parameters are about 100 to 250


class Runtime:
    """One GGUF file, open in llama.cpp on the CPU. Use it in a `with`: the memory is not Python's."""

    def __init__(self, path: Path, *, context: int, threads: int) -> None:
        """Load the file for sequences of up to `context` tokens. Raises PipelineError with llama.cpp's own words."""
        self._library = _library()
        self._context = self._model = self._batch = None
        _COMPLAINTS.clear()
        self._model = self._library.llama_model_load_from_file(str(path).encode(), self._library.llama_model_default_params())
        if not self._model:
            raise PipelineError(f"llama.cpp can't load {path.name}: {_complaint()}", mend=".venv/bin/dvc repro export")
        self._vocabulary = self._library.llama_model_get_vocab(self._model)
        self.size: int = self._library.llama_vocab_n_tokens(self._vocabulary)
        self.context = context
        settings = self._library.llama_context_default_params()
        head = ctypes.cast(ctypes.byref(settings), ctypes.POINTER(ctypes.c_uint32))
        head[0] = head[1] = head[2] = context  # n_ctx, n_batch, n_ubatch: a sequence is one batch
        head[3] = 1  # n_seq_max
        _be_exact(settings)
        self._context = self._library.llama_init_from_model(self._model, settings)
        if not self._context:
            raise PipelineError(f"llama.cpp can't run {path.name}: {_complaint()}", mend="a smaller context")
        self._library.llama_set_n_threads(self._context, threads, threads)
        self._batch = self._library.llama_batch_init(context, 0, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back; twice does no harm."""
        if self._batch is not None:
            self._library.llama_batch_free(self._batch)
        if self._context:
            self._library.llama_free(self._context)
        if self._model:
            self._library.llama_model_free(self._model)
        self._batch = self._context = self._model = None

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Token ids without any token added; with `special`, literals such as <|user|> become one token."""
        data = text.encode()
        buffer = (ctypes.c_int32 * (len(data) + 8))()
        count = self._library.llama_tokenize(self._vocabulary, data, len(data), buffer, len(buffer), False, special)
        if count < 0:
            raise PipelineError(f"llama.cpp needs {-count} tokens for {len(data)} bytes", mend=".venv/bin/dvc repro export")
        return buffer[:count]

    def ends(self, token: int) -> bool:
        """Whether generation stops at this token."""
        return bool(self._library.llama_vocab_is_eog(self._vocabulary, token))

    def logits(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Logits [T, V] after each token of one sequence of T tokens."""
        self._forget()
        return self._decode(ids, start=0, every=True)

    def generate(self, prompt: Sequence[int], *, max_new: int, stop: int) -> list[int]:
        """The greedy answer to a prompt: up to max_new tokens, without the stop token."""
        room = min(max_new, self.context - len(prompt))
        answer: list[int] = []
        token = int(self.begin(prompt).argmax())
        while len(answer) < room and token != stop:
            answer.append(token)
            if len(answer) < room:
                token = int(self.step(token).argmax())
        return answer

    def begin(self, ids: Sequence[int]) -> npt.NDArray[np.float32]:
        """Logits [V] behind a new sequence."""
        self._forget()
        self._read = len(ids)
        found: npt.NDArray[np.float32] = self._decode(ids, start=0, every=False)[-1]
        return found

    def step(self, token: int) -> npt.NDArray[np.float32]:
        """Logits [V] behind one more token of the sequence that `begin` began."""
        self._read += 1
        found: npt.NDArray[np.float32] = self._decode([token], start=self._read - 1, every=False)[-1]
        return found

    def _forget(self) -> None:
        self._library.llama_memory_clear(self._library.llama_get_memory(self._context), True)

    def _decode(self, ids: Sequence[int], *, start: int, every: bool) -> npt.NDArray[np.float32]:
        if start + len(ids) > self.context:
            raise ValueError(f"{start + len(ids)} tokens in a context of {self.context}")
        batch: Any = self._batch
        batch.n_tokens = len(ids)
        for place, token in enumerate(ids):
            batch.token[place] = token
            batch.pos[place] = start + place
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = 0
            batch.logits[place] = every or place == len(ids) - 1
        if code := self._library.llama_decode(self._context, batch):
            raise PipelineError(f"llama.cpp can't decode: code {code}, {_complaint()}", mend=".venv/bin/dvc repro export")
        count = len(ids) if every else 1
        return np.ctypeslib.as_array(self._library.llama_get_logits(self._context), (count, self.size)).copy()


class _Params(ctypes.Structure):
    _fields_ = (("block", ctypes.c_uint8 * _OPAQUE),)


def _be_exact(settings: _Params) -> None:
    """F32 for keys and values, no flash attention; PipelineError where the fields are not where they were."""
    fields = ctypes.cast(ctypes.byref(settings), ctypes.POINTER(ctypes.c_int32))
    places = (_FLASH, _KEYS, _VALUES)
    if tuple(fields[place] for place in places) != _AS_USUAL:
        raise PipelineError("this xllamacpp has other llama_context_params than the one that is pinned", mend="make setup")
    for place, value in zip(places, _EXACT, strict=True):
        fields[place] = value


class _Batch(ctypes.Structure):
    _fields_ = (
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.POINTER(ctypes.c_int32)),
        ("n_seq_id", ctypes.POINTER(ctypes.c_int32)),
        ("seq_id", ctypes.POINTER(ctypes.POINTER(ctypes.c_int32))),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    )


_LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
_COMPLAINTS: list[str] = []  # what llama.cpp has written since the last load


def _listen(level: int, text: bytes, data: object) -> None:
    if level in (3, 4):  # warnings and errors of ggml_log_level
        _COMPLAINTS.append(text.decode(errors="replace").strip())


_LISTENER = _LOG(_listen)  # must live as long as the library


def _complaint() -> str:
    return "; ".join(_COMPLAINTS[-3:]) or "no reason given"


_POINTER, _INT, _BOOL = ctypes.c_void_p, ctypes.c_int32, ctypes.c_bool
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "llama_log_set": (None, (_LOG, _POINTER)),
    "llama_backend_init": (None, ()),
    "llama_model_default_params": (_Params, ()),
    "llama_context_default_params": (_Params, ()),
    "llama_model_load_from_file": (_POINTER, (ctypes.c_char_p, _Params)),
    "llama_model_get_vocab": (_POINTER, (_POINTER,)),
    "llama_vocab_n_tokens": (_INT, (_POINTER,)),
    "llama_vocab_is_eog": (_BOOL, (_POINTER, _INT)),
    "llama_init_from_model": (_POINTER, (_POINTER, _Params)),
    "llama_set_n_threads": (None, (_POINTER, _INT, _INT)),
    "llama_batch_init": (_Batch, (_INT, _INT, _INT)),
    "llama_batch_free": (None, (_Batch,)),
    "llama_free": (None, (_POINTER,)),
    "llama_model_free": (None, (_POINTER,)),
    "llama_tokenize": (_INT, (_POINTER, ctypes.c_char_p, _INT, ctypes.POINTER(_INT), _INT, _BOOL, _BOOL)),
    "llama_get_memory": (_POINTER, (_POINTER,)),
    "llama_memory_clear": (None, (_POINTER, _BOOL)),
    "llama_decode": (_INT, (_POINTER, _Batch)),
    "llama_get_logits": (ctypes.POINTER(ctypes.c_float), (_POINTER,)),
}


@cache
def _library() -> ctypes.CDLL:
    """The shared object of the installed xllamacpp, loaded once and told to write its log to us."""
    if platform.machine() not in ("x86_64", "AMD64"):
        raise PipelineError(
            f"the GGUF files are checked through the C interface of x86-64; this is {platform.machine()}", mend="run export on x86-64"
        )
    spec = importlib.util.find_spec("xllamacpp")
    if spec is None or not spec.submodule_search_locations:
        raise PipelineError("xllamacpp is not installed", mend="make setup")
    library = ctypes.CDLL(str(next(Path(spec.submodule_search_locations[0]).glob("xllamacpp*.so"))))
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.llama_log_set(_LISTENER, None)
    library.llama_backend_init()
    return library
