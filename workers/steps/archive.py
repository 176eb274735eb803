"""Steps of the archive: read the text of a file that was handed in, have it judged, keep it as a document."""

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar, Final

from db import uploads
from db.errors import BadInput, LeaseLost
from db.lorebooks import ReadLorebook
from db.memory import archive, scopes
from db.memory.scopes import ArchiveScope
from db.payloads.archive import DocumentKept
from db.uploads import ReadDocument, StoredUpload
from workers.decoding.document_limits import DocumentLimits, DocumentRefused
from workers.decoding.documents import document_text
from workers.moderation.gate import Gate, Gated
from workers.steps.base import Commit, Run, Step
from workers.steps.memory.index import embed

DOCUMENT_LIMITS: Final = DocumentLimits(bytes=uploads.UPLOAD_BYTES, characters=archive.MAX_CHARACTERS)
_RANGES: Final = 12
"""Ranges of pages without text that are named."""


class ReadUpload(Step):
    """Read the text of the file, and drop the file."""

    name: ClassVar[str] = "read_upload"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what it is, without its text. Raises `BadInput` for a file that is refused."""
        upload = await upload_of(run, run.parameters(ReadDocument).upload)
        found = upload.found
        if found is None:
            try:
                text = await document_text(upload.data, DOCUMENT_LIMITS)
            except DocumentRefused as refusal:
                raise BadInput(f"archive.{refusal.reason}", **refusal.values) from refusal
            found = {
                "media_type": text.media_type,
                "size": len(upload.data),
                "digest": hashlib.sha256(upload.data).hexdigest(),
                "blank": page_ranges(text.blank),
                "pages": text.pages,
            }
            await uploads.put_found(upload.id, found)
        # The text is in the record; an artifact would be another copy of it.
        return {name: value for name, value in found.items() if name != "pages"}


class JudgeUpload(Step):
    """Have title and text judged before anything reads them."""

    name: ClassVar[str] = "judge_upload"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return what it is rated. Raises `db.moderation.TextRefused`."""
        parameters, services = run.parameters(ReadDocument), run.services
        upload = await upload_of(run, parameters.upload)
        gate = Gate(
            services.moderator, services.policy, services.queue, run.tracker, Gated("upload"), parameters.allowance
        )
        text = "\n".join([parameters.title or upload.name, *_pages(upload)])
        await gate.admit_text(text)
        return {"rating": await gate.rating_of(text)}


class KeepDocument(Commit):
    """Keep the text as a document of the archive."""

    name: ClassVar[str] = "keep_document"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return its id. Raises `NotFound` if what it belongs to is gone, `LimitReached` if the archive is full."""
        parameters = run.parameters(ReadDocument)
        upload = await upload_of(run, parameters.upload)
        about: dict[str, Any] = run.outputs[ReadUpload.name]
        pages = _pages(upload)
        document = await archive.add_document(
            upload.account_id,
            scope_of(parameters, upload.user_id),
            parameters.title or upload.name,
            pages,
            user_id=upload.user_id,
            media_type=about["media_type"],
            size=about["size"],
            digest=about["digest"],
            verdict="checked",
            rating=run.outputs[JudgeUpload.name].get("rating", parameters.allowance),
        )
        await uploads.drop(upload.id)
        await run.reply(
            DocumentKept(
                account=upload.account_id,
                user=upload.user_id,
                document=document,
                pages=len(pages),
                blank=about["blank"],
            )
        )
        return {"document": document}


class EmbedDocument(Step):
    """Give the document's passages their vectors; the person was told before."""

    name: ClassVar[str] = "embed_document"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return how many there are now. What people's waiting leaves undone, the next `remember` does."""
        parameters, job = run.parameters(ReadDocument), run.job
        if job.account_id is None or job.user_id is None:
            return {}
        done = await embed(run, await scopes.find(job.account_id, [scope_of(parameters, job.user_id)]))
        return {"vectors": done.vectors}


def page_ranges(numbers: Sequence[int]) -> str:
    """Return numbers of pages, in order, as people write them: ``3, 7-9``; of many only the first are named."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    named = [str(first) if first == last else f"{first}-{last}" for first, last in found[:_RANGES]]
    return ", ".join([*named, "…"] if len(found) > _RANGES else named)


def _pages(upload: StoredUpload) -> list[str]:
    return list(upload.found["pages"]) if upload.found is not None else []


async def upload_of(run: Run, upload_id: int) -> StoredUpload:
    """Return the file that a job reads. Raises `LeaseLost` if it is gone, or was never the person's."""
    job = run.job
    if job.account_id is None or job.user_id is None:
        raise LeaseLost("whose file it was is gone")
    found = await uploads.get(job.account_id, job.user_id, upload_id)
    if found is None:
        raise LeaseLost(f"upload {upload_id} was deleted")
    return found


def scope_of(parameters: ReadDocument | ReadLorebook, user_id: int) -> ArchiveScope:
    """Return to what something shall belong."""
    match parameters.owner:
        case "persona":
            return ArchiveScope.persona(parameters.persona or 0)
        case "story":
            return ArchiveScope.story(parameters.story or 0)
        case "place":
            return ArchiveScope.place()
        case "person":
            return ArchiveScope.person(user_id)
