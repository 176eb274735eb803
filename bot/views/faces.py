"""How a persona looks beside what it says: looked up when a platform shows it."""

from bot.messages import Face, Portrait
from bot.views.picture import outgoing_picture
from db import pictures, speakers
from db.pictures import StoredPicture
from prompts.safety.rating import exceeds, parse_rating


async def portrait_of(account_id: int, persona_id: int) -> StoredPicture | None:
    """Return the portrait of a persona in an account; None if there is none that everybody may see.

    It stands beside every message, also where a later one would be too much.
    """
    found = await pictures.portrait(account_id, persona_id)
    return None if found is None or found.hidden or exceeds(parse_rating(found.rating), "sfw") else found


def face_of(account_id: int, persona_id: int, message_id: int | None = None) -> Face:
    """Return the face of a persona who talks in an account; ``message_id``: what it says, if that is stored."""

    async def portrait() -> Portrait | None:
        found = await portrait_of(account_id, persona_id)
        if found is None:
            return None
        return Portrait(str(found.id), outgoing_picture(found))

    async def is_new() -> bool:
        return message_id is not None and await speakers.is_new(account_id, message_id)

    return Face(portrait, is_new)
