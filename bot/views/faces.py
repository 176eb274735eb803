"""How a persona looks beside what it says: looked up when a platform shows it."""

from bot.messages import Face, Portrait
from bot.views.picture import outgoing_picture
from db import pictures, speakers
from prompts.safety.rating import exceeds, parse_rating


def face_of(account_id: int, persona_id: int, message_id: int | None = None) -> Face:
    """Return the face of a persona who talks in an account; ``message_id``: what it says, if that is stored."""

    async def portrait() -> Portrait | None:
        found = await pictures.portrait(account_id, persona_id)
        # It stands beside every message, also where a later one would be too much: only what everybody may see.
        if found is None or found.hidden or exceeds(parse_rating(found.rating), "sfw"):
            return None
        return Portrait(str(found.id), outgoing_picture(found))

    async def is_new() -> bool:
        return message_id is not None and await speakers.is_new(account_id, message_id)

    return Face(portrait, is_new)
