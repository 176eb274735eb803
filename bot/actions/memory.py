"""Buttons of what is remembered: turn the pages, look at one entry and its source, correct it, take it away."""

from collections.abc import Mapping
from typing import Final, cast, get_args

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.memory import change_fact, show_item, show_section
from bot.commands.remembered import MemoryHere, memory_of
from bot.context import Context
from bot.messages import Field
from bot.panels import PANEL_ARGS, pressed_panel
from db.errors import NotFound
from db.memory import facts, forgetting, pins, shown, tracked
from db.memory.forgetting import ForgetRequest
from db.payloads.memory import MemoryItemKind, MemorySection
from db.permissions import EVERYBODY

_MEMORY: Final = Arg("memory")


async def section(context: Context, owner: int, opened: int, memory: int, part: str, start: int) -> None:
    """Show a section of a memory, from an entry on."""
    panel = await pressed_panel(context, owner, opened)
    wanted = cast("MemorySection", part if part in get_args(MemorySection) else "facts")
    await show_section(context, panel, await memory_of(context, memory), wanted, start)


async def item(context: Context, owner: int, opened: int, memory: int, part: str, entry: int) -> None:
    """Show one entry of a memory, or a source."""
    panel = await pressed_panel(context, owner, opened)
    await show_item(context, panel, await memory_of(context, memory), _kind(part), entry)


async def drop(context: Context, owner: int, opened: int, memory: int, part: str, entry: int) -> None:
    """Forget a fact, end a question, or take away a pin. A menu that was open for long only shows it again."""
    panel = await pressed_panel(context, owner, opened)
    here, kind = await memory_of(context, memory), _kind(part)
    author = await shown.author(here.id, kind, entry)
    if panel.expired:
        await show_item(context, panel, here, kind, entry)
        return
    here.require_change(context, author)
    account = context.account_id
    match kind:
        case "fact":
            await facts.forget(account, entry)
            await context.audit("memory_forget", str(entry))
            await show_section(context, panel, here, "facts", done="memory.forgotten")
        case "ask":
            await tracked.untrack(account, entry)
            await context.audit("memory_untrack", str(entry))
            await show_section(context, panel, here, "asks", done="memory.untracked")
        case "pin":
            await pins.unpin(account, entry)
            await context.audit("memory_unpin", str(entry))
            await show_section(context, panel, here, "pins", done="memory.unpinned")
        case _:
            raise NotFound("memory.unknown")


async def pin_fact(context: Context, owner: int, opened: int, memory: int, fact: int) -> None:
    """Pin a fact, from where the story stands."""
    panel = await pressed_panel(context, owner, opened)
    here = await memory_of(context, memory)
    await shown.author(here.id, "fact", fact)
    here.require_change(context)
    found = await facts.get(context.account_id, fact)
    verdict = "unchecked" if found is None else found.verdict
    made = await pins.pin(here.id, context.user_id, verdict, fact_id=fact, page_id=here.page_id)
    await context.audit("memory_pin", str(made))
    await show_section(context, panel, here, "pins", done="memory.pinned")


async def edit(context: Context, values: Mapping[str, str], owner: int, opened: int, memory: int, fact: int) -> None:
    """Correct a fact."""
    await pressed_panel(context, owner, opened)
    await change_fact(context, await memory_of(context, memory), fact, values.get("text", ""))


async def check_edit(context: Context, owner: int, opened: int, memory: int, fact: int) -> None:
    """Refuse the form to who may not correct it."""
    await pressed_panel(context, owner, opened)
    here = await memory_of(context, memory)
    here.require_change(context, await shown.author(here.id, "fact", fact))


async def present(context: Context, owner: int, opened: int, memory: int, fact: int) -> Mapping[str, str]:
    """Return how a fact reads now."""
    await check_edit(context, owner, opened, memory, fact)
    found = await facts.get(context.account_id, fact)
    return {} if found is None else {"text": found.text}


EDIT_FORM: Final = FormSpec(
    "memory.edit_title",
    (Field("text", "memory.edit_field", multiline=True, max_length=facts.TEXT_CHARS),),
    prefill=present,
)


async def forget(context: Context, owner: int, opened: int, request: int) -> None:
    """Forget everything about the word of a request."""
    panel = await pressed_panel(context, owner, opened)
    asked, here = await _request(context, request)
    here.require_change(context)
    await forgetting.drop(context.user_id, request)
    await facts.forget_about(context.account_id, here.id, asked.word)
    await context.audit("memory_forget_word", str(here.id))
    await show_section(context, panel, here, "facts", done="memory.forgotten_word")


async def keep(context: Context, owner: int, opened: int, request: int) -> None:
    """Forget nothing."""
    panel = await pressed_panel(context, owner, opened)
    _, here = await _request(context, request)
    await forgetting.drop(context.user_id, request)
    await show_section(context, panel, here, "facts", done="memory.kept")


async def _request(context: Context, request: int) -> tuple[ForgetRequest, MemoryHere]:
    asked = await forgetting.asked(context.account_id, context.user_id, request)
    if asked is None:
        raise NotFound("memory.request_over")
    return asked, await memory_of(context, asked.memory_id)


def _kind(name: str) -> MemoryItemKind:
    for kind in get_args(MemoryItemKind):
        if kind == name:
            return kind
    raise NotFound("memory.unknown")


_ENTRY: Final = (*PANEL_ARGS, _MEMORY, Arg("part", "name"), Arg("entry"))
_FACT: Final = (*PANEL_ARGS, _MEMORY, Arg("fact"))
_REQUEST: Final = (*PANEL_ARGS, Arg("request"))
ACTIONS: Final = (
    ActionSpec(
        "mem_list",
        section,
        (*PANEL_ARGS, _MEMORY, Arg("part", "name"), Arg("start", "number")),
        permission=EVERYBODY,
    ),
    ActionSpec("mem_item", item, _ENTRY, permission=EVERYBODY),
    ActionSpec("mem_drop", drop, _ENTRY, permission=EVERYBODY),
    ActionSpec("mem_pin", pin_fact, _FACT, permission=EVERYBODY),
    ActionSpec("mem_edit", edit, _FACT, form=EDIT_FORM, check=check_edit, permission=EVERYBODY),
    ActionSpec("mem_forget", forget, _REQUEST, permission=EVERYBODY),
    ActionSpec("mem_keep", keep, _REQUEST, permission=EVERYBODY),
)
