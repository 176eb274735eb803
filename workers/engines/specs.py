"""Engines by name: the built-in ones, and those of installed packages, passed in by the caller."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

SettingsT = TypeVar("SettingsT")
EngineT = TypeVar("EngineT")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EngineSpec(Generic[SettingsT, EngineT]):
    """How to build the engine that settings and logs call ``name``.

    ``build`` returns None if the engine is not configured or cannot be used on this machine. It may read from disk, but
    loads no model.
    """

    name: str
    build: Callable[[SettingsT], EngineT | None]


def build_engines(
    kind: str, specs: Iterable[EngineSpec[SettingsT, EngineT]], names: Iterable[str], settings: SettingsT
) -> list[EngineT]:
    """Return the engines of ``names``, in that order, that are configured and can be used here.

    A name without a spec and a builder that fails are logged and skipped; ``kind`` names the engines in the log. Reads
    from disk, so call it before the event loop runs or in a thread.
    """
    by_name = {spec.name: spec for spec in specs}
    engines: list[EngineT] = []
    for name in dict.fromkeys(names):
        if (spec := by_name.get(name)) is None:
            _log.error("there is no %s engine “%s”; there are: %s", kind, name, ", ".join(by_name))
            continue
        try:
            engine = spec.build(settings)
        except Exception:  # noqa: BLE001 - a package may raise anything, and the other engines still work
            _log.exception("the %s engine “%s” cannot be built", kind, name)
            continue
        if engine is not None:
            engines.append(engine)
    return engines
