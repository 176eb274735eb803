"""What the product and installed packages bring for the workers. `python -m workers plugins` names what is broken."""

from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, cast

from db.registry import Problem, Registry, load_plugins
from workers.engines.image.build import OWN_IMAGE_ENGINES, ImageEngineSpec
from workers.engines.specs import EngineSpec
from workers.engines.text.embedding.build import OWN_EMBEDDING_ENGINES, EmbeddingEngineSpec
from workers.functions import registry as functions
from workers.functions.base import AiFunction
from workers.notifiers import LogNotifier, Notifier
from workers.workflows import registry as workflows

IMAGE_ENGINES: Final = "storyfork.image_engines"
EMBEDDING_ENGINES: Final = "storyfork.embedding_engines"
NOTIFIERS: Final = "storyfork.notifiers"


def image_engines() -> tuple[Registry[ImageEngineSpec], list[Problem]]:
    """Return the image engines that can be built, and what is wrong with those of packages."""
    registry = Registry[ImageEngineSpec]("image engine", attrgetter("name"), OWN_IMAGE_ENGINES)
    return registry, _add_engines(registry, IMAGE_ENGINES)


def embedding_engines() -> tuple[Registry[EmbeddingEngineSpec], list[Problem]]:
    """Return the embedding engines that can be built, and what is wrong with those of packages."""
    registry = Registry[EmbeddingEngineSpec]("embedding engine", attrgetter("name"), OWN_EMBEDDING_ENGINES)
    return registry, _add_engines(registry, EMBEDDING_ENGINES)


def problems() -> list[Problem]:
    """Load every plug-in of the workers and return what is wrong."""
    return [
        *load_plugins(functions.GROUP, _check_function),
        *image_engines()[1],
        *embedding_engines()[1],
        *workflows.problems(),
        *notifiers()[1],
    ]


@lru_cache(maxsize=1)
def notifiers() -> tuple[Registry[Notifier], list[Problem]]:
    """Return all notifiers, and what is wrong with those of packages."""
    registry = Registry[Notifier]("notifier", attrgetter("name"), (LogNotifier(),))

    def add(loaded: Any, package: str) -> None:
        made = loaded() if isinstance(loaded, type) else loaded
        if not isinstance(made, Notifier):
            raise TypeError(f"{loaded!r} is not a Notifier")
        registry.add(made, package)

    return registry, load_plugins(NOTIFIERS, add)


def _add_engines(registry: Registry[Any], group: str) -> list[Problem]:
    def add(loaded: Any, package: str) -> None:
        if not isinstance(loaded, EngineSpec):
            raise TypeError(f"{loaded!r} is not an EngineSpec")
        registry.add(cast("EngineSpec[Any, Any]", loaded), package)

    return load_plugins(group, add)


def _check_function(loaded: Any, package: str) -> None:
    del package
    if not isinstance(loaded, type) or not issubclass(loaded, AiFunction):
        raise TypeError(f"{loaded!r} is not an AiFunction")
