"""Messages about one entry of what is remembered: its text, where it comes from, and what can be done with it."""

from typing import Final

from bot.messages import Button, Message
from bot.text.moments import past_reference
from bot.views.base import ViewContext, ViewSpec, in_rows
from bot.views.memory import (
    cut,
    fact_line,
    memory_seen,
    pin_line,
    question_line,
    readable,
    section_buttons,
    source_line,
    span,
    title_of,
)
from db.errors import NotFound
from db.memory import facts, past, pins, shown, summaries, tracked
from db.memory.facts import Fact
from db.memory.memories import MemoryRecord
from db.memory.shown import SourceText
from db.memory.summaries import PastSummary
from db.payloads.memory import MemoryItemKind, MemoryItemPanel

SOURCE: Final = 1500
"""Characters of a source that are shown."""
OLDER: Final = 5
"""Older facts that are named."""
PARTS: Final = 10
Shown = tuple[list[str], list[Button], str]
"""Paragraphs, buttons, and the section that the entry belongs to."""


async def memory_item(view: ViewContext, payload: MemoryItemPanel) -> Message:
    """Compose one entry of what is remembered, or a source."""
    memory = await memory_seen(view, payload.memory)
    await shown.author(memory.id, payload.item, payload.id)
    match payload.item:
        case "fact":
            lines, buttons, section = await _fact(view, payload, memory)
        case "sum":
            lines, buttons, section = await _summary(view, payload, memory)
        case "ask":
            lines, buttons, section = await _question(view, payload, memory)
        case "pin":
            lines, buttons, section = await _pin(view, payload, memory)
        case "page" | "msg":
            lines, buttons, section = await _source(view, payload, memory)
    return Message(
        "\n\n".join(lines),
        title=await title_of(view, memory, section),
        buttons=(*in_rows(buttons), section_buttons(view, payload, memory.id)),
        private=True,
        menu=True,
    )


async def _fact(view: ViewContext, payload: MemoryItemPanel, memory: MemoryRecord) -> Shown:
    fact = await facts.get(view.account_id, payload.id)
    if fact is None or fact.memory_id != memory.id:
        raise NotFound("memory.unknown")
    lines = [fact_line(view, fact), await _origin(view, memory, fact)]
    if fact.present:
        lines.append(view.words("memory.present", names=", ".join(fact.present)))
    older = [each for each in await facts.history(view.account_id, fact.id) if each.verdict != "refused"]
    if older:
        texts = (cut(readable(view, each.verdict, each.text), 120) for each in older[:OLDER])
        lines.append(view.words("memory.replaced", texts="; ".join(texts)))
    buttons = _sources(view, payload, fact.page_id, fact.message_id)
    if payload.changes:
        at = _at(payload)
        buttons += [
            view.button("mem_edit", *at, fact.id),
            view.button("mem_pin", *at, fact.id),
            view.button("mem_drop", *at, "fact", fact.id, label="mem_forget", style="danger"),
        ]
        lines.append(view.words("memory.forget_one"))
    return lines, buttons, "facts"


async def _origin(view: ViewContext, memory: MemoryRecord, fact: Fact) -> str:
    """Return where a fact comes from: a page, what somebody said, or what somebody added."""
    source = await _text(memory, fact.page_id, fact.message_id)
    weight = view.words("memory.importance", importance=fact.importance)
    if source is None:
        return view.words("memory.by_hand", when=past_reference(fact.valid_from, view.words), weight=weight)
    return view.words("memory.origin", where=source_line(view, source), weight=weight, text=cut(source.text))


async def _summary(view: ViewContext, payload: MemoryItemPanel, memory: MemoryRecord) -> Shown:
    summary = await summaries.get(view.account_id, payload.id)
    if summary is None or summary.memory_id != memory.id:
        raise NotFound("memory.unknown")
    lines = [view.words("memory.summary_title", span=span(view, memory, summary), level=summary.level), summary.text]
    below = await summaries.parts(summary, chunk=shown.CHUNK, fanout=shown.FANOUT)
    if below:
        lines.append(view.words("memory.made_of_summaries"))
        lines += [f"{n}. {span(view, memory, each)}" for n, each in enumerate(below[:PARTS], start=1)]
        buttons = [_open(view, payload, "sum", each.id, str(n)) for n, each in enumerate(below[:PARTS], start=1)]
        return lines, buttons, "sums"
    texts = await _texts(memory, summary)
    lines.append(view.words("memory.made_of_texts"))
    lines += [f"{n}. {source_line(view, each)}: {cut(each.text, 120)}" for n, each in enumerate(texts, start=1)]
    return lines, [_open(view, payload, _kind(t), t.id, str(n)) for n, t in enumerate(texts, start=1)], "sums"


async def _texts(memory: MemoryRecord, summary: PastSummary) -> list[SourceText]:
    """Return the pages or messages that a summary of level 1 was made from."""
    most = min(summary.last - summary.first + 1, PARTS)
    if summary.page_id is not None:
        read = await past.pages(summary.page_id, summary.first, most)
        found = [await shown.page(memory, each.id) for each in read]
    elif memory.conversation_id is None or memory.persona_id is None or memory.epoch is None:
        found = []
    else:
        after = ((summary.first_said or 1) - 1, 2**62)
        read = await past.messages(memory.conversation_id, memory.persona_id, memory.epoch, after, most)
        found = [await shown.message(memory, each.id) for each in read]
    return [each for each in found if each is not None]


async def _question(view: ViewContext, payload: MemoryItemPanel, memory: MemoryRecord) -> Shown:
    asked = next((q for q in await tracked.questions(memory.id, payload.page) if q.id == payload.id), None)
    if asked is None:
        raise NotFound("memory.unknown")
    lines = [question_line(view, memory, asked)]
    if asked.subject:
        subject = readable(view, asked.verdict, asked.subject)
        lines.append(view.words("memory.question_about", subject=subject))
    source = await _text(memory, asked.page_id, asked.message_id)
    if source is not None:
        lines.append(view.words("memory.answered_at", where=source_line(view, source)))
    buttons = _sources(view, payload, asked.page_id, asked.message_id)
    if payload.changes:
        buttons.append(view.button("mem_drop", *_at(payload), "ask", asked.id, label="mem_untrack", style="danger"))
    return lines, buttons, "asks"


async def _pin(view: ViewContext, payload: MemoryItemPanel, memory: MemoryRecord) -> Shown:
    pin = next((p for p in await pins.pins(memory.id, payload.page) if p.id == payload.id), None)
    if pin is None:
        raise NotFound("memory.unknown")
    buttons: list[Button] = []
    if pin.fact_id is not None:
        buttons.append(_open(view, payload, "fact", pin.fact_id, view.words("button.mem_fact")))
    if pin.question_id is not None:
        buttons.append(_open(view, payload, "ask", pin.question_id, view.words("button.mem_ask")))
    if payload.changes:
        buttons.append(view.button("mem_drop", *_at(payload), "pin", pin.id, label="mem_unpin", style="danger"))
    return [pin_line(view, pin)], buttons, "pins"


async def _source(view: ViewContext, payload: MemoryItemPanel, memory: MemoryRecord) -> Shown:
    is_page = payload.item == "page"
    source = await _text(memory, payload.id if is_page else None, None if is_page else payload.id)
    if source is None:
        raise NotFound("memory.unknown")
    return [source_line(view, source), cut_long(source.text)], [], "source"


async def _text(memory: MemoryRecord, page_id: int | None, message_id: int | None) -> SourceText | None:
    if page_id is not None:
        return await shown.page(memory, page_id)
    return None if message_id is None else await shown.message(memory, message_id)


def _sources(view: ViewContext, payload: MemoryItemPanel, page_id: int | None, message_id: int | None) -> list[Button]:
    if page_id is not None:
        return [_open(view, payload, "page", page_id, view.words("button.mem_source"))]
    if message_id is not None:
        return [_open(view, payload, "msg", message_id, view.words("button.mem_source"))]
    return []


def _kind(source: SourceText) -> MemoryItemKind:
    return "page" if source.kind == "page" else "msg"


def _open(view: ViewContext, payload: MemoryItemPanel, item: MemoryItemKind, id_: int, label: str) -> Button:
    return view.button("mem_item", *_at(payload), item, id_, text=label)


def _at(payload: MemoryItemPanel) -> tuple[int, int, int]:
    return payload.owner, payload.opened, payload.memory


def cut_long(text: str) -> str:
    """Return a source as it stands, its beginning if it is long."""
    return text if len(text) <= SOURCE else f"{text[:SOURCE].rsplit(' ', 1)[0]} …"


VIEWS: Final = (ViewSpec(MemoryItemPanel, memory_item),)
