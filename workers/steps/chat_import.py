"""Steps that make a chat of a file: read it, have it judged, keep it."""

from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from db import audit, chat_imports, chats, uploads
from db.chat_imports import ChatNote, ImportChat
from db.errors import BadInput, LeaseLost
from db.payloads.chats import ChatOpened
from workers.decoding.documents import chat_in
from workers.imports.chats import TITLE_CHARS, ChatRefused
from workers.moderation.gate import Gate, Gated
from workers.steps.archive import upload_of
from workers.steps.base import Commit, Run, Step

_JUDGED_CHARS: Final = 200_000
"""Characters of a chat that are judged at a time."""


class ReadChatFile(Step):
    """Read the chat in the file, and drop the file."""

    name: ClassVar[str] = "read_chat_file"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many messages there are. Raises `BadInput` for a file that is refused."""
        upload = await upload_of(run, run.parameters(ImportChat).upload)
        found = upload.found
        if found is None:
            try:
                found = await chat_in(upload.data)
            except ChatRefused as refusal:
                raise BadInput(f"chat_import.{refusal.reason}", line=refusal.line, **refusal.values) from refusal
            await uploads.put_found(upload.id, found)
        return {"messages": len(found["lines"]), "left_out": found["left_out"]}


class JudgeChat(Step):
    """Have everything that is said in a chat judged before anything reads it."""

    name: ClassVar[str] = "judge_chat"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return an empty mapping. Raises `db.moderation.TextRefused`."""
        parameters, services = run.parameters(ImportChat), run.services
        upload = await upload_of(run, parameters.upload)
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("chat"), parameters.allowance
        )
        found = upload.found or {"lines": []}
        texts = [each for line in found["lines"] for each in line["variants"]]
        waiting = "\n".join((upload.name, found.get("title", ""), found.get("note", "")))
        for text in texts:
            if len(waiting) > _JUDGED_CHARS:
                await gate.admit_text(waiting)
                waiting = ""
            waiting = f"{waiting}\n{text}"
        await gate.admit_text(waiting)
        return {}


class KeepChat(Commit):
    """Begin another chat with what was said."""

    name: ClassVar[str] = "keep_chat"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its id. Raises `LimitReached` if there are enough chats, `NotFound` while somebody is answered."""
        parameters, job = run.parameters(ImportChat), run.job
        upload = await upload_of(run, parameters.upload)
        found = upload.found
        if found is None or job.conversation_id is None:
            raise LeaseLost(f"upload {upload.id} was not read, or its place is gone")
        name = found["title"] or " ".join(PurePosixPath(upload.name).stem.split())[:TITLE_CHARS]
        made = await chat_imports.add(
            upload.account_id,
            upload.user_id,
            job.conversation_id,
            parameters.persona,
            name,
            ChatNote(found["note"], found["note_depth"]),
            found["lines"],
        )
        await uploads.drop(upload.id)
        await audit.note(
            "chat_begin", account_id=upload.account_id, user_id=upload.user_id, subject=str(made.id)
        )  # fmt: skip
        last = await chats.last_reply(job.conversation_id, parameters.persona, made.epoch)
        told = ChatOpened(
            account=upload.account_id,
            user=upload.user_id,
            chat=made.id,
            message=last,
            imported=len(found["lines"]),
            left_out=found["left_out"],
        )
        await run.reply(told)
        return {"chat": made.id}
