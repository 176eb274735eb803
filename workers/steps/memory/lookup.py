"""Looking things up in the archive for a prompt: an answer goes on without what is not there within a moment."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from db.errors import Outage
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter, ArchiveHit, QueryVector, search
from prompts.render import render
from workers.context.query import ArchiveNeed
from workers.engines.errors import EngineError
from workers.functions.past import Recalled
from workers.services import Services
from workers.steps.memory.recall import without

ARCHIVE: Final = "archive"
VECTORS: Final = "archive:vectors"
"""What was not there in time, as a record of the context names it."""
PASSAGE: Final = "memory/passage"
"""The prompt that puts what was found."""


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """Where something is looked up, and what of it may be told.

    ``pages`` are the numbers of a story's pages on the way, by id; sentences with a word of ``forgotten`` are left out.
    """

    account_id: int
    scopes: Sequence[ArchiveScope]
    only: ArchiveFilter
    pages: Mapping[int, int] = field(default_factory=dict[int, int])
    forgotten: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What was found, as `Recalled`, and what was not there in time."""

    memories: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    late: list[str] = field(default_factory=list[str])


async def look_up(services: Services, place: ArchivePlace, need: ArchiveNeed | None) -> LookedUp:
    """Return what the archive has for a turn, after at most `ContextSettings.recall_ms`."""
    seconds = services.context.settings.recall_ms / 1000
    if need is None or not seconds:
        return LookedUp()
    # Not `asyncio.timeout`: even to cancel a statement may take a database that is in trouble long.
    finding = asyncio.create_task(_find(services, place, need, seconds))
    finding.add_done_callback(_seen)
    try:
        done, _ = await asyncio.wait([finding], timeout=seconds)
        return finding.result() if done else LookedUp(late=[ARCHIVE])
    except Outage:
        return LookedUp(late=[ARCHIVE])
    finally:
        finding.cancel()


def _seen(finding: asyncio.Task[LookedUp]) -> None:
    """Look at a task's error, also when nobody waits for it any more."""
    if not finding.cancelled():
        finding.exception()


async def _find(services: Services, place: ArchivePlace, need: ArchiveNeed, seconds: float) -> LookedUp:
    late: list[str] = []
    vector: QueryVector | None = None
    try:
        async with asyncio.timeout(seconds / 2):
            vector = await services.embedder.query(need.text)
    except (TimeoutError, EngineError):
        late.append(VECTORS)
    found: list[ArchiveHit] = []
    days = [(need.since, need.until), (None, None)] if need.since is not None else [(None, None)]
    for since, until in days:
        only = ArchiveFilter(place.only.before_message, place.only.pages, place.only.sources, since, until)
        found = await search(
            place.account_id, place.scopes, need.words, limit=need.passages, vector=vector, only=only
        )  # fmt: skip
        if found:
            break
    told = [each for hit in found if (each := await _recalled(services, hit, place)) is not None]
    return LookedUp([each.model_dump() for each in told], late)


async def _recalled(services: Services, hit: ArchiveHit, place: ArchivePlace) -> Recalled | None:
    text = " ".join(without(hit.text, place.forgotten).split())
    if not text:
        return None
    said = hit.source == "message"
    (passage,) = await render(
        services.prompts.get(PASSAGE),
        {
            "text": text,
            "page": None if hit.page_id is None or said else place.pages.get(hit.page_id),
            "speaker": str(hit.metadata.get("speaker", "")) if said else "",
            "feed": str(hit.metadata.get("feed", "")),
            "day": f"{hit.said_at:%Y-%m-%d}",
            "later": without(hit.later, place.forgotten),
        },
    )
    return Recalled(
        kind="archive" if hit.fact_id is None else "fact",
        id=hit.id if hit.fact_id is None else hit.fact_id,
        text=passage.text,
        score=min(max(hit.score, 0), 1),
        message=hit.message_id or 0,
        page=hit.page_id or 0,
    )
