"""The built-in image engines, and the chain that the settings configure."""

import importlib.util
import logging
from collections.abc import Iterable

from workers.engines.image.base import ImageEngine
from workers.engines.image.chain import ImageChain
from workers.engines.image.checked import CheckedEngine
from workers.engines.image.classifier.client import PictureClassifier
from workers.engines.image.discovery import choose_image_model, find_image_models, with_pulled
from workers.engines.image.sdxl.engine import SdxlEngine, SdxlOptions, missing_packages
from workers.engines.image.settings import ImageSettings
from workers.engines.processes.launch import SharedLauncher, runtime_folder
from workers.engines.specs import EngineSpec, build_engines

ImageEngineSpec = EngineSpec[ImageSettings, ImageEngine]
_log = logging.getLogger(__name__)


def build_image_chain(settings: ImageSettings, specs: Iterable[ImageEngineSpec]) -> ImageChain:
    """Return the chain of the engines in ``specs`` that the settings name; an empty chain draws nothing.

    Reads from disk, so call it before the event loop runs or in a thread. No model is loaded yet.
    """
    return ImageChain(build_engines("image", specs, settings.image_engines, with_pulled(settings)))


def sdxl_engine(settings: ImageSettings) -> SdxlEngine | None:
    """Return the ``sdxl`` engine, None if there is no model or a package is missing."""
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

    remote = OpenAIImages(
        settings.image_base_url,
        settings.image_remote_model,
        api_key=settings.image_api_key.get_secret_value() if settings.image_api_key else "",
        prices=settings.image_price,
        max_pixels=settings.image_max_pixels,
        timeout_s=settings.image_timeout,
    )
    classifier = picture_classifier(settings)
    return remote if classifier is None else CheckedEngine(remote, classifier)


def picture_classifier(settings: ImageSettings) -> PictureClassifier | None:
    """Return the classifier of pictures from elsewhere, None if there is none, or a package is missing."""
    folder = settings.image_classifier
    if folder is None:
        return None
    if missing := [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]:
        _log.warning("pictures of a server are not classified: %s missing", ", ".join(missing))
        return None
    launcher = SharedLauncher(runtime_folder() / "classifier") if settings.image_shared else None
    return PictureClassifier(folder.expanduser(), settings.image_device, settings.image_stall_s, launcher)


OWN_IMAGE_ENGINES = (ImageEngineSpec("sdxl", sdxl_engine), ImageEngineSpec("openai", openai_engine))
"""Packages add theirs by the entry-point group ``storyfork.image_engines``, each an `ImageEngineSpec`."""
