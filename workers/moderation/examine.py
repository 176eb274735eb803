"""Asking a classifier of texts for a result on a harmless passage: `python -m workers classifiers`."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workers.moderation.base import ClassifierFailed, TextClassifier
from workers.moderation.moderator import TIMEOUT_SECONDS

PASSAGE: Final = "The keeper lit the lamp and wrote the date into the book."
"""Nobody's words: it may leave the machine."""
LOADING_SECONDS: Final = 60.0
"""A local model is loaded before its first result."""


@dataclass(frozen=True, slots=True)
class Examination:
    """What a classifier made of a harmless passage.

    ``problem`` says why it gave no result, empty if it did. ``seconds`` is how long the second result took, ``first``
    the first one, for which a local model may have been loaded. ``harmless``: it took the passage for what it is.
    ``server`` is where texts go, empty if they stay here.
    """

    name: str
    server: str = ""
    problem: str = ""
    first: float = 0.0
    seconds: float = 0.0
    harmless: bool = True


async def examine_all(classifiers: Sequence[TextClassifier]) -> list[Examination]:
    """Examine classifiers at once."""
    return list(await asyncio.gather(*(examine(each) for each in classifiers)))


async def examine(classifier: TextClassifier) -> Examination:
    """Ask a classifier twice. Whatever goes wrong is its problem, in words that quote nothing."""
    name, server = classifier.name, str(getattr(classifier, "server", "") or "")
    times: list[float] = []
    harmless = True
    for limit in (LOADING_SECONDS, TIMEOUT_SECONDS):
        began = time.monotonic()
        try:
            async with asyncio.timeout(limit):
                found = await classifier.assess(PASSAGE)
        except ClassifierFailed as e:
            return Examination(name, server, str(e) or "it gave no result")
        except TimeoutError:
            return Examination(name, server, f"no result within {limit:.0f} s")
        except Exception as e:  # noqa: BLE001 - it may be a package's
            return Examination(name, server, type(e).__name__)
        times.append(time.monotonic() - began)
        harmless = harmless and found.rating == "sfw" and not found.minors
    return Examination(name, server, "", times[0], times[1], harmless)
