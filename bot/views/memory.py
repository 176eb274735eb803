"""Messages of what is remembered: lists, one entry with its source, what a search found, what is to be forgotten."""

from collections.abc import Sequence
from typing import Final

from bot.messages import Button, Message
from bot.text.moments import past_reference
from bot.views.base import ViewContext, ViewSpec, in_rows, turns
from db import personas, stories
from db.errors import NotFound
from db.memory import facts, forgetting, memories, pins, shown, tracked
from db.memory.facts import Fact
from db.memory.memories import MemoryRecord
from db.memory.pins import Pin
from db.memory.shown import SourceText
from db.memory.summaries import PastSummary
from db.memory.tracked import Tracked
from db.payloads.memory import ForgetAsked, MemoryFound, MemoryPanel, MemorySection
from db.payloads.panels import Panel

LISTED: Final = 8
"""Entries on one page."""
LINE: Final = 220
"""Characters of an entry in a list."""
_SECTIONS: Final[tuple[MemorySection, ...]] = ("facts", "sums", "asks", "pins")
Line = tuple[str, str, int]
"""What is shown of an entry, its kind, and its id."""


async def memory_list(view: ViewContext, payload: MemoryPanel) -> Message:
    """Compose a section of what is remembered."""
    memory = await memory_seen(view, payload.memory)
    match payload.section:
        case "facts":
            found = await facts.holding(memory.id, payload.page, most=LISTED + 1, skip=payload.start)
            lines: list[Line] = [(fact_line(view, each), "fact", each.id) for each in found]
        case "sums":
            parts = await shown.summaries(memory.id, payload.page, most=LISTED + 1, skip=payload.start)
            lines = [(summary_line(view, memory, each), "sum", each.id) for each in parts]
        case "asks":
            asks = await tracked.questions(memory.id, payload.page)
            lines = [(question_line(view, memory, each), "ask", each.id) for each in asks[payload.start :]]
        case "pins":
            held = await pins.pins(memory.id, payload.page)
            lines = [(pin_line(view, each), "pin", each.id) for each in held[payload.start :]]
    body = numbered(lines[:LISTED]) or view.words(f"memory.no_{payload.section}")
    return Message(
        f"{view.words(payload.done)}\n\n{body}" if payload.done else body,
        title=await title_of(view, memory, payload.section),
        footer=view.words("memory.footer" if lines else "memory.footer_empty"),
        buttons=_list_buttons(view, payload, lines),
        private=True,
        menu=True,
    )


async def found(view: ViewContext, payload: MemoryFound) -> Message:
    """Compose what a search found."""
    memory = await memory_seen(view, payload.memory)
    known = {each.id: each for each in await facts.holding(memory.id, payload.page, most=1000)}
    asks = {each.id: each for each in await tracked.questions(memory.id, payload.page)}
    texts = await shown.passages(memory, payload.passages)
    lines: list[Line] = [
        *((fact_line(view, known[each]), "fact", each) for each in payload.facts if each in known),
        *((question_line(view, memory, asks[each]), "ask", each) for each in payload.asks if each in asks),
        *((f"{source_line(view, each)}: {cut(each.text)}", each.kind, each.id) for each in texts),
    ]
    at = (payload.owner, payload.opened, payload.memory)
    buttons = [view.button("mem_item", *at, kind, id_, text=str(n)) for n, (_, kind, id_) in enumerate(lines, start=1)]
    return Message(
        numbered(lines) or view.words("memory.nothing_found"),
        title=await title_of(view, memory, "found"),
        buttons=(*in_rows(buttons), section_buttons(view, payload, payload.memory)),
        private=True,
        menu=True,
    )


async def forget_asked(view: ViewContext, payload: ForgetAsked) -> Message:
    """Compose the question whether to forget everything about a word, with what there is."""
    memory = await memory_seen(view, payload.memory)
    asked = await forgetting.asked(view.account_id, payload.owner, payload.request)
    if asked is None:
        return Message(view.words("memory.request_over"), private=True)
    about = await forgetting.about(view.account_id, memory.id, asked.word)
    counts = {
        "facts": about.facts, "summaries": about.summaries, "answers": about.answers, "pins": about.pins,
        "plots": about.plots, "short_forms": about.short_forms, "passages": about.passages,
    }  # fmt: skip
    lines = [view.words(f"memory.about_{name}", count=count) for name, count in counts.items() if count]
    known = await facts.holding(memory.id, payload.page, about=[asked.word], most=3)
    examples = [fact_line(view, each) for each in known]
    body = view.words("memory.forget_nothing" if about.nothing else "memory.forget_found", word=asked.word)
    at = (payload.owner, payload.opened, payload.request)
    return Message(
        "\n".join([body, *lines, *examples, view.words("memory.forget_what_stays")]),
        title=view.words("memory.forget_title"),
        buttons=((view.button("mem_forget", *at, style="danger"), view.button("mem_keep", *at)),),
        private=True,
        menu=True,
    )


async def memory_seen(view: ViewContext, memory_id: int) -> MemoryRecord:
    """Return a memory of the account of this place. Raises `NotFound`."""
    memory = await memories.of_account(view.account_id, memory_id)
    if memory is None:
        raise NotFound("memory.unknown")
    return memory


async def title_of(view: ViewContext, memory: MemoryRecord, section: str) -> str:
    """Return the title of a section: whose memory it is, and what of it is shown."""
    name = ""
    if memory.story_id is not None:
        story = await stories.get(view.account_id, memory.story_id)
        name = (story.title if story is not None else "") or view.words("story.title_unknown")
    elif memory.persona_id is not None:
        name = (await personas.get(view.account_id, memory.persona_id)).name
    return view.words(f"memory.title_{section}", name=name)


def readable(view: ViewContext, verdict: str, text: str) -> str:
    """Return a text that everybody here may read; one that nobody has checked only its author, in private."""
    return text if verdict == "checked" or view.place == "dm" else view.words("memory.unchecked")


def fact_line(view: ViewContext, fact: Fact) -> str:
    """Return how a fact stands in a list."""
    text = cut(readable(view, fact.verdict, fact.text))
    return view.words("memory.fact_line", number=fact.id, subject=readable(view, fact.verdict, fact.subject), text=text)


def summary_line(view: ViewContext, memory: MemoryRecord, summary: PastSummary) -> str:
    """Return how a summary stands in a list."""
    return view.words("memory.summary_line", span=span(view, memory, summary), text=cut(summary.text))


def span(view: ViewContext, memory: MemoryRecord, summary: PastSummary) -> str:
    """Return which pages or messages a summary is about, counted from 1."""
    key = "memory.messages" if memory.story_id is None else "memory.pages"
    return view.words(key, first=summary.first + 1, last=summary.last + 1)


def question_line(view: ViewContext, memory: MemoryRecord, question: Tracked) -> str:
    """Return how a tracked question stands in a list, with its answer."""
    every = "memory.every_messages" if memory.story_id is None else "memory.every_pages"
    return view.words(
        "memory.question_line",
        number=question.id,
        question=readable(view, question.verdict, question.question),
        answer=cut(question.answer) or view.words("memory.no_answer"),
        how=view.words(f"memory.attach_{question.attach}"),
        every=view.words(every, count=question.every),
    )


def pin_line(view: ViewContext, pin: Pin) -> str:
    """Return how a pin stands in a list, with its rule."""
    text = cut(readable(view, pin.verdict, pin.text))
    if pin.question_id is None:
        return view.words("memory.pin_line", number=pin.id, text=text)
    test = view.words(f"memory.test_{pin.test}", value=readable(view, pin.verdict, pin.value))
    return view.words("memory.pin_rule_line", number=pin.id, text=text, question=pin.question_id, test=test)


def numbered(lines: Sequence[Line]) -> str:
    """Return entries with the numbers of the buttons that open them."""
    return "\n".join(f"{n}. {line}" for n, (line, _, _) in enumerate(lines, start=1))


def source_line(view: ViewContext, source: SourceText) -> str:
    """Return where a text stands: the page with its title, or who said it and when."""
    if source.kind == "page":
        return view.words("memory.page", number=source.number, title=source.title)
    who = source.speaker or view.words("memory.somebody")
    return view.words("memory.said", who=who, when=past_reference(source.said_at, view.words))


def cut(text: str, most: int = LINE) -> str:
    """Return the beginning of a text in one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rsplit(' ', 1)[0]} …"


def section_buttons(view: ViewContext, payload: Panel, memory: int, chosen: str = "") -> tuple[Button, ...]:
    """Return the buttons to the sections of a memory."""
    at = (payload.owner, payload.opened, memory)
    return tuple(
        view.button("mem_list", *at, name, 0, label=f"mem_{name}", style="primary" if name == chosen else "secondary")
        for name in _SECTIONS
    )


def _list_buttons(view: ViewContext, payload: MemoryPanel, lines: Sequence[Line]) -> tuple[tuple[Button, ...], ...]:
    at = (payload.owner, payload.opened, payload.memory)
    entries = [
        view.button("mem_item", *at, kind, id_, text=str(n)) for n, (_, kind, id_) in enumerate(lines[:LISTED], start=1)
    ]
    turning = turns(view, "mem_list", (*at, payload.section), payload.start, LISTED, more=len(lines) > LISTED)
    rows = (*in_rows(entries, 4), turning, section_buttons(view, payload, payload.memory, payload.section))
    return tuple(row for row in rows if row)


VIEWS: Final = (
    ViewSpec(MemoryPanel, memory_list),
    ViewSpec(MemoryFound, found),
    ViewSpec(ForgetAsked, forget_asked),
)
