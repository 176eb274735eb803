"""What checks find, and what becomes of a text that is examined."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")
"""What is examined: a text with its facts and its measures."""
T = TypeVar("T")
"""What is shown: a text, or a list of choices."""


@dataclass(frozen=True, slots=True)
class CraftFinding:
    """A check that a text fails. ``reason`` says in at most six words what is wrong, to a model or a person."""

    check: str
    reason: str


@dataclass(frozen=True, slots=True)
class CraftCheck(Generic[S]):
    """A named check. ``fails`` says whether its subject does; its docstring says what is examined."""

    name: str
    reason: str
    fails: Callable[[S], bool]
    growing: bool = True
    """Whether what fails unfinished also fails when it is finished: only then is it examined while it is written."""


@dataclass(frozen=True, slots=True)
class CraftExamination(Generic[T]):
    """What became of a text. ``findings`` is what ``output`` still fails, ``failed`` what it did as it was written.

    ``empty``: nothing is left of it that could be shown, whatever its length.
    """

    output: T
    findings: tuple[CraftFinding, ...] = ()
    failed: tuple[CraftFinding, ...] = ()
    empty: bool = False

    @property
    def passed(self) -> bool:
        """Whether ``output`` may be shown."""
        return not self.findings

    @property
    def mended(self) -> bool:
        """Whether deletions made it pass."""
        return self.passed and bool(self.failed)


def run(checks: Sequence[CraftCheck[S]], subject: S) -> tuple[CraftFinding, ...]:
    """Return what ``subject`` fails."""
    return tuple(CraftFinding(check.name, check.reason) for check in checks if check.fails(subject))
