"""Which embedding engine is used."""

import importlib.util
import logging
from pathlib import Path

from workers.engines.processes.launch import Launcher
from workers.engines.text.embedding.base import EmbeddingEngine
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.gguf_file import BrokenGguf, read_header
from workers.engines.text.settings import TextSettings

FOLDER = "embedding"
"""Folder in the models folder that is searched for an embedding model."""
_log = logging.getLogger(__name__)


def build_embedding_engine(
    settings: EmbeddingSettings, text: TextSettings, launcher: Launcher | None = None
) -> EmbeddingEngine | None:
    """Return the engine that the settings ask for; None if none is configured, or language models are switched off.

    Looks for models on the disk, so call it before the event loop runs or in a thread. No model is loaded yet.
    """
    if not text.use_ai:
        return None
    if settings.base_url and settings.remote_model:
        from workers.engines.text.embedding.remote import RemoteEmbedder

        key = settings.api_key.get_secret_value() if settings.api_key else ""
        return RemoteEmbedder(settings.base_url, settings.remote_model, api_key=key, timeout_s=settings.timeout)
    model = find_embedding_model(settings, text.models_dir)
    if model is None or importlib.util.find_spec("llama_cpp") is None:
        return None
    from workers.engines.text.embedding.llama import LlamaEmbedder

    _log.info("embedding model: %s", model)
    return LlamaEmbedder(
        model,
        context=settings.context,
        gpu_layers=text.llama_gpu_layers,
        threads=text.llama_threads,
        stall_s=text.llama_stall_s,
        launcher=launcher,
    )


def find_embedding_model(settings: EmbeddingSettings, models: Path) -> Path | None:
    """Return the model that the settings name, else the first whole GGUF file in the models folder's `FOLDER`.

    A file that is named is returned as it is; what is wrong with it is said when it is used.
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
