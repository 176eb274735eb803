"""Messages about what a writer was told: by layers, each text by a readable name, and what was left out, and why."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from bot.messages import Message
from bot.text.moments import past_reference
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec
from bot.views.memory import cut, memory_seen, readable, section_buttons
from db import chats, lorebooks, receipts, stories
from db.memory import documents, elements
from db.memory.elements import ToldElement
from db.memory.memories import MemoryRecord
from db.payloads.told import MorePanel, SessionPanel, ToldPanel
from db.receipts import Receipt

NAMED: Final = 12
"""Elements that are named for a layer, or for a reason why they were left out."""
TEXT: Final = 70
"""Characters of a text that are shown with its name."""
DIGITS: Final = 19
"""An id has fewer."""
AGAIN: Final = 1.5
"""Times the prompt from which on what was read is that of several attempts."""
_LAYERS: Final = "ABCDE"
_FIXED: Final = frozenset({"premise", "action", "message", "begun", "page", "outline"})
Known = Mapping[str, ToldElement]


async def more(view: ViewContext, payload: MorePanel) -> Message:
    """Compose what else can be done with a page."""
    found = await stories.page(view.account_id, payload.page)
    if found is None:
        return Message(view.words("story.unknown"), private=True)
    story, page, _ = found
    title = view.words("story.page", number=page.number, title=story.title or view.words("story.title_unknown"))
    button = view.button("told", payload.owner, payload.opened, payload.page)
    return Message(view.words("told.more"), title=title, buttons=((button,),), private=True, menu=True)


async def told(view: ViewContext, payload: ToldPanel) -> Message:
    """Compose what the writer of a page or reply was told."""
    memory = await memory_seen(view, payload.memory)
    receipt, title = await _receipt(view, payload, memory)
    buttons = (section_buttons(view, payload, memory.id),)
    if receipt is None:
        return Message(view.words("told.no_receipt"), title=title, buttons=buttons, private=True, menu=True)
    # Of templates there is nothing more to say.
    layers = await told_layers(view, payload, memory, receipt.context) if receipt.of_model else []
    return Message(
        "\n\n".join([_writer(view, receipt), *layers]),
        footer="" if payload.session is None else view.words("session.number", number=payload.session),
        title=title,
        buttons=buttons,
        private=True,
        menu=True,
    )


async def _receipt(view: ViewContext, payload: ToldPanel, memory: MemoryRecord) -> tuple[Receipt | None, str]:
    """Return the receipt of what is asked about, if that is of this memory; and a title."""
    if payload.page is not None:
        found = await stories.page(view.account_id, payload.page)
        if found is None or found[0].id != memory.story_id:
            return None, view.words("told.title")
        title = view.words("told.title_page", number=found[1].number)
        return await receipts.of_page(view.account_id, payload.page), title
    reply = None if payload.reply is None else await chats.get(view.account_id, payload.reply)
    if reply is None or reply[0].conversation_id != memory.conversation_id or reply[0].persona_id != memory.persona_id:
        return None, view.words("told.title")
    title = view.words("told.title_reply", name=reply[1].name)
    return await receipts.of_reply(view.account_id, reply[0].id), title


def _writer(view: ViewContext, receipt: Receipt) -> str:
    """Return who wrote it, with how many tokens, how long it took and what it cost."""
    context = receipt.context
    if not receipt.of_model:
        return view.words("told.templates")
    seconds = 0.0 if receipt.finished_at is None else (receipt.finished_at - receipt.started_at).total_seconds()
    # The run's count is of all attempts, that of the build of one.
    once, read = _number(context.get("prompt_tokens")), receipt.prompt_tokens
    lines = [
        view.words(
            "told.writer",
            model=receipt.model,
            engine=receipt.engine,
            prompt=once or read,
            window=_number(context.get("window")),
            answer=receipt.completion_tokens,
            seconds=f"{seconds:.1f}",
        )
    ]
    if once and read >= AGAIN * once:
        lines.append(view.words("told.again", read=read))
    if receipt.cost_usd:
        lines.append(view.words("told.cost", cost=f"{receipt.cost_usd:.4f}"))
    prompt = receipt.receipt.get("prompt")
    if isinstance(prompt, dict):
        named: dict[str, Any] = prompt  # pyright: ignore[reportUnknownVariableType]
        lines.append(view.words("told.prompt", name=named.get("name", ""), version=named.get("version", "")))
    test = receipt.receipt.get("test")
    if isinstance(test, dict):
        tested: dict[str, Any] = test  # pyright: ignore[reportUnknownVariableType]
        lines.append(view.words("told.variant", label=tested.get("label", ""), name=tested.get("prompt", "")))
    return "\n".join(lines)


async def told_layers(
    view: ViewContext, payload: ToldPanel | SessionPanel, memory: MemoryRecord | None, context: Mapping[str, Any]
) -> list[str]:
    """Return the layers of a build, and what was left out.

    Named is what is of ``memory``, and of lorebooks and documents what the person sees who has opened the panel.
    """
    if not context:
        return [view.words("told.no_context")]
    placed, left_out = _entries(context.get("placed")), _entries(context.get("left_out"))
    ids = [each["id"] for each in (*placed, *left_out)]
    known = {} if memory is None else await elements.known(memory, ids)
    titles = await _titles(view, payload, ids)
    names = _Names(view, known, titles, memory is None or memory.story_id is not None)
    layers: dict[str, Any] = context.get("layers") or {}
    paragraphs: list[str] = []
    for layer in _LAYERS:
        use = layers.get(layer) or {}
        listed = names.told([each for each in placed if each.get("layer") == layer])
        line = view.words(
            "told.layer", layer=layer, name=view.words(f"told.layer_{layer}"), used=_number(use.get("used")),
            share=_number(use.get("share")),
        )  # fmt: skip
        paragraphs.append("\n".join([line, *_most(view, listed)]))
    by_reason = sorted(left_out, key=lambda each: str(each.get("reason")))
    lines: list[str] = []
    for reason, group in groupby(by_reason, key=lambda each: str(each.get("reason"))):
        listed = names.left([each for each in group if each.get("reason") != "empty"])
        if listed:
            lines += [view.words(f"told.left_{reason}"), *_most(view, listed)]
    if lines:
        paragraphs.append("\n".join([view.words("told.left_out"), *lines]))
    return paragraphs


async def _titles(view: ViewContext, payload: ToldPanel | SessionPanel, ids: Iterable[str]) -> dict[str, str]:
    """Return what entries of lorebooks and passages of documents are called, of those that the person sees."""
    of_person, adults = (view.account_id, payload.owner), payload.adults
    numbers: dict[str, list[int]] = {"lore": [], "archive": []}
    for kind, _, number in (each.partition(":") for each in ids):
        if kind in numbers and number.isascii() and number.isdecimal() and len(number) < DIGITS:
            numbers[kind].append(int(number))
    found: dict[str, str] = {}
    for entry, (book, named) in (await lorebooks.names(*of_person, numbers["lore"], adults=adults)).items():
        name = shortened(named, TEXT) or view.words("lore.unnamed")
        found[f"lore:{entry}"] = view.words("told.name_entry", name=name, book=shortened(book, TEXT))
    for passage in await documents.passages(*of_person, numbers["archive"], adults=adults):
        title = shortened(passage.title, TEXT)
        found[f"archive:{passage.id}"] = view.words("told.name_of_document", title=title, number=passage.document_id)
    return found


class _Names:
    """Readable names of elements. ``story``: of a story's past, which are pages, else messages."""

    def __init__(self, view: ViewContext, known: Known, titles: Mapping[str, str], story: bool) -> None:
        self._view, self._known, self._titles, self._story = view, known, titles, story

    def told(self, entries: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return lines for what was told; pages and messages word by word are one line."""
        lines: list[str] = []
        for whole, group in groupby(entries, key=_is_verbatim):
            some = list(group)
            if whole and len(some) > 1:
                lines.append(self._run(some))
                continue
            for each in some:
                form = "" if each.get("form") == "whole" else self._view.words(f"told.form_{each.get('form')}")
                name, tokens = self.of(str(each["id"])), _number(each.get("tokens"))
                lines.append(self._view.words("told.line", name=name, tokens=tokens, form=form))
        return lines

    def left(self, entries: Iterable[Mapping[str, Any]]) -> list[str]:
        """Return lines for what was left out."""
        return [self._view.words("told.line_left", name=self.of(str(each["id"]))) for each in entries]

    def _run(self, entries: Sequence[Mapping[str, Any]]) -> str:
        tokens = sum(_number(each.get("tokens")) for each in entries)
        ends = self.of(str(entries[0]["id"])), self.of(str(entries[-1]["id"]))
        return self._view.words("told.run", count=len(entries), first=ends[0], last=ends[1], tokens=tokens)

    def of(self, element_id: str) -> str:
        """Return what an element is called."""
        view, (kind, _, rest) = self._view, element_id.partition(":")
        if element_id in self._titles:
            return self._titles[element_id]
        found = self._known.get(element_id)
        if found is not None:
            return self._found(kind, found)
        if kind in {"history", "extract"}:
            first, _, last = rest.partition(":")[0].partition("-")
            if first.isdecimal() and last.isdecimal():
                span = view.words(
                    "memory.pages" if self._story else "memory.messages", first=int(first) + 1, last=int(last) + 1
                )
                return span if kind == "history" else view.words("told.extract", span=span)
        if kind == "archive":
            # A document may be somebody else's: its words are not shown.
            return view.words("told.name_document" if rest.isdecimal() else "told.name_looked_up")
        if element_id in _FIXED:
            return view.words(f"told.name_{element_id}")
        if kind == "note":
            return view.words("told.name_note")
        if kind in {"card", "thread", "character", "lore", "own"}:
            return view.words(f"told.name_{kind}", name=rest)
        return view.words("told.gone", kind=kind)

    def _found(self, kind: str, found: ToldElement) -> str:
        view = self._view
        text = cut(readable(view, found.verdict, found.text), TEXT)
        match kind:
            case "page":
                return view.words("memory.page", number=found.number, title=found.name)
            case "message":
                return self._said(found)
            case "summary":
                key = "memory.pages" if self._story else "memory.messages"
                span = view.words(key, first=found.first + 1, last=found.last + 1)
                return view.words("told.name_summary", span=span, text=text)
            case "archive":
                where = view.words("memory.page", number=found.number, title=found.name)
                where = where if found.number else self._said(found)
                return view.words("told.name_archive", where=where, text=text)
            case _:
                return view.words(f"told.name_{kind}", number=found.id, text=text)

    def _said(self, found: ToldElement) -> str:
        who = found.name or self._view.words("memory.somebody")
        when = "" if found.said_at is None else past_reference(found.said_at, self._view.words)
        return self._view.words("memory.said", who=who, when=when)


def _is_verbatim(entry: Mapping[str, Any]) -> bool:
    return str(entry["id"]).startswith(("page:", "message:")) and entry.get("form") == "whole"


def _entries(value: Any) -> list[dict[str, Any]]:
    """Return a receipt's list of elements; what another release wrote otherwise is left out."""
    return list(_read(value)) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]


def _read(value: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for each in value:
        if isinstance(each, dict) and isinstance(each.get("id"), str):  # pyright: ignore[reportUnknownMemberType]
            yield each


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _most(view: ViewContext, lines: Sequence[str]) -> list[str]:
    if len(lines) <= NAMED:
        return list(lines)
    return [*lines[:NAMED], view.words("told.and_more", count=len(lines) - NAMED)]


VIEWS: Final = (ViewSpec(MorePanel, more), ViewSpec(ToldPanel, told))
