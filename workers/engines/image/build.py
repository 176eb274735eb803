"""Which image engines there are: those that the settings ask for, and can be used here.

A package adds its own by an entry point in the group ``storyfork.image_engines``. Its name is the engine's; it names a
function that takes the `ImageSettings` and returns an `ImageEngine`, or None if it is not configured.
"""

import logging
from collections.abc import Callable

from workers.engines.image.base import ImageEngine
from workers.engines.image.discovery import choose_image_model, find_image_models
from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions, missing_packages
from workers.engines.image.settings import ImageSettings, third_party_engines
from workers.engines.processes.launch import SharedLauncher, runtime_folder

_log = logging.getLogger(__name__)


def build_image_engines(settings: ImageSettings) -> dict[str, ImageEngine]:
    """Return the engines by name, in the order in which they are asked; empty if there is nothing to draw with.

    Looks for models on the disk, so call it before the event loop runs or in a thread. No model is loaded yet.
    """
    engines: dict[str, ImageEngine] = {}
    for name in dict.fromkeys(settings.image_engines):
        make = _OWN.get(name) or _third_party(name)
        engine = make(settings)
        if engine is not None:
            engines[name] = engine
    return engines


def sdxl_engine(settings: ImageSettings) -> SdxlEngine | None:
    """Return the ``sdxl`` engine, None if there is no model or not everything is installed."""
    candidates = find_image_models(settings)
    model = choose_image_model(candidates)
    if model is None:
        for candidate in candidates:
            _log.warning("%s is no image model that can be used: %s", candidate.path, candidate.reason)
        return None
    if missing := missing_packages():
        _log.warning(
            "the image model %s is not used: %s missing; pip install 'storyfork[gpu]'", model.path, ", ".join(missing)
        )
        return None
    _log.info("image model: %s", model.path)
    return SdxlEngine(
        model.path,
        SdxlOptions(
            config=model.config,
            device=settings.image_device,
            dtype=settings.image_dtype,
            batch=settings.image_batch,
            threads=settings.image_threads,
            compile=settings.image_compile,
            warm_up=settings.image_warm_up,
            loras=None if settings.image_loras is None else settings.image_loras.expanduser(),
            classifier=None if settings.image_classifier is None else settings.image_classifier.expanduser(),
            checksums=None if settings.image_checksums is None else settings.image_checksums.expanduser(),
            max_pixels=settings.image_max_pixels,
            stall_s=settings.image_stall_s,
        ),
        SharedLauncher(runtime_folder() / "image") if settings.image_shared else None,
    )


def openai_engine(settings: ImageSettings) -> ImageEngine | None:
    """Return the ``openai`` engine, None if no server or no model is set."""
    if not settings.image_base_url or not settings.image_remote_model:
        return None
    from workers.engines.image.openai import OpenAIImages

    return OpenAIImages(
        settings.image_base_url,
        settings.image_remote_model,
        api_key=settings.image_api_key.get_secret_value() if settings.image_api_key else "",
        prices=settings.image_price,
        timeout_s=settings.image_timeout,
    )


_OWN: dict[str, Callable[[ImageSettings], ImageEngine | None]] = {"sdxl": sdxl_engine, "openai": openai_engine}


def _third_party(name: str) -> Callable[[ImageSettings], ImageEngine | None]:
    return third_party_engines()[name].load()
