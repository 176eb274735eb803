"""Specs by name: the product's own, and those of installed packages (Python entry points).

Commands, workflows, engines … are registered as specs with a name. The product's own and a package's are added by the
same call. A package's errors are recorded as `Problem`s and never raised: `storyfork doctor` reports them, and the
service starts without the package.
"""

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, TypeVar

S = TypeVar("S")
OWN: Final = "storyfork"
"""The source of the product's own specs."""
_log = logging.getLogger(__name__)


class NameTaken(ValueError):
    """Another spec has that name; the message says which and from where."""

    loggable = True


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a package's entry point. ``package`` is its distribution with version."""

    group: str
    entry: str
    package: str
    reason: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"plug-in {self.entry} ({self.package}, {self.group}): {self.reason}"


class Registry(Generic[S]):
    """Specs of one kind by name, in the order in which they were added."""

    def __init__(self, kind: str, name_of: Callable[[S], str], own: Iterable[S] = ()) -> None:
        """``kind`` names the specs in messages (``command``). Raises `NameTaken` if two of ``own`` have one name."""
        self._kind, self._name_of = kind, name_of
        self._specs: dict[str, S] = {}
        self._sources: dict[str, str] = {}
        for spec in own:
            self.add(spec)

    def add(self, spec: S, source: str = OWN) -> None:
        """Add a spec. Raises `NameTaken`."""
        name = self._name_of(spec)
        if name in self._specs:
            raise NameTaken(f"{self._kind} {name!r} is taken by {self._sources[name]}")
        self._specs[name], self._sources[name] = spec, source

    def add_all(self, specs: Iterable[S], source: str = OWN) -> None:
        """Add specs in order. Raises `NameTaken`."""
        for spec in specs:
            self.add(spec, source)

    def check(self, specs: Iterable[object], type_: type) -> None:
        """Raise what `add` would raise for these, and `TypeError` for one that is not of ``type_``."""
        names: set[str] = set()
        for spec in specs:
            if not isinstance(spec, type_):
                raise TypeError(f"{spec!r} is not a {type_.__name__}")
            name = self._name_of(spec)  # type: ignore[arg-type]
            if name in names:
                raise NameTaken(f"{self._kind} {name!r} is given twice")
            if name in self._specs:
                raise NameTaken(f"{self._kind} {name!r} is taken by {self._sources[name]}")
            names.add(name)

    def get(self, name: str) -> S | None:
        """Return the spec of that name."""
        return self._specs.get(name)

    def source(self, name: str) -> str:
        """Return the package that a spec comes from. Raises `KeyError`."""
        return self._sources[name]

    @property
    def names(self) -> list[str]:
        """All names, in order."""
        return list(self._specs)

    def __iter__(self) -> Iterator[S]:
        """Iterate over the specs, in order."""
        return iter(self._specs.values())

    def __len__(self) -> int:
        """Return how many specs there are."""
        return len(self._specs)

    def __contains__(self, name: object) -> bool:
        """Return whether a spec has that name."""
        return name in self._specs


def load_plugins(group: str, add: Callable[[Any, str], None]) -> list[Problem]:
    """Pass every object of an entry-point group to ``add``, with its package, and return the problems.

    ``add(object, package)`` raises `TypeError` for an object of the wrong type and `ValueError` (as `NameTaken`) for
    one that does not fit; anything that importing a package raises is a problem of that package.
    """
    problems: list[Problem] = []
    for entry in sorted(_installed(tuple(sys.path)).select(group=group), key=lambda e: (package_of(e), e.name)):
        try:
            add(entry.load(), package_of(entry))
        except (Exception, SystemExit) as e:  # noqa: BLE001 - a package may raise anything while it is imported
            problem = Problem(group, entry.name, package_of(entry), f"{type(e).__name__}: {e}")
            _log.warning("%s", problem)
            problems.append(problem)
    return problems


@lru_cache(maxsize=1)
def _installed(path: tuple[str, ...]) -> Any:
    """Return the entry points of all packages on ``path``, which is `sys.path`: each call reads a file of every one."""
    del path
    return entry_points()


def package_of(entry: EntryPoint) -> str:
    """Return the distribution that an entry point comes from, with its version."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "unknown package"
