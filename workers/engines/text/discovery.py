"""Finds GGUF models, checks which fit in memory, and chooses the one to use."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from workers.engines.text.gguf_file import SPLIT, BrokenGguf, parts_of, read_header
from workers.engines.text.settings import TextSettings

PREFERRED_FOLDERS = ("text/llama-3.1-8b", "llama-3.1-8b", "text/qwen2.5-72b", "qwen2.5-72b")
"""Searched in this order, below the models folder, before everything else there."""
OTHERS = frozenset({"embedding", "image"})
"""Folders below the models folder that hold other kinds of models."""
OVERHEAD = 1.2
"""Memory needed for weights and compute buffers, as a multiple of the file's size."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelCandidate:
    """One model: ``path`` (of a split model, its first part), ``size`` in bytes over all parts, and whether it fits.

    ``broken`` models are listed, never used. ``reason`` says why it fits or does not.
    """

    path: Path
    size: int
    fits: bool
    reason: str
    broken: bool = False
    configured: bool = False

    @property
    def usable(self) -> bool:
        """True for a whole model that fits, or that was named explicitly."""
        return not self.broken and (self.fits or self.configured)


def find_models(settings: TextSettings, available_bytes: int | None = None) -> list[ModelCandidate]:
    """List the models in order of preference. Reads headers from disk, so run it in a thread.

    If ``settings.text_model`` is set, only that model. ``available_bytes`` defaults to the machine's free memory.
    """
    available = psutil.virtual_memory().available if available_bytes is None else available_bytes
    if settings.text_model is not None:
        path = settings.text_model.expanduser()
        found = list(_ggufs(path)) if path.is_dir() else [path]
        if not found:
            return [ModelCandidate(path, 0, False, "no GGUF file in this folder", broken=True, configured=True)]
        return [_inspect(file, settings.llama_context, available, configured=True) for file in found]
    root = settings.models_dir.expanduser()
    ordered: dict[Path, None] = {}
    for folder in (*(root / name for name in PREFERRED_FOLDERS), root):
        ordered |= dict.fromkeys(_ggufs(folder))
    return [_inspect(file, settings.llama_context, available) for file in ordered]


def choose_model(candidates: list[ModelCandidate]) -> ModelCandidate | None:
    """Return the first usable candidate, or None."""
    return next((candidate for candidate in candidates if candidate.usable), None)


def _ggufs(folder: Path) -> Iterator[Path]:
    """Yield models below ``folder``, sorted; of a split model only the first part, or the lowest one there is."""
    seen: set[str] = set()
    for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
        # Vision projectors lie beside models but cannot write text; nor can models in the folders of other engines.
        if file.suffix.lower() != ".gguf" or file.name.startswith("mmproj") or not file.is_file():
            continue
        if OTHERS & {part.lower() for part in file.relative_to(folder).parts[:-1]}:
            continue
        whole = SPLIT.sub("", str(file))
        if whole not in seen:
            seen.add(whole)
            yield file


def _inspect(path: Path, context: int, available: int, *, configured: bool = False) -> ModelCandidate:
    parts = parts_of(path)
    size = 0
    try:
        headers = [read_header(part) for part in parts]
        size = sum(header.size for header in headers)
    except FileNotFoundError as error:
        missing = Path(str(error.filename)).name
        return ModelCandidate(path, size, False, f"missing file {missing}", broken=True, configured=configured)
    except (BrokenGguf, OSError) as error:
        size = path.stat().st_size if path.is_file() else 0
        return ModelCandidate(path, size, False, str(error), broken=True, configured=configured)
    if not headers[0].writes:
        return ModelCandidate(path, size, False, "embeds texts, does not write", broken=True, configured=configured)
    trained = headers[0].metadata.get(f"{headers[0].metadata.get('general.architecture')}.context_length", context)
    tokens = min(context, int(trained)) if isinstance(trained, int | float) else context
    needed = int(size * OVERHEAD) + headers[0].kv_bytes_per_token() * tokens
    fits = needed <= available
    word = "of" if fits else "but only"
    reason = f"needs about {_gib(needed)} with a context of {tokens} tokens, {word} {_gib(available)} free"
    _log.debug("model %s: %s", path, reason)
    return ModelCandidate(parts[0], size, fits, reason, configured=configured)


def _gib(n: int) -> str:
    return f"{n / 2**30:.1f} GiB"
