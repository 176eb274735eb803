"""How pictures look where nobody says otherwise: the choices of an account and of a story.

What was typed goes first, then the story's choice, the persona's (in its card), the account's, the operator's. What
must not be seen adds up.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from db.connection import row
from db.errors import NotFound
from db.records import columns, fetch_one

PARTS: Final = ("style", "size", "quality", "negative")
_PREFIX: Final = "picture_"
"""Before a part: the name of the account's setting, and of the story's column."""


@dataclass(frozen=True, slots=True)
class PictureLook:
    """Keys of a style, a size and a quality, and what must not be seen; "" where nothing is chosen."""

    style: str = ""
    size: str = ""
    quality: str = ""
    negative: str = ""

    @classmethod
    def read(cls, given: Mapping[str, Any], prefix: str = "") -> "PictureLook":
        """Return the look in settings, or in the part ``visual`` of a card; what is no text is left out."""
        found = {part: given.get(prefix + part) for part in PARTS}
        return cls(**{part: value for part, value in found.items() if isinstance(value, str)})

    def over(self, other: "PictureLook") -> "PictureLook":
        """Return this look, with the other's choices where it has none. What must not be seen is that of both."""
        negatives = [each.strip(" ,") for each in (self.negative, other.negative)]
        chosen = {part: getattr(self, part) or getattr(other, part) for part in PARTS[:-1]}
        return PictureLook(**chosen, negative=", ".join(filter(None, negatives)))


def in_settings(settings: Mapping[str, Any]) -> PictureLook:
    """Return the look in an account's settings."""
    return PictureLook.read(settings, _PREFIX)


async def of_account(account_id: int | None) -> PictureLook:
    """Return an account's look."""
    found = None if account_id is None else await row("SELECT settings FROM accounts WHERE id = $1", account_id)
    return PictureLook() if found is None else in_settings(json.loads(found["settings"]))


async def set_account(account_id: int, part: str, value: str) -> None:
    """Set one of `PARTS` of an account's look; "" leaves it to the operator."""
    assert part in PARTS
    await row(
        "UPDATE accounts SET settings = settings || jsonb_build_object($2::text, $3::text) WHERE id = $1 RETURNING id",
        account_id, _PREFIX + part, value,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stored:
    """The columns of a story."""

    picture_style: str
    picture_size: str
    picture_quality: str
    picture_negative: str


async def of_story(account_id: int | None, story_id: int) -> PictureLook:
    """Return a story's look. Raises `NotFound`."""
    found = await fetch_one(
        _Stored, f"SELECT {columns(_Stored)} FROM stories WHERE id = $2 AND account_id = $1", account_id, story_id
    )
    if found is None:
        raise NotFound("story.unknown")
    return PictureLook.read(asdict(found), _PREFIX)


async def set_story(account_id: int, story_id: int, look: PictureLook) -> None:
    """Set a story's look. Raises `NotFound`."""
    found = await row(
        "UPDATE stories SET picture_style = $3, picture_size = $4, picture_quality = $5, picture_negative = $6 "
        "WHERE id = $2 AND account_id = $1 RETURNING id",
        account_id, story_id, look.style, look.size, look.quality, look.negative,
    )  # fmt: skip
    if found is None:
        raise NotFound("story.unknown")
