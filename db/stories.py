"""Stories: making them, moving their cursor, growing their tree.

Every move of the cursor is one conditional update on (cursor, revision): of any number of clicks at once exactly one
wins, the others raise `Moved`. Locks are always taken in the order conversation, story, page, job.
"""

from dataclasses import dataclass, replace
from typing import Any, Final

from db import jobs
from db.connection import row, rows
from db.errors import BadInput, Moved, NotAllowed, NotFound
from db.models import Choice, Job, Page, Story

SEED_LIMIT: Final = 2**31
OWN_ACTION_LENGTH: Final = 500
"""Most characters of a person's own action: it stands in the page's text and in every later prompt."""


@dataclass(frozen=True, slots=True)
class Move:
    """A move of the cursor to ``page``.

    ``fresh``: the page is new and must be written now. ``cancelled``: the job of a page that was given up for this
    move; its event is still to be answered.
    """

    story: Story
    page: Page
    fresh: bool
    cancelled: Job | None = None


@dataclass(frozen=True, slots=True)
class PathStep:
    """One page on the way from the first page, and the choice that led to it (None for the first)."""

    page: Page
    choice: Choice | None


async def create(
    *,
    account_id: int,
    owner_id: int,
    conversation_id: int,
    premise: str,
    genre: str = "",
    language: str = "en",
    mode: str = "solo",
    illustrated: bool = False,
    seed: int,
) -> Move:
    """Start a story: its first page is pending, its conversation now tells it. ``illustrated``: with pictures."""
    story = await Story.create(
        account_id=account_id,
        owner_id=owner_id,
        conversation_id=conversation_id,
        premise=premise,
        genre=genre,
        language=language,
        mode=mode,
        illustrated=illustrated,
        seed=seed % SEED_LIMIT,
    )
    page = await Page.create(story_id=story.id, state="pending", chosen=True)
    await Story.filter(id=story.id).update(cursor_id=page.id)
    await open_in(conversation_id, story.id)
    return Move(await _story(story.id), page, fresh=True)


async def thread_of(page_id: int) -> str | None:
    """Return the chat id of the thread in which a page's story is told; None if it has no thread of its own."""
    found = await row(
        "SELECT c.chat_id FROM pages p JOIN conversations c ON c.story_id = p.story_id AND c.kind = 'thread' "
        "AND c.thread_id = '' WHERE p.id = $1 ORDER BY c.id DESC LIMIT 1",
        page_id,
    )
    return None if found is None else found["chat_id"]


async def open_in(conversation_id: int, story_id: int) -> None:
    """Make a story the one that its conversation tells."""
    await rows("UPDATE conversations SET story_id = $2, mode = 'story' WHERE id = $1", conversation_id, story_id)


async def choose(account_id: int, user_id: int, page_id: int, revision: int, position: int) -> Move:
    """Take a choice of the page where the story stands.

    Shows the page that the choice led to before, if there is one, else starts a new one.
    Raises `NotFound`, `NotAllowed`, `Moved`.
    """
    story, page = await _at(account_id, user_id, page_id)
    choice = await Choice.get_or_none(page_id=page_id, position=position)
    if choice is None:
        raise NotFound("story.no_such_choice", number=position)
    await _step(story, page_id, revision)
    return await _follow(story, page, choice)


async def choose_own(account_id: int, user_id: int, page_id: int, revision: int, text: str) -> Move:
    """Take an action that the person wrote. Raises as `choose`, and `BadInput`."""
    text = " ".join(text.split())
    if not text:
        raise BadInput("story.own_empty")
    if len(text) > OWN_ACTION_LENGTH:
        raise BadInput("story.own_too_long", length=len(text), limit=OWN_ACTION_LENGTH)
    story, page = await _at(account_id, user_id, page_id)
    if page.ending or page.state != "ready":
        raise BadInput("story.ended" if page.ending else "story.no_page")
    await _step(story, page_id, revision)
    last = await row("SELECT coalesce(max(position), 0) AS n FROM choices WHERE page_id = $1", page_id)
    assert last is not None
    choice = await Choice.create(page_id=page_id, position=last["n"] + 1, text=text, kind="own", user_id=user_id)
    return await _follow(story, page, choice)


async def retry(account_id: int, user_id: int, page_id: int, revision: int) -> Move:
    """Start another variant of the page where the story stands; the old one is kept. Raises as `choose`."""
    story, page = await _at(account_id, user_id, page_id)
    await _step(story, page_id, revision)
    return await _grow(story, page.parent_id, page.choice_id, page.number)


async def back(account_id: int, user_id: int, page_id: int, revision: int) -> Move:
    """Go back to the page before; a page that is still being written is given up. Raises as `choose`.

    From a variant that is still being written it goes back to the variant that was there.
    """
    story, page = await _at(account_id, user_id, page_id, pending=True)
    await _step(story, page_id, revision)
    abandoned, job = await _abandon(page)
    target = await _before(page) if abandoned else page.parent_id
    if target is None:
        raise BadInput("story.at_start")
    return replace(await _stand(story, await Page.get(id=target), fresh=False), cancelled=job)


async def at_cursor(account_id: int, user_id: int, story_id: int) -> tuple[Story, Page]:
    """Return a story and the page where it stands, for somebody who may see it. Raises `NotFound`, `NotAllowed`."""
    story = await Story.get_or_none(id=story_id, account_id=account_id)
    if story is None or story.cursor_id is None:
        raise NotFound("story.unknown")
    if story.mode == "solo" and story.owner_id != user_id:
        raise NotAllowed("story.not_yours")
    return story, await Page.get(id=story.cursor_id)


async def list_owned(account_id: int, owner_id: int, *, search: str = "", limit: int = 25) -> list[Story]:
    """Return a person's stories in an account, last played first; ``search`` is a part of title or premise."""
    found = await rows(
        "SELECT id FROM stories WHERE account_id = $1 AND owner_id = $2 "
        "AND (strpos(lower(title), lower($3)) > 0 OR strpos(lower(premise), lower($3)) > 0) "
        "ORDER BY updated_at DESC, id DESC LIMIT $4",
        account_id, owner_id, search, limit,
    )  # fmt: skip
    by_id = {s.id: s for s in await Story.filter(id__in=[f["id"] for f in found])}
    return [by_id[f["id"]] for f in found]


async def delete(account_id: int, user_id: int, story_id: int) -> tuple[Story, list[Job]]:
    """Delete a story with all its pages; its owner only. Raises as `at_cursor`.

    All its jobs are cancelled. Returns those that were to write a page: their events are still to be answered.
    """
    await rows("SELECT id FROM conversations WHERE story_id = $1 ORDER BY id FOR NO KEY UPDATE", story_id)
    await _lock(story_id)
    story = await Story.get_or_none(id=story_id, account_id=account_id)
    if story is None:
        raise NotFound("story.unknown")
    if story.owner_id != user_id:
        raise NotAllowed("story.not_yours")
    pages = await Page.filter(story_id=story_id, job_id__isnull=False)
    await Story.filter(id=story_id).delete()
    cancelled = set(await jobs.cancel_all([p.job_id for p in pages if p.job_id is not None]))
    writing = [p.job_id for p in pages if p.state in ("pending", "speculative") and p.job_id in cancelled]
    return story, await Job.filter(id__in=writing).order_by("id")


async def lock(page_id: int) -> tuple[Story, Page] | None:
    """Lock a page's story for the rest of the transaction and return both; None if they were deleted."""
    page = await Page.get_or_none(id=page_id)
    if page is None:
        return None
    await _lock(page.story_id)
    story = await Story.get_or_none(id=page.story_id)
    page = await Page.get_or_none(id=page_id)
    return None if story is None or page is None else (story, page)


async def attach_page(
    page_id: int, *, title: str, text: str, ending: bool, choices: list[tuple[str, str]]
) -> Page | None:
    """Fill a pending (or speculative) page with its text and its ``(text, kind)`` choices.

    None if it is not there any more, or was filled or given up before: then nothing changes.
    """
    locked = await lock(page_id)
    if locked is None or locked[1].state not in ("pending", "speculative"):
        return None
    story, page = locked
    if ending == bool(choices):
        raise ValueError("a page has choices or is an ending")
    await Page.filter(id=page_id).update(
        title=title, text=text, ending=ending, state="ready" if page.state == "pending" else page.state
    )
    await Choice.bulk_create(
        Choice(page_id=page_id, position=n, text=choice, kind=kind) for n, (choice, kind) in enumerate(choices, start=1)
    )
    if not story.title and title:
        await Story.filter(id=story.id).update(title=title)
    return await Page.get(id=page_id)


async def give_up(page_id: int) -> Story | None:
    """Mark a page as failed; if the story waits there, it goes back to the page before. None if it was deleted."""
    locked = await lock(page_id)
    if locked is None:
        return None
    story, page = locked
    if page.state not in ("pending", "speculative"):
        return story
    await Page.filter(id=page_id).update(state="failed")
    target = await _before(page)
    if story.cursor_id == page_id and target is not None:
        await rows(
            "UPDATE stories SET cursor_id = $2, revision = revision + 1, updated_at = now() WHERE id = $1",
            story.id, target,
        )  # fmt: skip
    return await _story(story.id)


async def drop_unread(page_id: int) -> int:
    """Drop the pages written ahead for choices of a page that were not taken; return how many. Read pages stay."""
    if await lock(page_id) is None:
        return 0
    return len(
        await rows(
            "DELETE FROM pages WHERE parent_id = $1 AND state = 'speculative' AND NOT chosen RETURNING id", page_id
        )
    )


async def set_job(page_id: int, job_id: int) -> None:
    """Record which job writes a page."""
    await Page.filter(id=page_id).update(job_id=job_id)


async def page(page_id: int) -> tuple[Story, Page, list[Choice]] | None:
    """Return a page with its story and its offered choices in order; None if it was deleted."""
    found = await Page.get_or_none(id=page_id)
    story = None if found is None else await Story.get_or_none(id=found.story_id)
    if found is None or story is None:
        return None
    return story, found, await Choice.filter(page_id=page_id).order_by("position")


async def cursor(story_id: int) -> tuple[Story, Page, list[Choice]] | None:
    """Return a story with the page where it stands, and that page's choices; None if it was deleted."""
    story = await Story.get_or_none(id=story_id)
    return None if story is None or story.cursor_id is None else await page(story.cursor_id)


async def page_numbers(story_ids: list[int]) -> dict[int, int]:
    """Return the number of the page where each story stands."""
    found = await rows(
        "SELECT s.id, p.number FROM stories s JOIN pages p ON p.id = s.cursor_id WHERE s.id = ANY($1)", story_ids
    )
    return {f["id"]: f["number"] for f in found}


async def taken(page_id: int) -> Choice | None:
    """Return the choice of a page that the story's current path took, or that was taken last."""
    found = await row(
        "SELECT p.choice_id FROM pages p JOIN stories s ON s.id = p.story_id WHERE p.parent_id = $1 AND p.chosen "
        "ORDER BY (p.id = s.cursor_id) DESC, p.id DESC LIMIT 1",
        page_id,
    )
    return None if found is None else await Choice.get(id=found["choice_id"])


async def path(page_id: int) -> list[PathStep]:
    """Return the pages from the first to this one, each with the choice that led to it."""
    found = await rows(
        "WITH RECURSIVE up AS (SELECT id, parent_id, choice_id, number FROM pages WHERE id = $1 UNION ALL "
        "SELECT p.id, p.parent_id, p.choice_id, p.number FROM pages p JOIN up ON p.id = up.parent_id) "
        "SELECT id, choice_id FROM up ORDER BY number",
        page_id,
    )
    pages = {p.id: p for p in await Page.filter(id__in=[f["id"] for f in found])}
    choices = {c.id: c for c in await Choice.filter(id__in=[f["choice_id"] for f in found if f["choice_id"]])}
    return [PathStep(pages[f["id"]], choices.get(f["choice_id"])) for f in found]


async def _story(story_id: int) -> Story:
    return await Story.get(id=story_id)


async def _at(account_id: int, user_id: int, page_id: int, *, pending: bool = False) -> tuple[Story, Page]:
    """Return the page a button belongs to, for somebody who may press it. Who loses the race learns it in `_step`."""
    page = await Page.get_or_none(id=page_id)
    story = None if page is None else await Story.get_or_none(id=page.story_id, account_id=account_id)
    if page is None or story is None:
        raise NotFound("story.unknown")
    if story.mode == "solo" and story.owner_id != user_id:
        raise NotAllowed("story.not_yours")
    if story.cursor_id == page_id and page.state == "pending" and not pending:
        raise Moved("story.being_written", story.id)
    return story, page


async def _step(story: Story, page_id: int, revision: int) -> None:
    """Leave the page: the one conditional update that decides a race. The caller then sets the new cursor."""
    found = await row(
        "UPDATE stories SET revision = revision + 1, updated_at = now() "
        "WHERE id = $1 AND cursor_id = $2 AND revision = $3 RETURNING revision",
        story.id, page_id, revision,
    )  # fmt: skip
    if found is None:
        current = await row(
            "SELECT p.state FROM stories s JOIN pages p ON p.id = s.cursor_id WHERE s.id = $1", story.id
        )
        writing = current is not None and current["state"] == "pending"
        raise Moved("story.being_written" if writing else "story.moved_on", story.id)


async def _follow(story: Story, page: Page, choice: Choice) -> Move:
    known = await Page.filter(choice_id=choice.id, state__in=("ready", "speculative", "pending")).order_by(
        "-variant_index"
    )
    if known:
        child = known[0]
        if child.state == "speculative":
            await Page.filter(id=child.id).update(state="ready")
        return await _stand(story, child, fresh=False)
    return await _grow(story, page.id, choice.id, page.number + 1)


async def _grow(story: Story, parent_id: int | None, choice_id: int | None, number: int) -> Move:
    found = await row(
        "SELECT coalesce(max(variant_index) + 1, 0) AS n FROM pages "
        "WHERE story_id = $1 AND choice_id IS NOT DISTINCT FROM $2",
        story.id, choice_id,
    )  # fmt: skip
    assert found is not None
    child = await Page.create(
        story_id=story.id,
        parent_id=parent_id,
        choice_id=choice_id,
        number=number,
        variant_index=found["n"],
        state="pending",
    )
    return await _stand(story, child, fresh=True)


async def _stand(story: Story, page: Page, *, fresh: bool) -> Move:
    await Story.filter(id=story.id).update(cursor_id=page.id)
    await Page.filter(id=page.id).update(chosen=True)
    return Move(await _story(story.id), await Page.get(id=page.id), fresh=fresh)


async def _abandon(page: Page) -> tuple[bool, Job | None]:
    """Give up a page that is being written: whether it still was, and its job if that is cancelled now."""
    if not await Page.filter(id=page.id, state="pending").update(state="failed"):
        return False, None
    stopped = page.job_id is not None and await jobs.cancel(page.job_id)
    return True, await jobs.get(page.job_id) if page.job_id is not None and stopped else None


async def _before(page: Page) -> int | None:
    """Return where the story goes from a page that was given up; None if there is no other page."""
    # A retry goes back to the variant that was there; on a first page there is no other way back.
    variant = await row(
        "SELECT id FROM pages WHERE story_id = $1 AND choice_id IS NOT DISTINCT FROM $2 AND state = 'ready' "
        "ORDER BY variant_index DESC LIMIT 1",
        page.story_id, page.choice_id,
    )  # fmt: skip
    return page.parent_id if variant is None else variant["id"]


async def _lock(story_id: int) -> None:
    await rows("SELECT id FROM stories WHERE id = $1 FOR UPDATE", story_id)


def as_facts(story: Story, steps: list[PathStep]) -> dict[str, Any]:
    """Return what a page's author must know, as plain data: the story and the way to its last page."""
    last = steps[-1].page
    return {
        "title": story.title,
        "premise": story.premise,
        "genre": story.genre,
        "language": story.language,
        "rating": story.rating,
        "seed": story.seed,
        "variant": last.variant_index,
        "page_number": last.number,
        "path": [{"text": s.choice.text, "kind": s.choice.kind} for s in steps if s.choice is not None],
        "pages": [{"title": s.page.title, "text": s.page.text} for s in steps[:-1]],
    }
