"""The part of `tests.db.scopes` that is about summaries, facts and what else is remembered of stories and chats."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from db.memory import facts, forgetting, memories, pins, summaries, tracked

MEMORY_CALLS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "memory.memories.of_account": lambda c: memories.of_account(c.account, c["memories"]),
    "memory.forgetting.ask": lambda c: forgetting.ask(c.account, c["memories"], c.user, "zephyr"),
    "memory.forgetting.asked": lambda c: forgetting.asked(c.account, c.user, c["forget_requests"]),
    "memory.forgetting.drop": lambda c: forgetting.drop(c.user, c["forget_requests"]),
    "memory.forgetting.about": lambda c: forgetting.about(c.account, c["memories"], "zephyr"),
    "memory.memories.of_story": lambda c: memories.of_story(c.account, c["stories"]),
    "memory.memories.of_chat": lambda c: memories.of_chat(c.chat, c["personas"]),
    "memory.memories.open_story": lambda c: memories.open_story(c.account, c["stories"]),
    "memory.memories.open_chat": lambda c: memories.open_chat(c.chat, c["personas"]),
    "memory.facts.get": lambda c: facts.get(c.account, c["facts"]),
    "memory.facts.history": lambda c: facts.history(c.account, c["facts"]),
    "memory.facts.edit": lambda c: facts.edit(c.account, c.user, c["facts"], "Mine.", "checked"),
    "memory.facts.forget": lambda c: facts.forget(c.account, c["facts"]),
    "memory.facts.forget_about": lambda c: facts.forget_about(c.account, c["memories"], "zephyr"),
    "memory.pins.unpin": lambda c: pins.unpin(c.account, c["pins"]),
    "memory.tracked.untrack": lambda c: tracked.untrack(c.account, c["tracked_questions"]),
    "memory.summaries.get": lambda c: summaries.get(c.account, c["summaries"]),
}
MEMORY_WORK: Final = (
    "memory.memories.continue_soon",
    "memory.memories.get",
    "memory.memories.lock",
    "memory.memories.note_reply",
    "memory.memories.settle",
    "memory.facts.add_by_hand",
    "memory.facts.holding",
    "memory.facts.put",
    "memory.chunks.blank",
    "memory.elements.*",
    "memory.judging.*",
    "memory.shown.*",
    "memory.past.*",
    "memory.pins.pin",
    "memory.pins.pins",
    "memory.plots.*",
    "memory.short_forms.*",
    "memory.told.*",
    "memory.tracked.answer",
    "memory.tracked.judge",
    "memory.tracked.questions",
    "memory.tracked.track",
    "memory.summaries.drop",
    "memory.summaries.of_chat",
    "memory.summaries.of_story",
    "memory.summaries.parts",
    "memory.summaries.put",
)
