"""The text engines that the settings name and this machine can run."""

import importlib.util
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from workers.engines.specs import EngineSpec, build_engines
from workers.engines.text.base import TextEngine
from workers.engines.text.chain import TextChain
from workers.engines.text.discovery import choose_model, find_models
from workers.engines.text.settings import TextSettings
from workers.offline import NAME as OFFLINE

TextEngineSpec = EngineSpec[TextSettings, TextEngine]
MIB = 2**20
_log = logging.getLogger(__name__)


def build_text_chain(settings: TextSettings, specs: Iterable[TextEngineSpec]) -> TextChain:
    """Return the chain of the engines in ``specs`` that the settings name; an empty chain writes nothing.

    Reads from disk, so call it before the event loop runs or in a thread. No model is loaded yet.
    """
    names = [name for name in settings.text_engines if name != OFFLINE] if settings.use_ai else []
    return TextChain(build_engines("text", specs, names, settings), settings.model_size)


def _llama(settings: TextSettings) -> TextEngine | None:
    if importlib.util.find_spec("llama_cpp") is None:
        return None
    found = find_models(settings)
    chosen = choose_model(found)
    roles = {role: path.expanduser() for role, path in settings.llama_models.items()}
    default = chosen.path if chosen is not None else next(iter(roles.values()), None)
    if default is None:
        return None
    from workers.engines.processes.launch import PrivateLauncher, SharedLauncher, runtime_folder
    from workers.engines.text.llama.engine import LlamaEngine
    from workers.engines.text.llama.models import LlamaModels, model_name

    _log.info("text model: %s", default)
    launcher = (
        SharedLauncher(runtime_folder(), budget_bytes=settings.llama_memory_mb * MIB)
        if settings.llama_shared
        else PrivateLauncher()
    )

    def make(path: Path) -> LlamaEngine:
        return LlamaEngine(
            path,
            context=settings.llama_context,
            cells=settings.llama_cells,
            max_num_seqs=settings.llama_max_num_seqs,
            max_num_batched_tokens=settings.llama_max_num_batched_tokens,
            gpu_layers=settings.llama_gpu_layers,
            threads=settings.llama_threads,
            kv_type=settings.llama_kv_type,
            flash=settings.llama_flash,
            swap_bytes=settings.llama_swap_mb * MIB,
            stall_s=settings.llama_stall_s,
            launcher=launcher,
        )

    # If two files have the same name, the preferred one is meant.
    named = {model_name(candidate.path): candidate.path for candidate in reversed(found) if candidate.usable}
    return LlamaModels(default, make, roles=roles, named=named)


def _remote(settings: TextSettings) -> TextEngine | None:
    if not settings.remote_base_url:
        return None
    from workers.engines.text.remote.configured import remote_engine

    return remote_engine(settings)


def _litellm(settings: TextSettings) -> TextEngine | None:
    if not settings.litellm_model:
        return None
    from workers.engines.text.remote.configured import litellm_engine

    return litellm_engine(settings)


OWN_TEXT_ENGINES: Final = (
    TextEngineSpec("llama", _llama),
    TextEngineSpec("remote", _remote),
    TextEngineSpec("litellm", _litellm),
)
"""Packages add theirs by the entry-point group ``storyfork.text_engines``, each a `TextEngineSpec`."""
