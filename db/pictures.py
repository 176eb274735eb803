"""Pictures: stored in the database, so that workers and bots on any machine have them, and deleted with their owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from db import jobs
from db.connection import row, rows, transaction
from db.errors import LeaseLost, NotAllowed, NotFound
from db.jobs import Abandoned
from db.records import columns, fetch_one
from db.work import Failure

Form = Literal["full", "photo"]
ATTACHED_BYTES: Final = 10_000_000
"""Maximum size of a file accepted from a person, in bytes."""


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """A picture: its owner, subject and parameters. ``kind`` ``attached``: uploaded by a person to be redrawn.

    ``prompt_source`` is who wrote the prompt: a person (``own``), a model (``ai``) or the ``template``; "" if unknown.
    ``typed`` are the person's own words if the prompt says more, ``tokens`` is its length as the engine counted it.
    """

    id: int
    account_id: int
    user_id: int | None
    conversation_id: int | None
    job_id: int | None
    page_id: int | None
    persona_id: int | None
    source_id: int | None
    kind: str
    prompt: str
    negative: str
    alt: str
    style: str
    size: str
    quality: str
    lora: str
    strength: float
    seed: int
    rating: str
    hidden: bool
    width: int
    height: int
    engine: str
    model: str
    typed: str
    prompt_source: str
    tokens: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file: its bytes and type. ``form`` ``full`` is the best quality, ``photo`` a JPEG preview."""

    form: Form
    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class NewPicture:
    """The data to store for a drawn picture; see `StoredPicture`."""

    kind: str
    prompt: str
    negative: str
    alt: str
    style: str
    size: str
    quality: str
    strength: float
    seed: int
    rating: str
    hidden: bool
    width: int
    height: int
    engine: str
    model: str
    page_id: int | None = None
    persona_id: int | None = None
    source_id: int | None = None
    lora: str = ""
    typed: str = ""
    prompt_source: str = ""
    tokens: int = 0


async def save(job_id: int, token: UUID, drawn: NewPicture, files: Sequence[StoredFile]) -> int:
    """Store a job's picture and return its id; a rerun replaces the first one.

    Raises `LeaseLost`, and `NotFound` if the page or persona that it shows was deleted.
    """
    async with transaction():
        if drawn.persona_id is not None:
            persona = await row("SELECT id FROM personas WHERE id = $1 FOR KEY SHARE", drawn.persona_id)
            if persona is None:
                raise NotFound("persona.unknown")
        if drawn.page_id is not None:
            page = await row("SELECT id FROM pages WHERE id = $1 FOR KEY SHARE", drawn.page_id)
            if page is None:
                raise NotFound("story.unknown")
        found = await row(
            "INSERT INTO pictures (account_id, user_id, conversation_id, job_id, page_id, persona_id, source_id, kind, "
            "prompt, negative, alt, style, size, quality, strength, seed, rating, hidden, width, height, engine, "
            "model, lora, typed, prompt_source, tokens) SELECT j.account_id, j.user_id, j.conversation_id, j.id, "
            "$3, $4, $5, $6, $7, $8, $9, $10, "
            "$11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24 "
            "FROM jobs j WHERE j.id = $1 AND j.lease_token = $2 FOR SHARE "
            "ON CONFLICT (job_id) DO UPDATE SET seed = excluded.seed, rating = excluded.rating, "
            "hidden = excluded.hidden, width = excluded.width, height = excluded.height, engine = excluded.engine, "
            "model = excluded.model, tokens = excluded.tokens RETURNING id",
            job_id, token, drawn.page_id, drawn.persona_id, drawn.source_id, drawn.kind, drawn.prompt, drawn.negative,
            drawn.alt, drawn.style, drawn.size, drawn.quality, drawn.strength, drawn.seed, drawn.rating, drawn.hidden,
            drawn.width, drawn.height, drawn.engine, drawn.model, drawn.lora,
            drawn.typed, drawn.prompt_source, drawn.tokens,
        )  # fmt: skip
        if found is None:
            raise LeaseLost(f"job {job_id}")
        for file in files:
            await put_file(found["id"], file)
    return found["id"]


async def attach(account_id: int, user_id: int, conversation_id: int, data: bytes) -> int:
    """Store a file that a person attached, unchecked: the job that redraws it checks and cleans it first."""
    found = await row(
        "INSERT INTO pictures (account_id, user_id, conversation_id, kind) VALUES ($1, $2, $3, 'attached') "
        "RETURNING id",
        account_id, user_id, conversation_id,
    )  # fmt: skip
    assert found is not None
    await put_file(found["id"], StoredFile("full", "application/octet-stream", data))
    return found["id"]


async def put_file(picture_id: int, file: StoredFile) -> None:
    """Store a file of a picture, replacing the previous one."""
    await rows(
        "INSERT INTO picture_files (picture_id, form, mime, data) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (picture_id, form) DO UPDATE SET mime = excluded.mime, data = excluded.data RETURNING id",
        picture_id, file.form, file.mime, file.data,
    )  # fmt: skip


async def put_clean(picture_id: int, data: bytes, width: int, height: int) -> None:
    """Replace an attached file by its sanitised version (PNG)."""
    async with transaction():
        await put_file(picture_id, StoredFile("full", "image/png", data))
        await rows("UPDATE pictures SET width = $2, height = $3 WHERE id = $1", picture_id, width, height)


async def get(account_id: int, picture_id: int) -> StoredPicture:
    """Return a picture of an account. Raises `NotFound`."""
    found = await find(account_id, picture_id)
    if found is None:
        raise NotFound("picture.unknown")
    return found


async def find(account_id: int, picture_id: int) -> StoredPicture | None:
    """Return a picture of an account; None if there is none."""
    return await fetch_one(
        StoredPicture,
        f"SELECT {columns(StoredPicture)} FROM pictures WHERE id = $1 AND account_id = $2",
        picture_id,
        account_id,
    )


async def portrait(account_id: int, persona_id: int) -> StoredPicture | None:
    """Return an account's latest portrait of a persona; None if there is none."""
    return await fetch_one(
        StoredPicture,
        f"SELECT {columns(StoredPicture)} FROM pictures WHERE persona_id = $1 AND account_id = $2 "
        "AND kind = 'portrait' ORDER BY id DESC LIMIT 1",
        persona_id,
        account_id,
    )


async def file(account_id: int, picture_id: int, form: Form) -> StoredFile | None:
    """Return a file of an account's picture, the full one if there is none of that form; None if it has no file."""
    found = await row(
        "SELECT f.form, f.mime, f.data FROM picture_files f JOIN pictures p ON p.id = f.picture_id "
        "WHERE f.picture_id = $1 AND p.account_id = $3 ORDER BY f.form <> $2 LIMIT 1",
        picture_id, form, account_id,
    )  # fmt: skip
    return None if found is None else StoredFile(found["form"], found["mime"], bytes(found["data"]))


async def delete(account_id: int, user_id: int, picture_id: int, *, moderate: bool = False) -> list[Abandoned]:
    """Delete a picture with its files and the jobs that redraw it: its owner may, and who may ``moderate``.

    Returns the jobs that were still open: their events must still be answered. Call it in a transaction.
    Raises `NotFound`, `NotAllowed`.
    """
    picture = await get(account_id, picture_id)
    if picture.user_id != user_id and not moderate:
        raise NotAllowed("picture.not_yours")
    failure = Failure("picture.unknown")
    # Jobs before the picture, as when saving one; then those added before the picture was locked.
    abandoned = await jobs.abandon_about("picture_id", picture_id, failure)
    await rows("SELECT id FROM pictures WHERE id = $1 FOR UPDATE", picture_id)
    abandoned += await jobs.abandon_about("picture_id", picture_id, failure)
    await rows("DELETE FROM pictures WHERE id = $1", picture_id)
    # The parameters and step results of the job that drew it describe this picture.
    await rows("DELETE FROM jobs WHERE id = $1 AND state IN ('done', 'dead', 'cancelled')", picture.job_id)
    return abandoned
