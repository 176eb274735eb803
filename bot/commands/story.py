"""`/story …`: start, list, continue, back, retry, delete."""

import re
import secrets
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.language import story_language
from bot.commands.picture import picture_terms
from bot.context import Context, Enquiry
from bot.moderation import offer_help, screen
from bot.ratings import allowed_here, label, may_choose
from db import sent_messages, stories
from db.errors import BadInput, NotAllowed, NotFound
from db.payloads.story import DeleteStory, PageElsewhere, PageLeft, PageReady, StoryList
from db.people import PERSONAL
from db.permissions import EVERYBODY
from db.stories import Move, Page, Story
from db.work import BranchingPage
from prompts.languages import LANGUAGES
from prompts.safety.rating import RATINGS, lowest, parse_rating

PREMISE_LENGTH: Final = 1000
_ID: Final = re.compile(r"#([0-9]{1,18})")
_PLACE: Final = re.compile(r"[0-9]{1,4}")
GENRES: Final = ("fantasy", "mystery", "science fiction", "horror", "romance", "adventure")


async def complete_story(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the person's stories by title."""
    who = await enquiry.who()
    found = await stories.list_owned(who.account.id, who.user.id, search=prefix)
    return [(s.title or s.premise, f"#{s.id}") for s in found]


_WHICH: Final = Parameter("story", "Which story: its title, or a number of /story list", completes=complete_story)


async def begin(context: Context, values: dict[str, Any]) -> None:
    """Start a story from a premise."""
    premise = " ".join(str(values["premise"]).split())
    if not premise:
        raise BadInput("story.premise_empty")
    rating = parse_rating(values.get("rating"))
    if not may_choose(context, rating):
        raise NotAllowed("rating.place_refuses")
    if await offer_help(context, premise):
        return
    verdict = await screen(context, rating=lowest(rating, allowed_here(context)), premise=premise)
    await context.use("stories")
    move = await stories.create(
        account_id=context.account_id,
        owner_id=context.user_id,
        conversation_id=context.conversation_id,
        premise=premise,
        genre=values.get("genre") or "",
        language=values.get("language") or story_language(context),
        mode=values.get("mode") or "solo",
        illustrated=bool(values.get("illustrated")),
        rating=rating,
        verdict=verdict,
        seed=secrets.randbelow(stories.SEED_LIMIT),
    )
    await show(context, move)


async def show(context: Context, move: Move) -> None:
    """Show the page of a move: at once if it exists, else after it is written, and illustrated if so set."""
    if move.fresh:
        pictures = picture_terms(context) if move.story.illustrated else None
        job_id = await context.work(
            BranchingPage(page=move.page.id, allowance=allowed_here(context), pictures=pictures)
        )
        await stories.set_job(move.page.id, job_id)
    else:
        require_shown(context, move.story)
        await context.say(PageReady(page=move.page.id))


def require_shown(context: Context, story: Story) -> None:
    """Raise `NotAllowed` if a story's pages were written for a place that may show more than this one.

    They may have been: in an age-restricted channel of the same place, or in a private chat on another platform.
    """
    if not may_choose(context, parse_rating(story.rating)):
        raise NotAllowed("rating.place_refuses")


async def show_current(context: Context, story_id: int) -> None:
    """Open a story here and show its current page."""
    story, page = await stories.at_cursor(
        context.account_id,
        context.user_id,
        story_id,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )
    require_shown(context, story)
    await stories.open_in(context.conversation_id, story_id)
    if page.state == "pending":
        await context.notice("story.being_written")
    else:
        await context.say(PageReady(page=page.id))
        await mark_elsewhere(context, PageElsewhere(page=page.id, platform=context.event.platform))


async def mark_elsewhere(context: Context, payload: PageElsewhere | PageLeft) -> None:
    """Change the messages that show a page to this person on their other platforms."""
    if not context.who.linked or context.who.account.kind not in PERSONAL:
        return
    here = context.conversation_id
    for sent in await sent_messages.showing(context.account_id, PageReady.kind, "page", payload.page, without=here):
        await context.rewrite(sent, context.user_id, payload)


async def mark_left(context: Context, page_id: int, choice: int | None = None) -> None:
    """Mark a page that the story left by this event, on the person's other platforms."""
    await mark_elsewhere(context, PageLeft(page=page_id, choice=choice, platform=context.event.platform))


async def list_stories(context: Context, values: dict[str, Any]) -> None:
    """List the person's stories."""
    del values
    await context.say(StoryList(account=context.account_id, user=context.user_id), private=True)


async def resume(context: Context, values: dict[str, Any]) -> None:
    """Reopen a story and show its current page."""
    await show_current(context, await _which(context, values.get("story") or "", shared=True))


async def back(context: Context, values: dict[str, Any]) -> None:
    """Go back to the previous page."""
    del values
    story, page = await here(context)
    await go_back(context, page.id, story.revision)


async def go_back(context: Context, page_id: int, revision: int) -> None:
    """Go back from a page; if it is still being written, answer the event that waits for it."""
    move = await stories.back(
        context.account_id,
        context.user_id,
        page_id,
        revision,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )
    if move.cancelled is not None:
        await context.answer_for(move.cancelled)
    await mark_left(context, page_id)
    await show(context, move)


async def retry(context: Context, values: dict[str, Any]) -> None:
    """Write another variant of the page."""
    del values
    story, page = await here(context)
    await write_again(context, page.id, story.revision)


async def write_again(context: Context, page_id: int, revision: int) -> None:
    """Write another variant of a page."""
    move = await stories.retry(
        context.account_id,
        context.user_id,
        page_id,
        revision,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )
    await mark_left(context, page_id)
    await show(context, move)


async def delete(context: Context, values: dict[str, Any]) -> None:
    """Ask whether to delete a story."""
    story_id = await _which(context, values.get("story") or "", shared=False)
    await context.say(DeleteStory(story=story_id), private=True)


async def here(context: Context) -> tuple[Story, Page]:
    """Return the story that is open here, and its page. Raises `NotFound`."""
    if context.who.conversation.story_id is None:
        raise NotFound("story.none_here")
    return await stories.at_cursor(
        context.account_id,
        context.user_id,
        context.who.conversation.story_id,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )


async def own_story(context: Context, wanted: str) -> int:
    """Return the id of the story that a person names and may change, without a name of the one that is open here.

    Everybody may act in a shared story; what its writer knows is its owner's to say, and theirs who keep order.
    Raises `NotFound`, `NotAllowed`.
    """
    if wanted.strip():
        return await _which(context, wanted, shared=False)
    story, _ = await here(context)
    if story.owner_id not in {context.user_id, context.acting_for or context.user_id} and not context.may("moderate"):
        raise NotAllowed("story.not_owner")
    return story.id


async def _which(context: Context, wanted: str, *, shared: bool) -> int:
    """Return the story that a person names, to continue it (``shared``) or to delete it.

    Without a name it is the one that is open here, if it is theirs, or a shared one to be continued; else one of
    theirs. Who may delete what others made means the open one if none of their own was begun or named here.
    """
    wanted = wanted.strip()
    told = await stories.get(context.account_id, context.who.conversation.story_id or 0)
    if told is not None and not wanted:
        owners = {context.user_id, context.acting_for or context.user_id}
        if told.owner_id in owners or (shared and told.mode != "solo"):
            return told.id
    moderated = told if not shared and context.may("moderate") else None
    mine = await stories.list_owned(context.account_id, context.user_id, limit=1000)
    if not wanted:
        here = next((s for s in mine if s.conversation_id == context.conversation_id), moderated)
        if here is None and not mine:
            raise NotFound("story.list_empty")
        return mine[0].id if here is None else here.id
    if (by_id := _ID.fullmatch(wanted)) is not None:
        exact = [s for s in mine if s.id == int(by_id[1])]
        if not exact and not shared and context.may("moderate"):
            others = await stories.get(context.account_id, int(by_id[1]))
            exact = [] if others is None else [others]
    elif _PLACE.fullmatch(wanted) is not None and 1 <= int(wanted) <= len(mine):
        exact = [mine[int(wanted) - 1]]
    else:
        known = mine if moderated is None else [*mine, moderated]
        exact = [s for s in known if s.title.casefold() == wanted.casefold()] or [
            s for s in known if wanted.casefold() in s.title.casefold()
        ]
    if not exact:
        raise NotFound("story.no_such_title", title=wanted)
    return exact[0].id


COMMANDS: Final = (
    CommandSpec(
        "story new",
        "Start a branching story",
        begin,
        (
            Parameter(
                "premise",
                "What the story is about",
                required=True,
                max_length=PREMISE_LENGTH,
                multiline=True,
                placeholder="a keeper finds a door under the sea",
            ),
            Parameter("genre", "What kind of story", choices=tuple((g.capitalize(), g) for g in GENRES)),
            Parameter("language", "The language it is written in", choices=tuple((n, t) for t, n in LANGUAGES.items())),
            Parameter(
                "mode",
                "Who may choose",
                choices=(("Only I choose", "solo"), ("Anyone here may choose, the first tap counts", "open")),
            ),
            Parameter("illustrated", "Draw a picture of every page", bool),
            Parameter("rating", "What it may contain", choices=tuple((label(r), r) for r in RATINGS)),
        ),
        permission="start",
        example="a keeper finds a door under the sea genre=mystery",
    ),
    CommandSpec("story list", "List your stories", list_stories, permission=EVERYBODY),
    CommandSpec("story continue", "Open a story again where you left it", resume, (_WHICH,), permission="play"),
    CommandSpec("story back", "Go back to the page before", back, permission="play"),
    CommandSpec("story retry", "Write this page again, differently", retry, permission="play"),
    CommandSpec("story delete", "Delete a story and all its pages", delete, (_WHICH,), permission=EVERYBODY),
)
