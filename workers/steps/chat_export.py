"""Steps that write a chat as a file and send it."""

import re
from typing import Any, ClassVar, Final

from db import personas, saved_chats, uploads
from db.errors import LeaseLost, NotFound
from db.payloads.chats import ChatWritten
from db.personas.macros import SOMEBODY
from db.saved_chats import ExportChat, SaidMessage
from workers.exports.chats import ChatLine, WrittenChat, as_jsonl, as_markdown
from workers.steps.base import Commit, Run, Step

_NAME: Final = 60


class WriteChat(Step):
    """Write a chat."""

    name: ClassVar[str] = "write_chat"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return the id of the file. Raises `NotFound` if nothing was said there."""
        asked, job = run.parameters(ExportChat), run.job
        if job.account_id is None or job.user_id is None or job.conversation_id is None:
            raise LeaseLost("who asked for it is gone")
        said = await saved_chats.said(job.conversation_id, asked.persona, asked.epoch)
        if not said:
            raise NotFound("chat.nothing_said")
        persona = await personas.get(job.account_id, asked.persona)
        saved = await saved_chats.of_epoch(job.conversation_id, asked.epoch)
        lines = chat_lines(said)
        chat = WrittenChat(
            persona=persona.name,
            user=next((line.name for line in lines if line.user), SOMEBODY),
            lines=lines,
            title="" if saved is None else saved.name,
            note="" if saved is None else saved.note,
            note_depth=0 if saved is None else saved.note_depth,
        )
        data = as_jsonl(chat) if asked.form == "jsonl" else as_markdown(chat)
        name = re.sub(r"[^\w\- ]", "", chat.title or chat.persona).strip()[:_NAME] or "chat"
        return {"upload": await uploads.keep(job.account_id, job.user_id, f"{name}.{asked.form}", data)}


class SendChat(Commit):
    """Send the file."""

    name: ClassVar[str] = "send_chat"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping."""
        job = run.job
        if job.account_id is None or job.user_id is None:
            raise LeaseLost("who asked for it is gone")
        upload = run.outputs[WriteChat.name]["upload"]
        await run.reply(ChatWritten(account=job.account_id, user=job.user_id, upload=upload))
        return {}


def chat_lines(said: list[SaidMessage]) -> tuple[ChatLine, ...]:
    """Return messages as lines, the variants of an answer as one."""
    turns: dict[tuple[int, bool], list[SaidMessage]] = {}
    for each in said:
        turns.setdefault((each.turn, each.role == "user"), []).append(each)
    return tuple(_line(user, found) for (_, user), found in turns.items())


def _line(user: bool, found: list[SaidMessage]) -> ChatLine:
    counts = next((at for at, each in enumerate(found) if each.chosen), None)
    hidden = next((at for at, each in enumerate(found) if each.hidden), None) if counts is None else None
    texts = tuple(each.text for each in found)
    at = counts if counts is not None else hidden or 0
    return ChatLine(found[0].name or SOMEBODY, user, found[0].created_at, texts, at, hidden is not None)
