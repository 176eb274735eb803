"""Checks on a prompt before it is drawn and on a picture afterwards, by rating and by the classifier's result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, cast

from db.errors import NotAllowed
from prompts.safety.check import refusal, scan
from prompts.safety.rating import Rating, lowest

Verdict = Literal["show", "hide", "refuse"]
"""``hide``: shown behind the platform's spoiler."""


@dataclass(frozen=True, slots=True)
class SafetySettings:
    """Probabilities (0 to 1) of sexual content from which a picture is refused or hidden.

    ``young``: from this probability of somebody young on, the picture is treated as one with minors.

    ``strict``: nothing is drawn, however harmless it seems, unless a classifier will check it.
    """

    strict: bool = False
    refuse_sfw: float = 0.6
    hide_sfw: float = 0.35
    refuse_suggestive: float = 0.9
    hide_suggestive: float = 0.5
    hide_nsfw: float = 0.3
    refuse_with_minors: float = 0.2
    young: float = 0.3


@dataclass(frozen=True, slots=True)
class Clearance:
    """A prompt that may be drawn: its rating, and whether there is a young person in it."""

    rating: Rating
    minors: bool = False


DEFAULTS: Final = SafetySettings()


def check_prompt(
    *texts: str,
    rating: Rating,
    allowance: Rating,
    negative: str = "",
    classifier: bool,
    young: bool = False,
    settings: SafetySettings = DEFAULTS,
) -> Clearance:
    """Return the terms for drawing what ``texts`` describe.

    ``rating`` is the persona's or the story's, ``allowance`` the conversation's, ``classifier`` whether one will check
    the picture. Anything with young people in it is drawn as ``sfw``; ``young``: there is one, as is known from
    elsewhere, such as the rest of a persona's card. ``negative`` is the person's negative prompt.

    Raises:
        NotAllowed: sexual content about minors (``picture.refused_minors``), more than the rating allows
            (``picture.refused_rating``), or no classifier where one is required (``picture.no_classifier``).
    """
    if settings.strict and not classifier:
        raise NotAllowed("picture.no_classifier")
    effective = lowest(rating, allowance, "nsfw" if classifier else "suggestive")
    minors = young or scan(*texts).minors
    if minors:
        effective = "sfw"
    why = refusal(effective, *texts, negative=negative)
    if why == "minors":
        raise NotAllowed("picture.refused_minors")
    if why == "rating":
        raise NotAllowed("picture.refused_rating", rating=effective)
    return Clearance(effective, minors)


def card_texts(value: object) -> list[str]:
    """Return all text of a persona's card except its rating, at any depth; a number under ``age`` as an age."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        found: list[str] = []
        for key, each in cast("Mapping[object, object]", value).items():
            if key != "rating":
                found += [f"age {each}"] if str(key).casefold() == "age" else card_texts(each)
        return found
    if isinstance(value, list | tuple):
        return [text for each in cast("Sequence[object]", value) for text in card_texts(each)]
    return []


def verdict(
    clearance: Clearance, unsafe: float | None, settings: SafetySettings = DEFAULTS, *, young: float = 0.0
) -> Verdict:
    """Return what to do with a finished picture. ``unsafe`` is the classifier's probability, None if none ran.

    ``young`` is its probability of somebody young, 0 from one that does not know.
    Without a classifier nsfw pictures are refused, suggestive ones hidden, and all refused in the strict setting.
    """
    rating = clearance.rating
    if unsafe is None or not 0 <= unsafe <= 1:
        if settings.strict or rating == "nsfw":
            return "refuse"
        return "show" if rating == "sfw" else "hide"
    minors = clearance.minors or not young < settings.young
    if minors and rating != "sfw":
        return "refuse"
    if minors and unsafe >= settings.refuse_with_minors:
        return "refuse"
    if rating == "nsfw":
        return "hide" if unsafe >= settings.hide_nsfw else "show"
    refuse, hide = (
        (settings.refuse_sfw, settings.hide_sfw)
        if rating == "sfw"
        else (settings.refuse_suggestive, settings.hide_suggestive)
    )
    return "refuse" if unsafe >= refuse else "hide" if unsafe >= hide else "show"
