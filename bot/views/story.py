"""Messages of stories."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.messages import Button, Message
from bot.views.base import ViewContext, ViewSpec, in_rows
from bot.views.vote import vote_buttons
from db import conversations, stories
from db.payloads.story import DeleteStory, PageElsewhere, PageFailed, PageLeft, PageReady, StoryList
from db.quotes import is_removed
from db.stories import Choice, Page, Story

LISTED: Final = 10
"""Maximum number of listed stories with a button."""
THREAD_NAME: Final = 90


async def page(view: ViewContext, payload: PageReady) -> Message:
    """Compose a page; with buttons only if it is the story's current page."""
    found = await stories.page(view.account_id, payload.page)
    if found is None:
        # Deleted since: if the platform shows that an answer is coming, one must follow.
        return Message(view.words("story.unknown"))
    story, current, choices = found
    opens = current.parent_id is None and current.variant_index == 0 and view.place == "group"
    here = story.cursor_id == current.id
    if not here:
        footer = view.words("story.moved_footer")
    elif current.ending:
        footer = view.words("story.the_end")
    else:
        footer = view.words("story.page", number=current.number, title=_title(view, story))
    return Message(
        _text(view, current),
        title=current.title,
        choices=_offered(choices),
        footer=footer,
        buttons=page_buttons(view, story, current, choices) if here else current_button(view, story.id),
        thread=(story.title or current.title)[:THREAD_NAME] if opens else "",
    )


async def page_elsewhere(view: ViewContext, payload: PageElsewhere) -> Message:
    """Compose a page that was opened again on another platform."""
    shown = await page(view, PageReady(page=payload.page))
    return replace(shown, footer=_marked(view, shown.footer, payload.platform), thread="")


async def page_left(view: ViewContext, payload: PageLeft) -> Message | None:
    """Compose a page that the story has left, with the taken choice."""
    found = await stories.page(view.account_id, payload.page)
    if found is None or found[1].state != "ready":
        return None  # a page without text has nothing to show
    story, left, choices = found
    taken = next((c for c in choices if c.id == payload.choice), None)
    own = taken is not None and taken.kind == "own"
    # What nobody has checked is shown to its author only.
    shown = taken is not None and own and (taken.verdict == "checked" or view.place == "dm")
    footer = ""
    if taken is not None and shown:
        footer = view.words("story.you_chose", text=taken.text or view.words("story.removed"))
    if payload.platform:
        footer = _marked(view, footer, payload.platform)
    return Message(
        _text(view, left),
        title=left.title,
        choices=_offered(choices),
        taken=None if taken is None or own else taken.position,
        footer=footer,
        buttons=current_button(view, story.id) if payload.platform else (),
    )


async def page_failed(view: ViewContext, payload: PageFailed) -> Message:
    """Compose the apology for a page that could not be written, with the current page of the story."""
    reason = view.words(payload.key, **payload.values)
    story_id = payload.values.get("story")
    found = None if story_id is None else await stories.current(view.account_id, int(story_id))
    if found is None:
        return Message(view.words("job.failed", reason=reason))
    story, current, choices = found
    first = current.parent_id is None and current.state == "failed"
    writing = current.state == "pending"
    return Message(
        view.words("story.failed_first" if first else "story.failed", reason=reason),
        choices=_offered(choices),
        buttons=current_button(view, story.id) if writing else page_buttons(view, story, current, choices),
    )


async def story_list(view: ViewContext, payload: StoryList) -> Message:
    """Compose a person's list of stories."""
    found = await stories.list_summaries(payload.account, payload.user, limit=LISTED + 1)
    if not found:
        return Message(view.words("story.list_empty"), private=True)
    shown = found[:LISTED]
    lines = [view.words("story.list_line", title=_title(view, s.story), number=s.number) for s in shown]
    return Message(
        "",
        title=view.words("story.list_title"),
        choices=tuple(lines),
        footer=view.words("story.list_more", count=LISTED) if len(found) > LISTED else "",
        buttons=in_rows([_numbered(view, n, "open", s.story.id) for n, s in enumerate(shown, 1)]),
        private=True,
    )


async def delete_story(view: ViewContext, payload: DeleteStory) -> Message | None:
    """Compose the question whether to delete a story."""
    found = await stories.summary(view.account_id, payload.story)
    if found is None:
        return None
    story = found.story
    return Message(
        view.words("story.delete_ask", title=_title(view, story), pages=found.pages),
        buttons=((view.button("delete", story.id, style="danger"), view.button("keep", story.id)),),
        private=True,
    )


async def page_thread(payload: PageReady, conversation_id: int, chat_id: str) -> None:
    """Record the thread in which the page's story continues."""
    await conversations.open_thread(conversation_id, chat_id, payload.page)


def page_buttons(
    view: ViewContext, story: Story, page: Page, choices: Sequence[Choice]
) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons under a story's current page."""
    at = (page.id, story.revision)
    numbers = tuple(_numbered(view, c.position, "choose", *at, c.position) for c in choices if c.kind != "own")
    back = (view.button("back", *at),) if page.parent_id is not None else ()
    own = (view.button("own", *at),) if page.state == "ready" and not page.ending else ()
    ready = (view.button("picture", page.id), view.button("more", page.id)) if page.state == "ready" else ()
    thumbs = vote_buttons(view, "page", page.id) if page.state == "ready" else ()
    return tuple(row for row in (numbers, (*back, view.button("retry", *at), *own, *ready), thumbs) if row)


def current_button(view: ViewContext, story_id: int) -> tuple[tuple[Button, ...], ...]:
    """Return the button to a story's current page."""
    return ((view.button("current", story_id, style="primary"),),)


def _marked(view: ViewContext, footer: str, platform: str) -> str:
    mark = view.words("story.elsewhere", platform=platform.capitalize())
    return f"{footer} · {mark}" if footer else mark


def _numbered(view: ViewContext, number: int, verb: str, *args: int) -> Button:
    return view.button(verb, *args, text=str(number), style="primary" if verb == "choose" else "secondary")


def _offered(choices: Sequence[Choice]) -> tuple[str, ...]:
    return tuple(c.text for c in choices if c.kind != "own")


def _text(view: ViewContext, page: Page) -> str:
    """Return a page's text; of one that only repeated what is erased, that it did."""
    removed = page.state == "ready" and is_removed(page.text)
    return view.words("story.page_removed") if removed else page.text


def _title(view: ViewContext, story: Story) -> str:
    return story.title or view.words("story.title_unknown")


VIEWS: Final = (
    ViewSpec(PageReady, page, page_thread),
    ViewSpec(PageElsewhere, page_elsewhere),
    ViewSpec(PageLeft, page_left),
    ViewSpec(PageFailed, page_failed),
    ViewSpec(StoryList, story_list),
    ViewSpec(DeleteStory, delete_story),
)
