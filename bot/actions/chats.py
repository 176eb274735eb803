"""Buttons of the chats of a place: open one, begin one from an answer."""

from typing import Final

from bot.actions.base import ActionSpec, Arg
from bot.commands.chats import branch_from, open_chat

ACTIONS: Final = (
    ActionSpec("chat_open", open_chat, (Arg("chat"),), permission="reset"),
    ActionSpec("branch", branch_from, (Arg("message"),), permission="reset"),
)
