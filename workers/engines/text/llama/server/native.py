"""llama.cpp for every kind of model: backends, log, loading, tokens."""

import ctypes
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, cast

import llama_cpp

_log = logging.getLogger(__name__)
_LEVELS = {1: logging.DEBUG, 2: logging.DEBUG, 3: logging.WARNING, 4: logging.ERROR}


class LoadingFailed(RuntimeError):
    """llama.cpp cannot load the file or has no memory for a context."""

    loggable = True


class DecodeAborted(RuntimeError):
    """A decode was stopped by ``should_stop``."""

    loggable = True


@llama_cpp.llama_log_callback
def _route_log(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    line = text.decode("utf-8", "replace").rstrip()
    # Continued lines are progress dots.
    if line.strip(".") and level in _LEVELS:
        _log.log(_LEVELS[level], "%s", line)


def start_backend() -> None:
    """Initialise llama.cpp and route its log to `logging`. Idempotent."""
    llama_cpp.llama_log_set(_route_log, ctypes.c_void_p(None))
    _load_backends(Path(llama_cpp.__file__).parent)
    llama_cpp.llama_backend_init()


def _library() -> Any:
    return llama_cpp.llama_cpp._lib  # noqa: SLF001 - it has no other name


@cache
def _load_backends(package: Path) -> None:
    """Load the variant for this CPU if the library was built with several (GGML_BACKEND_DL).

    Such a build puts them beside the package, where the library does not look.
    """
    variants = package.parent / "bin"
    if any(variants.glob("*ggml-cpu-*")):
        # Through the library that uses them: the package holds copies, each with a list of its own.
        _library().ggml_backend_load_all_from_path(str(variants).encode())


def load_model(path: str, gpu_layers: int, on_progress: Callable[[], None], *, repack: bool = True) -> Any:
    """Return the model of a GGUF file. Negative ``gpu_layers`` mean all; ``on_progress`` is called repeatedly.

    With ``repack`` the library may rearrange weights for special instructions of this CPU. Raises `LoadingFailed`.
    """

    def noted(_share: float, _data: ctypes.c_void_p) -> bool:
        on_progress()
        return True  # go on loading

    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = gpu_layers if gpu_layers >= 0 else 0x7FFFFFFF
    params.use_extra_bufts = repack
    params.progress_callback = llama_cpp.llama_progress_callback(noted)
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise LoadingFailed("llama.cpp could not load the file")
    return model


def metadata(model: Any, key: str) -> str:
    """Return a scalar of the file's metadata as text, "" if missing."""
    size = 256
    while True:
        buffer = ctypes.create_string_buffer(size)
        n = int(llama_cpp.llama_model_meta_val_str(model, key.encode(), cast("Any", buffer), size))
        if n < size:
            return buffer.value.decode("utf-8", "replace") if n >= 0 else ""
        size = n + 1


def tokenize(vocab: Any, text: str, *, special: bool = False, ends: bool = False) -> list[int]:
    """Return the tokens of ``text``. Thread-safe.

    ``special`` recognises control tokens in the text; ``ends`` adds the tokens that the model expects around it.
    """
    data = text.encode("utf-8", "replace")
    room = len(data) + 8
    tokens = (llama_cpp.llama_token * room)()
    n = int(llama_cpp.llama_tokenize(vocab, data, len(data), tokens, room, ends, special))
    if n < 0:
        room = -n
        tokens = (llama_cpp.llama_token * room)()
        n = int(llama_cpp.llama_tokenize(vocab, data, len(data), tokens, room, ends, special))
    return cast("list[int]", tokens[:n])


def tokenize_address() -> int:
    """Return the address of llama.cpp's ``llama_tokenize``, for native code that calls it."""
    address = ctypes.cast(_library().llama_tokenize, ctypes.c_void_p).value
    assert address is not None
    return address


def token_bytes(vocab: Any, token: int) -> bytes:
    """Return the bytes of ``token``, b"" for a control token. Thread-safe."""
    size = 64
    while True:
        buffer = ctypes.create_string_buffer(size)
        n = int(llama_cpp.llama_token_to_piece(vocab, token, cast("Any", buffer), size, 0, False))
        if n >= 0:
            return buffer.raw[:n]
        size = -n
