"""Files that people hand in to be read, kept until their job has read them."""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from db.connection import jsonb, row, rows
from db.records import Json, columns, fetch_one
from db.work import Allowance, JobParameters, Links

UPLOAD_BYTES: Final = 10_000_000
"""Maximum size of a file, in bytes."""
MAX_NAME: Final = 200
"""Characters of a file's name that are kept."""


class ReadDocument(JobParameters):
    """Read the file ``upload`` into the archive: of ``persona``, of ``story``, or of the person or place (``owner``).

    ``title`` is empty for the file's name; ``allowance`` is what may be kept there.
    """

    type: ClassVar[str] = "read_document"
    upload: int
    title: str = ""
    owner: Literal["person", "persona", "story", "place"] = "person"
    persona: int | None = None
    story: int | None = None
    allowance: Allowance = "sfw"

    def links(self) -> Links:
        """Return what it belongs to."""
        return Links(story_id=self.story, persona_id=self.persona)


@dataclass(frozen=True, slots=True)
class StoredUpload:
    """A file as it came; ``found`` is what was read in it, with the texts of its ``pages``, None until then."""

    id: int
    account_id: int
    user_id: int
    name: str
    data: bytes
    found: Json[dict[str, Any] | None]


async def keep(account_id: int, user_id: int, name: str, data: bytes) -> int:
    """Keep a file for the job that reads it and return its id."""
    made = await row(
        "INSERT INTO uploads (account_id, user_id, name, data) VALUES ($1, $2, $3, $4) RETURNING id",
        account_id, user_id, name[:MAX_NAME], data,
    )  # fmt: skip
    assert made is not None
    return made["id"]


async def get(account_id: int, user_id: int, upload_id: int) -> StoredUpload | None:
    """Return a file that a person handed in in an account; None if there is none."""
    return await fetch_one(
        StoredUpload,
        f"SELECT {columns(StoredUpload)} FROM uploads WHERE id = $3 AND account_id = $1 AND user_id = $2",
        account_id, user_id, upload_id,
    )  # fmt: skip


async def name_of(account_id: int, user_id: int, upload_id: int) -> str | None:
    """Return the name of a file that a person handed in in an account; None if there is none."""
    found = await row(
        "SELECT name FROM uploads WHERE id = $3 AND account_id = $1 AND user_id = $2", account_id, user_id, upload_id
    )
    return None if found is None else found["name"]


async def put_found(upload_id: int, found: dict[str, Any]) -> None:
    """Replace a file by what was read in it."""
    await rows("UPDATE uploads SET found = $2::jsonb, data = '' WHERE id = $1", upload_id, jsonb(found))


async def drop(upload_id: int) -> None:
    """Delete a file: it is read, or will not be."""
    await rows("DELETE FROM uploads WHERE id = $1", upload_id)
