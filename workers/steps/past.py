"""The past of a story or a chat, read for a context: the newest texts, summaries of older ones, what is remembered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from db import chats, company, stories
from db.chats import PendingReply, StoredMessage, ToldMessage
from db.company import Name
from db.memory import past, told
from db.memory.summaries import PastSummary
from db.memory.told import Held
from workers.context.history import PAGES
from workers.context.jumps import jump_positions
from workers.context.pauses import pauses
from workers.engines.text.limits import ModelLimits
from workers.functions.answer_as_persona import AnswerAsPersona, ChatTurn
from workers.functions.base import AiFunction
from workers.functions.sampling import resolve
from workers.functions.write_page import WritePage
from workers.services import Services
from workers.steps.lore import lore_told
from workers.steps.memory.archived import of_chat, of_way, with_archived
from workers.steps.memory.lookup import LookedUp
from workers.steps.memory.told import plot_of, recall

BYTES_PER_TOKEN: Final = 6
"""More than tokenizers make of prose, so that what is read is more than fits."""
_REMEMBERED: Final = frozenset(
    {"summaries", "memories", "late", "plot", "lore", "lore_varies", "lore_called", "shorter", "pins", "without"}
)
PER_TEXT: Final = 16
"""Tokens around a message or page, at most."""


async def read_way(services: Services, page_id: int) -> dict[str, Any] | None:
    """Return what is needed to write a page, with the way to it (`db.stories.page_inputs`). None if it is gone."""
    held = await told.of_story(page_id, chunk=PAGES.chunk, fanout=PAGES.fanout)
    found = held.summaries
    newest = _newest(found)
    after = 0 if newest is None else newest.last + 1
    limits = await _limits(services, held, WritePage())
    inputs = await stories.page_inputs(page_id, _most_bytes(services, limits), after)
    if inputs is None:
        return None
    way: list[int] = inputs.pop("way")
    texts = [page["text"] for page in inputs["pages"]]
    now = [each["text"] for each in (*inputs["path"][-1:], *inputs["pages"][-1:])]
    memories = await recall(held, "\n".join(now))
    past_is_told = len(texts) == len(way) and await _is_recent(services, limits, texts, chat=False)
    archived = (
        await of_way(services, held, way, now, past_is_told=past_is_told) if limits.engine is not None else LookedUp()
    )
    return {
        **inputs,
        "summaries": _told(found),
        "jumps": _jumps(newest, texts, max(0, inputs["before"] + len(inputs["path"]) - len(texts))),
        "memories": with_archived(memories, archived),
        "late": archived.late,
        "plot": plot_of(held),
        **held.session,
        **await lore_told(services, held, limits, [*texts, *now[:1]], count=len(way) + len(now[:1]), replies=len(way)),
        "shorter": held.shorter,
    }


def without_memory(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return what was read of a way without what only its pages are written from."""
    return {name: value for name, value in inputs.items() if name not in _REMEMBERED}


async def read_chat(services: Services, pending: PendingReply) -> dict[str, Any]:
    """Return the past of the chat in which a reply is to be written, and who talks there, as `PersonaInputs` has it."""
    said = pending.said
    chat = (said.conversation_id, said.persona_id, said.epoch)
    held = await told.of_chat(*chat, said.user_id, pending.reply.reply_to_id, pending.reply.speaker)
    # What was said before the turn; of the turn itself is what others have answered already.
    reply = replace(pending.reply, reply_to_id=said.id)
    found = held.summaries
    newest = _newest(found)
    after, start = (0, 0), 0
    if newest is not None:
        after, start = (newest.last_said or 0, newest.message_id or 0), newest.last + 1
    limits = await _limits(services, held, AnswerAsPersona())
    history = await chats.history(reply, _most_bytes(services, limits), after)
    before = max(0, start + await chats.count_told(reply, after) - len(history))
    texts = [each.text for each in history]
    moments = [each.created_at for each in history]
    silent = pauses([*moments, datetime.fromisoformat(pending.said_at)], services.context.settings.pause_hours)
    memories = await recall(held, "\n".join((*texts[-1:], said.text)))
    past_is_told = before == 0 and await _is_recent(services, limits, texts, chat=True)
    archived = (
        await of_chat(services, held, said, texts, past_is_told=past_is_told, speaker=reply.speaker)
        if limits.engine is not None
        else LookedUp()
    )
    return {
        "summaries": _told(found),
        "jumps": await _jumps_of_chat(newest, history, before),
        "memories": with_archived(memories, archived),
        "late": archived.late,
        **held.session,
        **await lore_told(
            services,
            held,
            limits,
            [*texts, said.text],
            count=before + len(texts) + 1,
            replies=(before + len(texts)) // 2,
        ),
        "shorter": held.shorter,
        "note": held.note.get("text", ""),
        "note_depth": held.note.get("depth", 0),
        "before": before,
        "said": await _said_before(services, limits, reply, summarised=newest is not None),
        "later": silent[-1],
        **_talk(pending, list(zip(history, silent, strict=False)), await company.names(*chat)),
    }


def _talk(pending: PendingReply, history: Sequence[tuple[ToldMessage, str]], names: Sequence[Name]) -> dict[str, Any]:
    """Return what was said, with the pauses before, who said it, and who talks besides the person and the persona."""
    me, person = pending.reply.speaker, pending.said.user_id
    called: dict[tuple[bool, int | None], str] = {
        (each.persona, each.id): " ".join(each.name.split()) for each in names
    }
    others = [each for each in called if called[each] and each[1] != (me if each[0] else person)]

    def turn(message: ToldMessage, later: str) -> ChatTurn:
        # What a persona says begins with nobody's words but its own.
        if message.role != "user":
            own = message.speaker == me
            name = "" if own else called.get((True, message.speaker), "")
            return ChatTurn(role="assistant" if own else "user", text=message.text, id=message.id, name=name)
        name = called.get((False, message.user_id), "")
        return ChatTurn(role="user", text=message.text, id=message.id, later=later, name=name)

    heard = [
        ChatTurn(role="user", text=each.text, id=each.id, name=called.get((True, each.persona), ""))
        for each in pending.heard
        if each.persona != me
    ]
    return {
        "history": [turn(message, later) for message, later in history],
        "heard": heard,
        "people": list(dict.fromkeys(called[each] for each in others if not each[0])),
        "company": list(dict.fromkeys(called[each] for each in others if each[0])),
    }


async def _said_before(services: Services, limits: ModelLimits, reply: StoredMessage, *, summarised: bool) -> list[str]:
    """Return what a persona without a model does not say again: other variants of a reply, and what was summarised."""
    if limits.engine is not None:
        return []
    history = await chats.history(reply, _most_bytes(services, limits), (0, 0)) if summarised else []
    variants = await chats.other_variants(reply) if reply.variant_index else []
    own = [message.text for message in history if message.role != "user" and message.speaker == reply.speaker]
    return [*own, *variants]


async def _limits(services: Services, held: Held, function: AiFunction[Any, Any]) -> ModelLimits:
    """Return what the model can take that will answer: the account's choice, else the operator's."""
    chosen = resolve(function, services.sampling, held.sampling, held.text_model)
    return await services.text.limits(chosen.model)


def _most_bytes(services: Services, limits: ModelLimits) -> int:
    return services.context.size_of(limits.context) * BYTES_PER_TOKEN


async def _is_recent(services: Services, limits: ModelLimits, texts: Sequence[str], *, chat: bool) -> bool:
    """Return whether texts are surely told word by word. They are only counted where their size leaves that open."""
    room = services.context.surely_recent(limits.context, chat) - PER_TEXT * len(texts)
    size = sum(len(text.encode()) for text in texts)
    if size <= room:
        return True
    return size <= room * 2 * BYTES_PER_TOKEN and sum(await limits.count(texts)) <= room


def _newest(found: list[PastSummary]) -> PastSummary | None:
    """Return the last summary of level 1."""
    fresh = [summary for summary in found if not summary.stale and summary.level == 1]
    return max(fresh, key=lambda summary: summary.last, default=None)


def _told(found: list[PastSummary]) -> list[dict[str, Any]]:
    return [
        {"id": s.id, "level": s.level, "first": s.first, "last": s.last, "text": s.text} for s in found if not s.stale
    ]


async def _jumps_of_chat(newest: PastSummary | None, history: Sequence[ToldMessage], before: int) -> list[int]:
    said = None
    if newest is not None and newest.message_id is not None and before == newest.last + 1:
        # The pause may lie between what was summarised and what was not.
        said = await past.said_at(newest.message_id)
    times = [message.created_at for message in history]
    return _jumps(newest, [message.text for message in history], before, times, said)


def _jumps(
    newest: PastSummary | None,
    texts: Sequence[str],
    first: int,
    times: Sequence[datetime] = (),
    before: datetime | None = None,
) -> list[int]:
    """Return the positions before which time has passed: those summaries know, and those of the texts after them.

    ``texts`` begin at position ``first``, ``before`` is when the one before them was said.
    """
    known, start = ([], 0) if newest is None else (newest.jumps, newest.last + 1)
    # The grid of what is summarised stays as it is.
    told = max(0, start - first)
    if 0 < told <= len(times):
        before = times[told - 1]
    return [*known, *jump_positions(texts[told:], first + told, times[told:], before)]
