"""The functions of `db` for pictures: called as ben with the ids of somebody else. See `tests.db.scopes`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from db import chat_moments, galleries, picture_looks, pictures, sent_pictures
from db.galleries import Gallery
from db.picture_looks import PictureLook

PICTURE_CALLS: Final[Mapping[str, Callable[[Any], Awaitable[Any]]]] = {
    "galleries.at": lambda c: galleries.at(
        Gallery("who", c["personas"], c.account, c.user, c.chat, ["sfw", "suggestive", "nsfw"]), 2**40
    ),
    "chat_moments.moment": lambda c: chat_moments.moment(c.account, c["chat_messages"]),
    "picture_looks.of_account": lambda c: picture_looks.of_account(c.account),
    "picture_looks.set_account": lambda c: picture_looks.set_account(c.account, "style", "ink"),
    "picture_looks.of_story": lambda c: picture_looks.of_story(c.account, c["stories"]),
    "picture_looks.set_story": lambda c: picture_looks.set_story(c.account, c["stories"], PictureLook("ink")),
    "sent_pictures.sent": lambda c: sent_pictures.sent(c.account, c.user, c["pictures"]),
    "pictures.attach": lambda c: pictures.attach(c.account, c.user, c.chat, b"x"),
    "pictures.get": lambda c: pictures.get(c.account, c["pictures"]),
    "pictures.find": lambda c: pictures.find(c.account, c["pictures"]),
    "pictures.portrait": lambda c: pictures.portrait(c.account, c["personas"]),
    "pictures.file": lambda c: pictures.file(c.account, c["pictures"], "full"),
    "pictures.delete": lambda c: pictures.delete(c.account, c.user, c["pictures"], moderate=True),
}
