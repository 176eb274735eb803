"""`/context …`: context sessions, which keep what a story, a chat or a project has its writer told; by their ids."""

import re
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.remembered import OF, MemoryHere, check_seen, memory_here, memory_of
from bot.context import Context
from bot.moderation import screen
from bot.panels import fresh_panel, show_panel
from bot.ratings import may_choose
from db import context_sessions
from db.context_sessions import ContextSession, ReplayContext
from db.errors import BadInput, NotFound, UserError
from db.memory import memories
from db.payloads.told import SessionList, SessionPanel
from db.permissions import EVERYBODY

_NUMBER: Final = re.compile(r"#?([0-9]{1,18})")
_ELEMENT: Final = re.compile(r"[a-z_]{1,20}(?::[0-9a-z_]{1,20})?")
TEXT_CHARS: Final = 1000
NOTHING: Final = "none"
"""Takes away what is pinned or left out."""


async def session_of(context: Context, memory: MemoryHere) -> ContextSession:
    """Return the session of a story or chat, opened if need be."""
    record = memory.record
    if record.story_id is not None:
        return await context_sessions.of_story(context.account_id, record.story_id)
    if record.conversation_id is None or record.persona_id is None or record.epoch is None:
        raise NotFound("session.unknown")
    return await context_sessions.of_chat(context.account_id, record.conversation_id, record.persona_id, record.epoch)


async def list_sessions(context: Context, values: dict[str, Any]) -> None:
    """List the sessions that the person may see here."""
    await session_of(context, await memory_here(context, values.get("of") or ""))
    seen: list[int] = []
    for session in await context_sessions.listed(context.account_id, context.user_id):
        try:
            await _seen(context, session)
        except UserError:
            continue
        seen.append(session.id)
    panel = fresh_panel(context)
    await show_panel(context, panel, SessionList(owner=panel.owner, opened=panel.opened, sessions=seen))


async def open_session(context: Context, values: dict[str, Any]) -> None:
    """Show a session."""
    session, _ = await _named(context, values["session"])
    await show(context, session.id)


async def show(context: Context, session_id: int) -> None:
    """Show a session: what it has told, and what was told last."""
    panel = fresh_panel(context)
    adults = may_choose(context, "nsfw")
    payload = SessionPanel(owner=panel.owner, opened=panel.opened, session=session_id, adults=adults)
    await show_panel(context, panel, payload)


async def copy(context: Context, values: dict[str, Any]) -> None:
    """Copy a session, to try something with the copy."""
    session, _ = await _named(context, values["session"])
    name = " ".join(str(values.get("name") or "").split())
    await screen(context, name=name)
    await show(context, (await context_sessions.copy(context.account_id, session.id, context.user_id, name)).id)


async def project(context: Context, values: dict[str, Any]) -> None:
    """Begin a project: a session with elements of its own."""
    name = " ".join(str(values["name"]).split())
    await screen(context, name=name)
    await show(context, (await context_sessions.begin_project(context.account_id, context.user_id, name)).id)


async def change(context: Context, values: dict[str, Any]) -> None:
    """Change what a session leaves out and pins; add an element to a copy or a project."""
    session, here = await _named(context, values["session"])
    if here is not None and session.user_id is None:
        here.require_change(context)
    without, pinned = _elements(values.get("without")), _elements(values.get("pin"))
    text = " ".join(str(values.get("add") or "").split())
    if without is None and pinned is None and not text:
        raise BadInput("session.nothing")
    elements = None
    if text:
        if session.user_id is None:
            raise BadInput("session.only_copies")
        await screen(context, element=text)
        own = {"kind": "plot", "id": f"own:{len(session.elements) + 1}", "text": text}
        elements = [*session.elements, own]
    await context_sessions.change(
        context.account_id,
        session.id,
        context.user_id,
        elements=elements,
        pins=pinned,
        filters=None if without is None else {"without": without},
    )
    if session.user_id is None:
        await context.audit("context_change", str(session.id))
    await show(context, session.id)


async def replay(context: Context, values: dict[str, Any]) -> None:
    """Build the context of a session anew: what would be told now."""
    session, _ = await _named(context, values["session"])
    context.private = True
    adults = may_choose(context, "nsfw")
    await context.work(ReplayContext(session=session.id, person=context.user_id, adults=adults))


async def remove(context: Context, values: dict[str, Any]) -> None:
    """Delete a copy or project of the person's."""
    session, _ = await _named(context, values["session"])
    if not await context_sessions.remove(context.account_id, session.id, context.user_id):
        raise BadInput("session.not_removable")
    await context.notice("session.removed")


async def _named(context: Context, text: Any) -> tuple[ContextSession, MemoryHere | None]:
    """Return the session of an id with its memory, if the person may see it here. Raises `NotFound`, `NotAllowed`."""
    found = _NUMBER.fullmatch(str(text).strip())
    if found is None:
        raise NotFound("session.unknown")
    session = await context_sessions.opened(context.account_id, int(found[1]), context.user_id)
    return session, await _seen(context, session)


async def _seen(context: Context, session: ContextSession) -> MemoryHere | None:
    """Return the memory of a session's story or chat; None for a project. Raises `NotFound`, `NotAllowed`."""
    if session.story_id is not None:
        record = await memories.open_story(context.account_id, session.story_id)
    elif session.conversation_id is not None and session.conversation_id == context.conversation_id:
        record = await memories.open_chat(session.conversation_id, session.persona_id or 0)
        record = record if record is not None and record.epoch == session.epoch else None
    elif session.kind == "project":
        return None
    else:
        record = None
    if record is None:
        raise NotFound("session.unknown")
    return await memory_of(context, record.id)


def _elements(given: Any) -> list[str] | None:
    """Return names of elements (``lore``, ``fact:9``); None if none were given. Raises `BadInput`."""
    names = str(given or "").replace(",", " ").lower().split()
    if not names:
        return None
    if names == [NOTHING]:
        return []
    if wrong := next((name for name in names if _ELEMENT.fullmatch(name) is None), None):
        raise BadInput("session.no_element", text=wrong[:40])
    return names


_SESSION: Final = Parameter("session", "Its number, such as #3", required=True, max_length=20, word=True)
COMMANDS: Final = (
    CommandSpec(
        "context list", "List what keeps contexts here", list_sessions, (OF,), check=check_seen, permission=EVERYBODY
    ),
    CommandSpec(
        "context show", "Show a context session by its number", open_session, (_SESSION,), permission=EVERYBODY
    ),
    CommandSpec(
        "context copy",
        "Copy a context session, to try something with it",
        copy,
        (_SESSION, Parameter("name", "What to call the copy", max_length=context_sessions.NAME_LENGTH)),
        permission=EVERYBODY,
    ),
    CommandSpec(
        "context project",
        "Begin a context session of your own",
        project,
        (Parameter("name", "What to call it", required=True, max_length=context_sessions.NAME_LENGTH),),
        permission=EVERYBODY,
    ),
    CommandSpec(
        "context set",
        "Change what a context session leaves out and pins",
        change,
        (
            _SESSION,
            Parameter("without", "What to leave out: lore, fact, summary:7 …; none", max_length=400),
            Parameter("pin", "What is always told, such as fact:9; none", max_length=400),
            Parameter("add", "A text to add to a copy or project", max_length=TEXT_CHARS, multiline=True),
        ),
        permission=EVERYBODY,
        example="#3 without=lore",
    ),
    CommandSpec(
        "context replay", "Show what a context session would tell now", replay, (_SESSION,), permission=EVERYBODY
    ),
    CommandSpec("context remove", "Delete a copy or project of yours", remove, (_SESSION,), permission=EVERYBODY),
)
