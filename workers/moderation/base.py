"""What a classifier of texts is."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from prompts.safety.rating import Rating


@dataclass(frozen=True, slots=True)
class Assessment:
    """A classifier's result: the rating that a text needs, and whether it sexualises somebody who may be a minor."""

    rating: Rating
    minors: bool = False


class ClassifierFailed(Exception):
    """A classifier gave no result; that counts as no consent. The message holds nothing of the text."""

    loggable = True


@runtime_checkable
class TextClassifier(Protocol):
    """Assesses texts. A package adds its own by an entry point in the group ``storyfork.text_classifiers``.

    The entry point names a `workers.moderation.build.ClassifierSpec`.
    """

    name: str

    async def assess(self, text: str) -> Assessment:
        """Assess one passage of at most some thousand characters. Raises `ClassifierFailed`."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...
