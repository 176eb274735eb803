"""What installed packages bring for the workers: `python -m workers plugins` loads it all and names what is broken."""

from typing import Any

from db.registry import Problem, load_plugins
from workers.engines.image import settings as image_settings
from workers.functions import registry as functions
from workers.functions.base import AiFunction


def problems() -> list[Problem]:
    """Load every plug-in of the workers and return what is wrong."""
    return [*load_plugins(functions.GROUP, _check_function), *load_plugins(image_settings.GROUP, _check_engine)]


def _check_function(loaded: Any, package: str) -> None:
    del package
    if not isinstance(loaded, type) or not issubclass(loaded, AiFunction):
        raise TypeError(f"{loaded!r} is not an AiFunction")


def _check_engine(loaded: Any, package: str) -> None:
    del package
    if not callable(loaded):
        raise TypeError(f"{loaded!r} is not a function that makes an image engine")
