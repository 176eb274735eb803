"""The functions of `db` for chats: called as ben with the ids of somebody else. See `tests.db.scopes`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from db import channels, chat_imports, chat_suggestions, chat_turns, chats, company, saved_chats
from db.channels import ChannelSettings
from db.chat_imports import ChatNote

CHAT_CALLS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "channels.of": lambda c: channels.of(c.chat),
    "channels.save": lambda c: channels.save(ChannelSettings(c.chat)),
    "channels.clear": lambda c: channels.clear(c.chat),
    "channels.note_told": lambda c: channels.note_told(c.chat, "always"),
    "channels.take_turn": lambda c: channels.take_turn(c.chat),
    "channels.listening": lambda c: channels.listening("console", c.ben.conversation.chat_id, ""),
    "channels.end_listening": lambda c: channels.end_listening(c.account),
    "channels.fall_back": lambda c: channels.fall_back("console", c.ben.conversation.chat_id),
    "chat_turns.shown": lambda c: chat_turns.shown(c.account, c["chat_messages"]),
    "chat_turns.editable": lambda c: chat_turns.editable(c.ben.conversation, c["chat_messages"]),
    "chat_turns.again": lambda c: chat_turns.again(c.ben.conversation, c["chat_messages"]),
    "chat_turns.go_on": lambda c: chat_turns.go_on(c.ben.conversation, c["chat_messages"]),
    "chat_turns.choose": lambda c: chat_turns.choose(c.ben.conversation, c["chat_messages"], 1),
    "chat_turns.edit": lambda c: chat_turns.edit(c.ben.conversation, c["chat_messages"], c.user, "x", "checked"),
    "chat_turns.answer_of": lambda c: chat_turns.answer_of(c.chat, "console:1"),
    "chat_turns.reword": lambda c: chat_turns.reword(c.ben.conversation, c["chat_messages"], c.user, "x", "checked"),
    "chat_imports.add": lambda c: chat_imports.add(c.account, c.user, c.chat, c["personas"], "", ChatNote("", 0), []),
    "chat_suggestions.basis": lambda c: chat_suggestions.basis(c.account, c["chat_messages"], c.user),
    "chat_turns.hold_last": lambda c: chat_turns.hold_last(c.ben.conversation, c["chat_messages"]),
    "chat_turns.hide": lambda c: chat_turns.hide(c.ben.conversation, c["chat_messages"]),
    "chat_turns.unhide": lambda c: chat_turns.unhide(c.ben.conversation, c["chat_messages"]),
    "chat_turns.rewind": lambda c: chat_turns.rewind(c.ben.conversation, c["chat_messages"]),
    "chat_turns.undo": lambda c: chat_turns.undo(c.ben.conversation, c["chat_messages"]),
    "chats.get": lambda c: chats.get(c.account, c["chat_messages"]),
    "chats.reset": lambda c: chats.reset(c.chat),
    "company.present": lambda c: company.present(c.ben.conversation),
    "company.join": lambda c: company.join(c.ben.conversation, c["personas"], when_called=False, most=0),
    "company.leave": lambda c: company.leave(c.ben.conversation, c["personas"]),
    "company.lead": lambda c: company.lead(c.ben.conversation),
    "saved_chats.get": lambda c: saved_chats.get(c.account, c["saved_chats"]),
    "saved_chats.listed": lambda c: saved_chats.listed(c.chat),
    "saved_chats.current": lambda c: saved_chats.current(c.ben.conversation),
    "saved_chats.rename": lambda c: saved_chats.rename(c.ben.conversation, c.user, "x", "checked"),
    "saved_chats.set_note": lambda c: saved_chats.set_note(c.ben.conversation, c.user, "x", 4),
    "saved_chats.begin": lambda c: saved_chats.begin(c.ben.conversation, c.user, "x", "checked"),
    "saved_chats.branch": lambda c: saved_chats.branch(c.ben.conversation, c.user, c["chat_messages"]),
    "saved_chats.switch": lambda c: saved_chats.switch(c.ben.conversation, c.user, c["saved_chats"]),
}
