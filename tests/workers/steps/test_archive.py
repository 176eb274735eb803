"""A file becomes a document of the archive: read, judged, kept, told; or refused with a reason, and gone."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from db import jobs, personas, uploads
from db.connection import row, rows
from db.memory import archive, documents
from db.memory.scopes import ArchiveScope
from db.models import JobRow, OutboxRow
from db.people import Who
from db.uploads import ReadDocument
from tests.db.world import somebody
from tests.workers.decoding import papers
from tests.workers.making import run_by
from tests.workers.steps.test_archived import Pointing
from tests.workers.steps.test_chat import Strict
from workers.embedding import ArchiveEmbedder
from workers.engines.errors import EngineUnavailable
from workers.moderation.moderator import Moderator
from workers.runner import Runner
from workers.services import Services
from workers.steps.archive import page_ranges


class Failing(Pointing):
    """An embedding engine that is away."""

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[list[float]]:
        raise EngineUnavailable("away")


async def handed_in(who: Who, data: bytes, name: str = "guide.pdf", **parameters: object) -> int:
    """A job to read a file; returns its id."""
    upload = await uploads.keep(who.account.id, who.user.id, name, data)
    return await jobs.add(
        ReadDocument.model_validate({"upload": upload, **parameters}),
        account_id=who.account.id,
        user_id=who.user.id,
        conversation_id=who.conversation.id,
        event_key=f"console:{upload}",
        destination={"chat_id": "c"},
    )


async def answer() -> OutboxRow:
    found = await OutboxRow.all().order_by("-id").first()
    assert found is not None
    return found


async def test_a_pdf_becomes_a_document_and_pages_without_text_are_named(services: Services):
    who = await somebody()
    job_id = await handed_in(who, papers.pdf("The gate opens at dawn.", "", "", "Dragons sleep in the cellar.", ""))
    await run_by(Runner(services, 4), job_id)
    assert (await JobRow.get(id=job_id)).state == "done"
    told = await answer()
    assert (told.kind, told.payload["pages"], told.payload["blank"]) == ("document_kept", 5, "2-3, 5")
    [kept] = await archive.documents(who.account.id, [ArchiveScope.person(who.user.id)])
    assert (kept.title, kept.media_type, kept.verdict, len(kept.digest)) == (
        "guide.pdf", "application/pdf", "checked", 64,
    )  # fmt: skip
    found = await rows("SELECT text, metadata ->> 'page' AS page FROM archive_chunks ORDER BY part")
    assert [(f["text"], f["page"]) for f in found] == [
        ("The gate opens at dawn.", "1"), ("Dragons sleep in the cellar.", "4"),
    ]  # fmt: skip
    assert await row("SELECT FROM uploads") is None
    assert "gate" not in str(await rows("SELECT content FROM artifacts")), "the text is in the record once"


@pytest.mark.parametrize(
    ("data", "key"),
    [
        (papers.locked("swordfish", "Secret."), "archive.encrypted"),
        (papers.pdf("", ""), "archive.no_text"),
        (papers.endless(), "archive.broken_pdf"),
        (b"\x00\x01\x02", "archive.not_text"),
    ],
)
async def test_what_cannot_be_read_is_told_and_dropped(services: Services, data: bytes, key: str):
    who = await somebody()
    job_id = await handed_in(who, data)
    await run_by(Runner(services, 4), job_id)
    assert (await answer()).payload["key"] == key
    assert await row("SELECT FROM uploads") is None
    assert await archive.documents(who.account.id, [ArchiveScope.person(who.user.id)]) == []


async def test_a_text_that_may_not_be_here_is_not_kept(services: Services):
    who = await somebody()
    job_id = await handed_in(who, b"They had sex on the beach, naked and moaning.\n\nThe end.", "beach.txt")
    await run_by(Runner(services, 4), job_id)
    assert (await answer()).payload["key"] == "moderation.refused_rating"
    assert await row("SELECT FROM archive_documents") is None
    assert await row("SELECT FROM uploads") is None


async def test_a_rerun_goes_on_with_the_text_that_was_read(services: Services):
    who = await somebody()
    job_id = await handed_in(who, b"The gate opens.", "gate.md")
    read = {"media_type": "text/plain", "size": 15, "digest": "d", "blank": "", "pages": ["The gate opens."]}
    upload = await row("SELECT id FROM uploads")
    assert upload is not None
    await uploads.put_found(upload["id"], read)
    await run_by(Runner(services, 4), job_id)
    assert (await answer()).kind == "document_kept"


async def test_another_persons_file_is_not_read(services: Services):
    ann, ben = await somebody(), await somebody("ben")
    theirs = await uploads.keep(ann.account.id, ann.user.id, "canary.txt", b"canary")
    job_id = await jobs.add(
        ReadDocument(upload=theirs), account_id=ben.account.id, user_id=ben.user.id,
        conversation_id=ben.conversation.id,
    )  # fmt: skip
    await run_by(Runner(services, 4), job_id)
    assert await row("SELECT FROM archive_documents") is None
    assert await row("SELECT FROM uploads WHERE data <> ''") is not None


async def test_a_document_of_a_persona_of_another_account_is_refused(services: Services):
    ann, ben = await somebody(), await somebody("ben")
    await rows("INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'mira', 'Mira', '{}')", ann.account.id)
    mira = await personas.named(ann.account.id, "Mira")
    job_id = await handed_in(ben, b"canary", owner="persona", persona=mira.id)
    await run_by(Runner(services, 4), job_id)
    assert (await answer()).payload["key"] == "archive.unknown"
    assert await row("SELECT FROM archive_documents") is None


async def test_who_sees_and_removes_a_document(database: str):
    ann, ben = await somebody("ann", chat="club", kind="group"), await somebody("ben", chat="club", kind="group")
    account = ann.account.id
    assert account == ben.account.id
    mine = await archive.add_document(
        account, ArchiveScope.person(ann.user.id), "Diary", ["I hid it."], user_id=ann.user.id
    )
    ours = await archive.add_document(account, ArchiveScope.place(), "Rules", ["No fire."], user_id=ann.user.id)
    assert [d.title for d in await documents.listed(account, ann.user.id)] == ["Rules", "Diary"]
    assert [d.title for d in await documents.listed(account, ben.user.id)] == ["Rules"]
    assert [s.kind for s in await documents.readable(account, ben.user.id)] == ["place"]
    chunks = [c["id"] for c in await rows("SELECT id FROM archive_chunks ORDER BY id DESC")]
    assert [p.text for p in await documents.passages(account, ann.user.id, chunks)] == ["No fire.", "I hid it."]
    assert [p.text for p in await documents.passages(account, ben.user.id, chunks)] == ["No fire."]
    with pytest.raises(documents.NotFound):
        await documents.remove(account, ben.user.id, mine, moderate=True)
    with pytest.raises(documents.NotAllowed):
        await documents.remove(account, ben.user.id, ours, moderate=False)
    assert (await documents.remove(account, ben.user.id, ours, moderate=True)).title == "Rules"
    await rows("UPDATE archive_documents SET created_at = now() - interval '40 days'")
    await documents.expire(ann.user.id, 41)
    assert await documents.listed(account, ann.user.id) != []
    await documents.expire(ann.user.id, 39)
    assert await documents.listed(account, ann.user.id) == []


async def test_a_document_has_vectors_as_soon_as_it_is_kept(services: Services):
    ann = await somebody()
    services = replace(services, embedder=ArchiveEmbedder(Pointing("pointing")))
    await run_by(Runner(services, 4), await handed_in(ann, b"The gate opens at dawn."))
    assert (await answer()).kind == "document_kept"
    assert [each["model"] for each in await rows("SELECT model FROM archive_vectors")] == ["pointing"]
    # A model that cannot serve now refuses no document.
    services = replace(services, embedder=ArchiveEmbedder(Failing()))
    job_id = await handed_in(ann, b"The gate closes at dusk.")
    await run_by(Runner(services, 4), job_id)
    assert (await JobRow.get(id=job_id)).state == "done"
    assert len(await archive.documents(ann.account.id, [ArchiveScope.person(ann.user.id)])) == 2


def test_pages_are_named_by_ranges():
    assert page_ranges([]) == ""
    assert page_ranges([1, 2, 3, 5, 8, 9]) == "1-3, 5, 8-9"
    assert page_ranges(range(1, 60, 2)).endswith("23, …")


async def test_a_document_is_rated_by_what_it_says_not_by_where_it_is_added(services: Services):
    who = await somebody()
    strict = replace(services, moderator=Moderator((Strict("Zephyr"),)))
    for text in (b"An adult woman meets Zephyr.", b"An adult woman meets a fox."):
        await run_by(Runner(strict, 4), await handed_in(who, text, allowance="nsfw"))
    assert [each["rating"] for each in await rows("SELECT rating FROM archive_documents ORDER BY id")] == [
        "nsfw",
        "sfw",
    ]
    mine = (who.account.id, who.user.id)
    assert [d.id for d in await documents.listed(*mine)] == [2]
    assert [d.id for d in await documents.listed(*mine, adults=True)] == [2, 1]
    assert (await documents.remove(*mine, 1, moderate=False)).id == 1, "who added it removes it anywhere"
