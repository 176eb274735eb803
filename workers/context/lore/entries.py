"""What a lorebook holds. Fields mean what Character Card V3 says; where it leaves one open, we say."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

MAX_ENTRIES: Final = 10_000
"""Entries of one book."""
MAX_KEYS: Final = 200
"""Keys of one list of an entry."""
MAX_KEY: Final = 1_000
"""Characters of a key."""
MAX_CONTENT: Final = 40_000
"""Characters of an entry's content, decorators included."""
MAX_DEPTH: Final = 1_000
"""Messages that a depth may count."""

LorePosition = Literal["before_char", "after_char"]
SecondaryLogic = Literal["any", "all", "not_any", "not_all"]
"""What a selective entry wants of its secondary keys: one of them, all of them, none of them, not all of them."""


class LoreEntry(BaseModel):
    """An entry: its content is told when one of its keys stands in the last messages.

    ``insertion_order``: smaller is told earlier. ``priority``: what has less is left out first when the budget is
    exceeded; entries without one are told apart by ``insertion_order`` alone. ``constant`` needs no key. With
    ``use_regex`` all keys are regular expressions, and ``constant`` and ``secondary_keys`` mean nothing; a key
    written ``/…/flags`` is one in any entry. ``case_sensitive`` None is False. ``whole_words`` wants a key to stand
    alone; where words are not set apart by spaces, it changes nothing. ``depth`` counts messages from the newest,
    ``scan_depth`` is how many of the newest are searched (None: as the book says). ``recursable`` may be called up by
    other entries' contents, ``recurses`` may call up others, both in books that allow it only.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1, max_length=100)
    content: str = Field(max_length=MAX_CONTENT)
    name: str = Field(default="", max_length=MAX_KEY)
    keys: tuple[str, ...] = Field(default=(), max_length=MAX_KEYS)
    secondary_keys: tuple[str, ...] = Field(default=(), max_length=MAX_KEYS)
    selective: bool = False
    secondary_logic: SecondaryLogic = "any"
    constant: bool = False
    enabled: bool = True
    insertion_order: float = Field(default=100, allow_inf_nan=False)
    priority: float | None = Field(default=None, allow_inf_nan=False)
    position: LorePosition = "before_char"
    depth: int | None = Field(default=None, ge=0, le=MAX_DEPTH)
    scan_depth: int | None = Field(default=None, ge=0, le=MAX_DEPTH)
    case_sensitive: bool | None = None
    whole_words: bool = False
    use_regex: bool = False
    recursable: bool = True
    recurses: bool = True

    @field_validator("keys", "secondary_keys")
    @classmethod
    def _tidy(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        """Keys come with stray spaces, and empty ones would be found everywhere."""
        if any(len(key) > MAX_KEY for key in keys):
            raise ValueError(f"a key has more than {MAX_KEY} characters")
        return tuple(key.strip() for key in keys if key.strip())


class Lorebook(BaseModel):
    """A book of entries. ``id`` is part of nothing but what is reported; the entries' ids are unique across books.

    ``scan_depth``, ``token_budget``: None leaves them to the caller's limits. ``recursive``: contents of entries that
    are told may call up others of this book.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = Field(min_length=1, max_length=100)
    name: str = Field(default="", max_length=MAX_KEY)
    scan_depth: int | None = Field(default=None, ge=0, le=MAX_DEPTH)
    token_budget: int | None = Field(default=None, ge=0)
    recursive: bool = False
    entries: tuple[LoreEntry, ...] = Field(default=(), max_length=MAX_ENTRIES)
