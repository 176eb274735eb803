"""The engines that can be built, the product's own and those of installed packages."""

from operator import attrgetter
from typing import Any, Final, cast

from db.registry import Problem, Registry, load_plugins
from workers.engines.image.build import OWN_IMAGE_ENGINES, ImageEngineSpec
from workers.engines.specs import EngineSpec
from workers.engines.text.build import OWN_TEXT_ENGINES, TextEngineSpec
from workers.engines.text.embedding.build import OWN_EMBEDDING_ENGINES, EmbeddingEngineSpec

IMAGE_ENGINES: Final = "storyfork.image_engines"
EMBEDDING_ENGINES: Final = "storyfork.embedding_engines"
TEXT_ENGINES: Final = "storyfork.text_engines"


def text_engines() -> tuple[Registry[TextEngineSpec], list[Problem]]:
    """Return the text engines that can be built, and the problems of packages' engines."""
    registry = Registry[TextEngineSpec]("text engine", attrgetter("name"), OWN_TEXT_ENGINES)
    return registry, _add_engines(registry, TEXT_ENGINES)


def image_engines() -> tuple[Registry[ImageEngineSpec], list[Problem]]:
    """Return the image engines that can be built, and the problems of packages' engines."""
    registry = Registry[ImageEngineSpec]("image engine", attrgetter("name"), OWN_IMAGE_ENGINES)
    return registry, _add_engines(registry, IMAGE_ENGINES)


def embedding_engines() -> tuple[Registry[EmbeddingEngineSpec], list[Problem]]:
    """Return the embedding engines that can be built, and the problems of packages' engines."""
    registry = Registry[EmbeddingEngineSpec]("embedding engine", attrgetter("name"), OWN_EMBEDDING_ENGINES)
    return registry, _add_engines(registry, EMBEDDING_ENGINES)


def _add_engines(registry: Registry[Any], group: str) -> list[Problem]:
    def add(loaded: Any, package: str) -> None:
        if not isinstance(loaded, EngineSpec):
            raise TypeError(f"{loaded!r} is not an EngineSpec")
        registry.add(cast("EngineSpec[Any, Any]", loaded), package)

    return load_plugins(group, add)
