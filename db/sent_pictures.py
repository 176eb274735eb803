"""Pictures that people send to a persona: in what they have said stands that they did, later what is on them.

The file is an attached picture (`db.pictures.attach`) until somebody has looked at it, for a day at most.
"""

from typing import Final

from db.connection import row, rows
from db.pictures import StoredFile
from db.pictures import file as file_of

SENT: Final = "[Sends a picture.]"
SEEN: Final = "[Sends a picture: "
"""What begins a description."""
UNSEEN: Final = "[Sends a picture that cannot be seen here.]"


def with_picture(text: str, mark: str = SENT) -> str:
    """Return what a person says with a picture, as it is stored."""
    return f"{text}\n{mark}" if text else mark


def without_picture(text: str) -> str:
    """Return what a person has said with a picture that nobody has looked at yet."""
    return text.removesuffix(SENT).rstrip("\n")


async def sent(account_id: int, user_id: int, picture_id: int) -> StoredFile | None:
    """Return the file of a picture that a person has sent in an account; None if it is gone."""
    found = await row(
        "SELECT id FROM pictures WHERE id = $3 AND account_id = $1 AND user_id = $2 AND kind = 'attached'",
        account_id, user_id, picture_id,
    )  # fmt: skip
    return None if found is None else await file_of(account_id, picture_id, "full")


async def note(said_id: int, picture_id: int, description: str) -> None:
    """Write what is on a picture where it was sent, and delete it. "" if nobody could look."""
    mark = f"{SEEN}{description}]" if description else UNSEEN
    await rows(
        "UPDATE chat_messages SET text = left(text, -length($2::text)) || $3 "
        "WHERE id = $1 AND right(text, length($2::text)) = $2",
        said_id, SENT, mark,
    )  # fmt: skip
    await rows("DELETE FROM pictures WHERE id = $1 AND kind = 'attached'", picture_id)
