"""Messages of context sessions: a list of them, and one with what was told last."""

from typing import Final

from bot.messages import Message
from bot.views.base import ViewContext, ViewSpec
from bot.views.told import told_layers
from db import context_sessions, personas, stories
from db.context_sessions import ContextSession
from db.errors import UserError
from db.memory import memories
from db.memory.memories import MemoryRecord
from db.payloads.told import SessionList, SessionPanel


async def session_list(view: ViewContext, payload: SessionList) -> Message:
    """Compose a list of sessions."""
    lines: list[str] = []
    for number in payload.sessions:
        try:
            session = await context_sessions.opened(view.account_id, number, payload.owner)
        except UserError:
            continue  # deleted meanwhile
        lines.append(await _line(view, session))
    return Message(
        "\n".join(lines) or view.words("session.none"),
        title=view.words("session.title_list"),
        footer=view.words("session.footer"),
        private=True,
    )


async def session_shown(view: ViewContext, payload: SessionPanel) -> Message:
    """Compose one session."""
    session = await context_sessions.opened(view.account_id, payload.session, payload.owner)
    nothing = view.words("session.nothing_of_it")
    lines = [
        await _line(view, session),
        view.words("session.without", names=", ".join(session.filters.get("without", [])) or nothing),
        view.words("session.pins", names=", ".join(session.pins) or nothing),
        *(view.words("session.element", text=str(each.get("text", ""))) for each in session.elements),
    ]
    if session.copied_from is not None:
        lines.append(view.words("session.copied", number=session.copied_from))
    record = await _memory(view, session)
    told = [view.words("session.not_built")]
    if session.build:
        told = await told_layers(view, payload, record, session.build)
    title = view.words("session.title", number=session.id)
    return Message(
        "\n\n".join(["\n".join(lines), *told]), title=title, footer=view.words("session.footer"), private=True
    )


async def _line(view: ViewContext, session: ContextSession) -> str:
    what = view.words("session.project")
    if session.story_id is not None:
        story = await stories.get(view.account_id, session.story_id)
        title = (story.title if story is not None else "") or view.words("story.title_unknown")
        what = view.words("session.of_story", title=title)
    elif session.persona_id is not None:
        what = view.words("session.of_chat", name=(await personas.get(view.account_id, session.persona_id)).name)
    key = "session.line_named" if session.name else "session.line"
    return view.words(key, number=session.id, what=what, name=session.name)


async def _memory(view: ViewContext, session: ContextSession) -> MemoryRecord | None:
    if session.story_id is not None:
        return await memories.of_story(view.account_id, session.story_id)
    if session.conversation_id is None or session.persona_id is None:
        return None
    found = await memories.of_chat(session.conversation_id, session.persona_id)
    return found if found is not None and found.epoch == session.epoch else None


VIEWS: Final = (ViewSpec(SessionList, session_list), ViewSpec(SessionPanel, session_shown))
