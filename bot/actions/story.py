"""Buttons of stories: take a choice, go back, try again, write a custom action, open, delete."""

from collections.abc import Mapping
from typing import Final

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands import story as story_commands
from bot.context import Context
from bot.messages import Field
from bot.moderation import offer_help, screen
from bot.ratings import allowed_here
from db import jobs, stories
from db.errors import BadInput, Moved, NotFound
from db.payloads.story import PageLeft
from db.permissions import EVERYBODY
from db.stories import Move
from prompts.safety.rating import lowest

_PAGE: Final = (Arg("page"), Arg("revision", "number"))
_STORY: Final = (Arg("story"),)
OWN_FORM: Final = FormSpec(
    "form.own_title",
    (
        Field(
            "text",
            "form.own_field",
            placeholder="form.own_placeholder",
            multiline=True,
            max_length=stories.OWN_ACTION_LENGTH,
        ),
    ),
)


async def choose(context: Context, page: int, revision: int, position: int) -> None:
    """Take an offered choice."""
    await _moved(
        context,
        page,
        await stories.choose(
            context.account_id,
            context.user_id,
            page,
            revision,
            position,
            acting_for=context.acting_for,
            for_others=context.may("choose_for_others"),
        ),
    )


async def back(context: Context, page: int, revision: int) -> None:
    """Go back to the previous page."""
    await context.change_pressed(PageLeft(page=page))
    await story_commands.go_back(context, page, revision)


async def retry(context: Context, page: int, revision: int) -> None:
    """Write another variant of the page."""
    await context.change_pressed(PageLeft(page=page))
    await story_commands.write_again(context, page, revision)


async def own(context: Context, values: Mapping[str, str], page: int, revision: int) -> None:
    """Take an action that the person wrote."""
    await take_own(context, page, revision, values.get("text", ""))


async def check_own(context: Context, page: int, revision: int) -> None:
    """Refuse the form for a custom action if the story has moved past the page."""
    found = await stories.page(context.account_id, page)
    if found is None:
        raise BadInput("story.unknown")
    story, current = await stories.at_cursor(
        context.account_id,
        context.user_id,
        found[0].id,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )
    if current.id != page or story.revision != revision:
        raise Moved("story.being_written" if current.state == "pending" else "story.moved_on", story.id)


async def take_own(context: Context, page: int, revision: int, text: str) -> None:
    """Take an action that the person wrote, in a form or as a message."""
    if await offer_help(context, text):
        return
    verdict = await screen(context, action=text)
    move = await stories.choose_own(
        context.account_id,
        context.user_id,
        page,
        revision,
        text,
        verdict,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )
    # The story's own rating may be lower. What is refused now is undone with the event's transaction.
    await screen(context, rating=lowest(move.story.rating, allowed_here(context)), action=text)
    await _moved(context, page, move)


async def show_current(context: Context, story: int) -> None:
    """Open a story here and show its current page."""
    await story_commands.show_current(context, story)


async def delete(context: Context, story: int) -> None:
    """Delete a story."""
    deleted, abandoned = await stories.delete(
        context.account_id, context.user_id, story, acting_for=context.acting_for, moderate=context.may("moderate")
    )
    for each in abandoned:
        await context.answer_for(each)
    await context.audit("story_delete", str(story))
    await context.notice("story.deleted", private=False, title=deleted.title)


async def keep(context: Context, story: int) -> None:
    """Cancel the deletion of a story."""
    kept = await stories.get(context.account_id, story)
    if kept is None:
        raise NotFound("story.unknown")
    await context.notice("story.kept", title=kept.title)


async def _moved(context: Context, page_id: int, move: Move) -> None:
    """Mark the choice, show the page it leads to, and signal the page's waiting job."""
    await context.change_pressed(PageLeft(page=page_id, choice=move.page.choice_id))
    await story_commands.mark_left(context, page_id, move.page.choice_id)
    await story_commands.show(context, move)
    job_id = None if move.left is None else move.left.job_id
    if job_id is not None and (job := await jobs.interact(job_id, {"choice": move.page.choice_id})) is not None:
        context.wakes.append(job)


ACTIONS: Final = (
    ActionSpec("choose", choose, (*_PAGE, Arg("position", "number")), permission="play"),
    ActionSpec("back", back, _PAGE, permission="play"),
    ActionSpec("retry", retry, _PAGE, permission="play"),
    ActionSpec("own", own, _PAGE, form=OWN_FORM, check=check_own, permission="play"),
    ActionSpec("current", show_current, _STORY, permission="play"),
    ActionSpec("open", show_current, _STORY, permission="play"),
    ActionSpec("delete", delete, _STORY, permission=EVERYBODY),
    ActionSpec("keep", keep, _STORY, permission=EVERYBODY),
)
