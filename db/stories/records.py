"""The records of stories that this package returns."""

from dataclasses import dataclass

from db.jobs import Abandoned


@dataclass(frozen=True, slots=True)
class Story:
    """A story. ``cursor_id`` is its current page, ``revision`` counts the cursor's moves.

    Without ``owner_id`` it is the place's: who began it had their data deleted.
    """

    id: int
    account_id: int
    owner_id: int | None
    conversation_id: int
    title: str
    premise: str
    genre: str
    language: str
    rating: str
    mode: str
    illustrated: bool
    seed: int
    cursor_id: int | None
    revision: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page. ``variant_index`` numbers the variants of one place in the tree; ``chosen``: a cursor has been here.

    ``state``: pending (being written), speculative (written ahead, unread), ready, or failed.
    """

    id: int
    story_id: int
    parent_id: int | None
    choice_id: int | None
    variant_index: int
    number: int
    state: str
    chosen: bool
    title: str
    text: str
    ending: bool
    job_id: int | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice on a page. ``kind`` is bold, careful, curious, or own (written by ``user_id``).

    ``verdict`` is `db.moderation.Verdict`: one that is not checked is shown to its author only.
    """

    id: int
    page_id: int
    position: int
    text: str
    kind: str
    user_id: int | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Move:
    """A move of the cursor to ``page``.

    ``fresh``: the page is new and must be written. ``left`` is the page that the cursor left (None for a new
    story). ``cancelled`` is the job of a page abandoned by this move; its event must still be answered.
    """

    story: Story
    page: Page
    fresh: bool
    left: Page | None = None
    cancelled: Abandoned | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """A story with its number of pages, and the number of its current page."""

    story: Story
    pages: int
    number: int
