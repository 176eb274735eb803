"""`/memory …`: what a story or a persona remembers here, for people to see, add to, correct and take away."""

import re
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.remembered import OF, MemoryHere, check_seen, memory_here
from bot.context import Context
from bot.moderation import offer_help, screen
from bot.panels import OpenPanel, fresh_panel, show_panel
from db.errors import BadInput, NotFound
from db.memory import facts, forgetting, pins, search, shown, tracked
from db.memory.judging import JudgeMemory, MemoryItem
from db.memory.pins import PinRule
from db.memory.search import ArchiveFilter
from db.memory.tracked import MOST_EVERY
from db.moderation import Verdict
from db.payloads.memory import (
    ForgetAsked,
    MemoryFound,
    MemoryItemKind,
    MemoryItemPanel,
    MemoryPanel,
    MemorySection,
)
from db.permissions import EVERYBODY

FOUND: Final = 6
"""Facts, and passages of the archive, that a search shows."""
QUERY_CHARS: Final = 200
_NUMBER: Final = re.compile(r"#?([0-9]{1,18})")
_WORDS: Final = re.compile(r"\w{3,}")
_SECTIONS: Final[dict[str, MemorySection]] = {
    "facts": "facts",
    "summaries": "sums",
    "questions": "asks",
    "pins": "pins",
}
"""As people name them."""
_TESTS: Final = {
    "is": "is exactly",
    "is_not": "is anything but",
    "has": "has the words",
    "has_not": "does not have the words",
    "known": "is known at all",
}


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show what is remembered here."""
    here = await memory_here(context, values.get("of") or "")
    await show_section(context, fresh_panel(context), here, _SECTIONS[values.get("what") or "facts"])


async def show_section(
    context: Context, panel: OpenPanel, here: MemoryHere, section: MemorySection, start: int = 0, done: str = ""
) -> None:
    """Show a section of a memory, from an entry on. ``done`` is the wording of what was just done."""
    payload = MemoryPanel(
        owner=panel.owner, opened=panel.opened, memory=here.id, page=here.page_id, section=section, start=start,
        done=done,
    )  # fmt: skip
    await show_panel(context, panel, payload)


async def show_item(context: Context, panel: OpenPanel, here: MemoryHere, item: MemoryItemKind, id_: int) -> None:
    """Show one entry, or a source. Raises `NotFound` if it is not this memory's."""
    author = await shown.author(here.id, item, id_)
    payload = MemoryItemPanel(
        owner=panel.owner, opened=panel.opened, memory=here.id, page=here.page_id, item=item, id=id_,
        changes=here.may_change(context, author),
    )  # fmt: skip
    await show_panel(context, panel, payload)


async def add(context: Context, values: dict[str, Any]) -> None:
    """Add a fact."""
    here = await memory_here(context, values.get("of") or "")
    title = context.who.user.name if here.story is None else here.story.title
    subject, text = str(values.get("about") or title or "-"), str(values["text"])
    if await offer_help(context, text):
        return
    verdict = await screen(context, rating=here.allowed(context), text=text, subject=subject)
    made = await facts.add_by_hand(here.id, context.user_id, subject[: facts.SUBJECT_CHARS], text, verdict)
    await context.audit("memory_add", str(made))
    await stored(context, here, "fact", made, verdict, "memory.added")


async def stored(
    context: Context, here: MemoryHere, item: MemoryItem, id_: int, verdict: Verdict, wording: str
) -> None:
    """Answer that something is stored, at once or once a job has judged it."""
    if verdict == "checked":
        await context.notice(wording)
    else:
        await context.work(JudgeMemory(item=item, id=id_, allowance=here.allowed(context)))


async def edit(context: Context, values: dict[str, Any]) -> None:
    """Correct a fact."""
    here = await memory_here(context, values.get("of") or "")
    await change_fact(context, here, _number(values["fact"]), str(values["text"]))


async def change_fact(context: Context, here: MemoryHere, fact_id: int, text: str) -> None:
    """Set a fact's text. Raises `NotFound`, `NotAllowed`, `BadInput`."""
    here.require_change(context, await shown.author(here.id, "fact", fact_id))
    if await offer_help(context, text):
        return
    verdict = await screen(context, rating=here.allowed(context), text=text)
    await facts.edit(context.account_id, context.user_id, fact_id, text, verdict)
    await context.audit("memory_edit", str(fact_id))
    await stored(context, here, "fact", fact_id, verdict, "memory.changed")


async def forget(context: Context, values: dict[str, Any]) -> None:
    """Show one fact with the button to forget it, or what there is about a word, and ask."""
    here = await memory_here(context, values.get("of") or "")
    what = " ".join(str(values["what"]).split())
    if what.startswith("#") and _NUMBER.fullmatch(what) is not None:
        await show_item(context, fresh_panel(context), here, "fact", _number(what))
        return
    here.require_change(context)
    request = await forgetting.ask(context.account_id, here.id, context.user_id, what)
    panel = fresh_panel(context)
    asked = ForgetAsked(owner=panel.owner, opened=panel.opened, memory=here.id, page=here.page_id, request=request)
    await show_panel(context, panel, asked)


async def find(context: Context, values: dict[str, Any]) -> None:
    """Search what is remembered, and what was said and written."""
    here = await memory_here(context, values.get("of") or "")
    query = " ".join(str(values["text"]).split())
    if not query:
        raise BadInput("memory.empty")
    words = [word.casefold() for word in _WORDS.findall(query)] or [query.casefold()]
    known = await facts.holding(here.id, here.page_id, about=words, most=FOUND)
    asks = [
        each.id
        for each in await tracked.questions(here.id, here.page_id)
        if any(word in f"{each.subject} {each.question} {each.answer}".casefold() for word in words)
    ]
    path = None if here.page_id is None else await shown.way(here.page_id)
    hits = await search.search(
        context.account_id,
        here.scopes(),
        query,
        limit=FOUND,
        only=ArchiveFilter(pages=path, sources=("message", "page")),
    )
    panel = fresh_panel(context)
    found = MemoryFound(
        owner=panel.owner,
        opened=panel.opened,
        memory=here.id,
        page=here.page_id,
        facts=[each.id for each in known],
        asks=asks[:FOUND],
        passages=[hit.id for hit in hits],
    )
    await show_panel(context, panel, found)


async def track(context: Context, values: dict[str, Any]) -> None:
    """Keep a question answered; without one, list those that are."""
    here = await memory_here(context, values.get("of") or "")
    question = " ".join(str(values.get("question") or "").split())
    if not question:
        await show_section(context, fresh_panel(context), here, "asks")
        return
    here.require_change(context)
    subject = str(values.get("about") or "")
    if await offer_help(context, question):
        return
    verdict = await screen(context, rating=here.allowed(context), question=question, subject=subject)
    made = await tracked.track(
        here.id, context.user_id, question, verdict, subject=subject, attach=values.get("attach") or "always",
        every=values.get("every") or 4,
    )  # fmt: skip
    await context.audit("memory_track", str(made))
    await context.notice("memory.tracked", number=made)


async def pin(context: Context, values: dict[str, Any]) -> None:
    """Pin a text, always or while a tracked question has some answer; without one, list the pins."""
    here = await memory_here(context, values.get("of") or "")
    text = " ".join(str(values.get("text") or "").split())
    if not text:
        await show_section(context, fresh_panel(context), here, "pins")
        return
    here.require_change(context)
    value = str(values.get("value") or "")
    rule = await _rule(here, values.get("while") or "", values.get("test") or "", value)
    if await offer_help(context, text):
        return
    verdict = await screen(context, rating=here.allowed(context), text=text, value=value)
    made = await pins.pin(here.id, context.user_id, verdict, text=text, page_id=here.page_id, rule=rule)
    await context.audit("memory_pin", str(made))
    await stored(context, here, "pin", made, verdict, "memory.pinned")


async def _rule(here: MemoryHere, question: str, test: str, value: str) -> PinRule | None:
    """Return the rule by which something is pinned; None: it always is. Raises `BadInput`, `NotFound`."""
    if not question.strip():
        if test or value.strip():
            raise BadInput("memory.rule_without_question")
        return None
    number = _number(question)
    if all(each.id != number for each in await tracked.questions(here.id, here.page_id)):
        raise NotFound("memory.no_question", number=number)
    test = test or ("is" if value.strip() else "known")
    if (test != "known") != bool(value.strip()):
        raise BadInput("memory.rule_without_value" if test != "known" else "memory.rule_needs_no_value")
    for each in ("is", "is_not", "has", "has_not", "known"):
        if each == test:
            return PinRule(number, each, value)
    raise BadInput("memory.rule_without_value")


def _number(text: Any) -> int:
    found = _NUMBER.fullmatch(str(text).strip())
    if found is None:
        raise BadInput("memory.no_number", text=str(text)[:40])
    return int(found[1])


_ABOUT: Final = Parameter("about", "Whom or what it is about", max_length=facts.SUBJECT_CHARS)
COMMANDS: Final = (
    CommandSpec(
        "memory show",
        "Show what is remembered here, and where it comes from",
        show,
        (Parameter("what", "Which part", choices=tuple((name.capitalize(), name) for name in _SECTIONS)), OF),
        check=check_seen,
        permission=EVERYBODY,
    ),
    CommandSpec(
        "memory add",
        "Add something to be remembered here",
        add,
        (
            Parameter("text", "What to remember", required=True, max_length=facts.TEXT_CHARS, multiline=True),
            _ABOUT,
            OF,
        ),
        check=check_seen,
        permission=EVERYBODY,
        example="I am called Hope about=Ann",
    ),
    CommandSpec(
        "memory edit",
        "Correct something that is remembered",
        edit,
        (
            Parameter("fact", "Its number in the list, such as #12", required=True, max_length=20, word=True),
            Parameter("text", "How it should read", required=True, max_length=facts.TEXT_CHARS, multiline=True),
            OF,
        ),
        check=check_seen,
        permission=EVERYBODY,
        example="#12 I am called Hope",
    ),
    CommandSpec(
        "memory forget",
        "Forget one fact, or everything about a word",
        forget,
        (Parameter("what", "A word, or the number of a fact, such as #12", required=True, max_length=80), OF),
        check=check_seen,
        permission=EVERYBODY,
        example="Rufus",
    ),
    CommandSpec(
        "memory search",
        "Search what is remembered here, and what was said",
        find,
        (Parameter("text", "What to look for", required=True, max_length=QUERY_CHARS), OF),
        check=check_seen,
        permission=EVERYBODY,
        example="the dog",
    ),
    CommandSpec(
        "memory track",
        "Keep a question answered from now on, or list those that are",
        track,
        (
            Parameter("question", "What you want to be kept answered", max_length=tracked.QUESTION_CHARS),
            _ABOUT,
            Parameter("every", "Pages, or messages, between two answers", int, minimum=1, maximum=MOST_EVERY),
            Parameter(
                "attach",
                "When the writer is told the answer",
                choices=(
                    ("Always", "always"),
                    ("When it is mentioned whom it is about", "mention"),
                    ("Never, only searches find it", "search"),
                ),
            ),
            OF,
        ),
        check=check_seen,
        permission=EVERYBODY,
        example="Is Tamsel hurt? about=Tamsel every=2",
    ),
    CommandSpec(
        "memory pin",
        "Have a text told to the writer every time, or list those that are",
        pin,
        (
            Parameter("text", "What to tell", max_length=pins.TEXT_CHARS, multiline=True),
            Parameter("while", "Only while this tracked question has an answer: its number", max_length=20),
            Parameter("test", "What the answer must be", choices=tuple((label, n) for n, label in _TESTS.items())),
            Parameter("value", "With which the answer is compared", max_length=pins.VALUE_CHARS),
            OF,
        ),
        check=check_seen,
        permission=EVERYBODY,
        example="Tamsel cannot walk. while=#3 test=is value=yes",
    ),
)
