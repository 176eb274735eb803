"""Steps of lorebooks: read one from a file, have it judged, keep it; and what of the kept ones a prompt is told."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar, Final

from db import lorebooks, uploads
from db.errors import BadInput
from db.lorebooks import ReadLorebook
from db.memory import archive
from db.memory.scopes import ArchiveScope
from db.memory.told import Held
from db.payloads.lore import LorebookKept
from db.uploads import StoredUpload
from prompts.safety.rating import Rating
from workers.context.lore.rules import LoreScene, text_told
from workers.decoding.document_limits import DocumentRefused
from workers.decoding.documents import lorebook_in
from workers.engines.text.limits import ModelLimits
from workers.functions.past import RememberedInputs, ToldLore
from workers.moderation.gate import Gate, Gated
from workers.services import Services
from workers.steps.archive import scope_of, upload_of
from workers.steps.base import Commit, Run, Step

NAME_LENGTH: Final = 100
_OWN: Final = frozenset({"empty", "not_lore", "too_many_entries", "entry_too_long", "too_long"})
"""Reasons with a wording of their own."""


class ReadLoreFile(Step):
    """Read the lorebook in the file, and drop the file."""

    name: ClassVar[str] = "read_lore_file"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many entries there are. Raises `BadInput` for a file that is refused."""
        upload = await upload_of(run, run.parameters(ReadLorebook).upload)
        found = upload.found
        if found is None:
            try:
                found = await lorebook_in(upload.data)
            except DocumentRefused as refusal:
                reason = "not_lore" if refusal.reason == "empty" else refusal.reason
                where = "lore" if refusal.reason in _OWN else "archive"
                raise BadInput(f"{where}.{reason}", **refusal.values) from refusal
            for role in ("chat", "writer"):
                await check_sizes(run.services, role, found["entries"])
            await uploads.put_found(upload.id, found)
        return {"entries": len(found["entries"])}


class JudgeLore(Step):
    """Have a lorebook judged before anything reads it."""

    name: ClassVar[str] = "judge_lore"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what it is rated. Raises `db.moderation.TextRefused`."""
        parameters, services = run.parameters(ReadLorebook), run.services
        upload = await upload_of(run, parameters.upload)
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("lorebook"), parameters.allowance
        )
        found = upload.found or {"book": {}, "entries": []}
        entries = (
            (each["name"], *each["keys"], *each["secondary_keys"], *_as_read(each["content"]))
            for each in found["entries"]
        )
        texts = [
            parameters.title,
            upload.name,
            found["book"].get("name", ""),
            *(text for each in entries for text in each),
        ]
        text = "\n".join(filter(None, texts))
        await gate.admit_text(text)
        return {"rating": await gate.rating_of(text)}


class KeepLore(Commit):
    """Keep the lorebook."""

    name: ClassVar[str] = "keep_lore"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its id. Raises `NotFound` if what it belongs to is gone, `LimitReached` if that has enough books."""
        parameters = run.parameters(ReadLorebook)
        upload = await upload_of(run, parameters.upload)
        found = upload.found or {"book": {}, "entries": [], "problems": []}
        name = parameters.title or found["book"].get("name", "").strip() or PurePosixPath(upload.name).stem
        scope, rating = scope_of(parameters, upload.user_id), run.outputs[JudgeLore.name].get("rating")
        rating = rating or parameters.allowance
        book = await keep_book(upload, scope, name, found, rating)
        await uploads.drop(upload.id)
        await run.reply(LorebookKept(account=upload.account_id, user=upload.user_id, book=book))
        return {"book": book}


async def keep_book(
    upload: StoredUpload, scope: ArchiveScope, name: str, found: Mapping[str, Any], rating: Rating
) -> int:
    """Keep what was read of a lorebook, and judged, with what people find it by; return its id.

    Raises `NotFound` if what it belongs to is gone, `LimitReached` if that has enough books.
    """
    book = await lorebooks.add(
        upload.account_id,
        scope,
        name[:NAME_LENGTH],
        found["book"],
        found["entries"],
        author_id=upload.user_id,
        problems=found["problems"],
        verdict="checked",
        rating=rating,
    )
    await archive.add_document(
        upload.account_id,
        scope,
        name[:NAME_LENGTH],
        ["\n".join(filter(None, (entry["name"], text_told(entry["content"])))) for entry in found["entries"]],
        found_by=[" ".join(entry["keys"]) for entry in found["entries"]],
        user_id=upload.user_id,
        kind=archive.LORE,
        media_type="application/json",
        verdict="checked",
        rating=rating,
        book_id=book,
    )
    return book


def _as_read(content: str) -> tuple[str, ...]:
    """Return an entry's content, and also what is told of it where a comment may have stood within a word."""
    told = text_told(content)
    return (content,) if told in content else (content, told)


async def check_sizes(services: Services, role: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Raise `BadInput` naming an entry that no prompt of the usual model has room for."""
    limits = await services.text.limits(role)
    if limits.engine is None:
        return
    room = room_for_lore(services, limits)
    # A token has a byte at least.
    large = [each for each in entries if len(each["content"].encode()) > room]
    for each, tokens in zip(large, await limits.count([each["content"] for each in large]), strict=True):
        if tokens > room:
            name = each["name"] or ", ".join(each["keys"][:1])
            raise BadInput("lore.entry_never_fits", name=name[:NAME_LENGTH], tokens=tokens, limit=room)


def room_for_lore(services: Services, limits: ModelLimits) -> int:
    """Return how many tokens lorebooks may take of a prompt."""
    return int(services.context.size_of(limits.context) * services.context.settings.lore)


async def lore_told(
    services: Services, held: Held, limits: ModelLimits, messages: Sequence[str], *, count: int, replies: int
) -> dict[str, Any]:
    """Return what lorebooks say of the newest ``messages`` of ``count``, as `RememberedInputs` has it.

    ``replies`` of them are the persona's, or pages. Nothing is read where there is no book, or no model to be told.
    """
    if not held.lore or limits.engine is None:
        return {}
    tokens = room_for_lore(services, limits)
    before = frozenset(map(str, held.lore_before))
    scene = LoreScene(messages, count=count, replies=replies, told_before=before)
    found, called = await services.lore.match(held.lore, scene, limits, tokens)
    told = [
        ToldLore(
            id=each.id,
            text=each.text,
            name=each.label,
            order=each.order,
            priority=each.priority,
            volatile=each.volatile,
            depth=each.depth,
        ).model_dump()
        for each in found.elements
    ]
    return {"lore": told, "lore_varies": True, "lore_called": called}


def called_up(inputs: RememberedInputs) -> dict[str, Any]:
    """Return what a step leaves of the lore that its text was told: the entries of which that is to be recorded."""
    return {"lore_called": inputs.lore_called} if inputs.lore_called else {}


async def note_called(output: Mapping[str, Any], *, page_id: int | None = None, message_id: int | None = None) -> None:
    """Record what `called_up` has left, for a page or a reply; call it in the transaction that publishes it."""
    if called := output.get("lore_called"):
        await lorebooks.note_called(called, page_id=page_id, message_id=message_id)
