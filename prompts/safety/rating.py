"""Ratings of stories, personas, places and pictures, and how they combine. Anything unknown is ``sfw``."""

from typing import Final, Literal

Rating = Literal["sfw", "suggestive", "nsfw"]
RATINGS: Final[tuple[Rating, ...]] = ("sfw", "suggestive", "nsfw")
"""In ascending order."""
RATING_WORDS: Final[dict[Rating, str]] = {"sfw": "general", "suggestive": "teen", "nsfw": "mature"}
"""What models are told; each prompt says what the words mean."""


def parse_rating(value: object) -> Rating:
    """Return ``value`` as a rating; ``sfw`` if it is not one."""
    return value if isinstance(value, str) and value in RATINGS else "sfw"


def lowest(*values: object) -> Rating:
    """Return the lowest of some ratings: the one that counts when all must agree. ``sfw`` if there are none."""
    return RATINGS[min((RATINGS.index(parse_rating(value)) for value in values), default=0)]


def highest(*values: object) -> Rating:
    """Return the highest of some ratings: the one a text needs if its parts need these. ``sfw`` if there are none."""
    return RATINGS[max((RATINGS.index(parse_rating(value)) for value in values), default=0)]


def exceeds(needed: Rating, allowed: Rating) -> bool:
    """Return True if content that needs one rating may not be shown where another one applies."""
    return RATINGS.index(needed) > RATINGS.index(allowed)


def place_allowance(
    *,
    adult_channel: bool | None,
    direct: bool,
    opted_in: bool,
    operator_adult: bool,
    vouched: bool = False,
    ordinary: Rating = "sfw",
) -> Rating:
    """Return the highest rating that may be shown in a place.

    ``adult_channel`` is the platform's own age restriction of a channel, None where the platform knows none (then
    ``operator_adult``, the operator's declaration that the place is for adults, decides). A direct conversation needs
    the person's own opt-in, and that declaration or the platform's word for the person (``vouched``: they could use a
    command that the platform keeps from minors). ``ordinary`` applies everywhere else.
    """
    if direct:
        return "nsfw" if opted_in and (operator_adult or vouched) else ordinary
    return "nsfw" if (operator_adult if adult_channel is None else adult_channel) else ordinary
