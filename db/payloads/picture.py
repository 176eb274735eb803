"""Payloads of pictures."""

from typing import ClassVar, Literal

from db.payloads.base import Payload
from db.payloads.panels import Panel


class PictureReady(Payload):
    """A picture with its buttons."""

    kind: ClassVar[str] = "picture"

    picture: int


class PictureDetails(Payload):
    """What a picture was drawn from."""

    kind: ClassVar[str] = "picture_prompt"

    picture: int


class PictureOriginal(Payload):
    """A picture's best file."""

    kind: ClassVar[str] = "picture_file"

    picture: int


class GalleryPanel(Panel):
    """A picture of a gallery (`db.galleries`), leafed through; ``picture`` 0: none is left.

    ``here`` is the conversation that the person looks from, ``rating`` what may be shown there. ``story`` and
    ``persona`` are those of that conversation, 0 if there is none. ``asks``: whether to delete the picture is asked.
    ``moderates``: this person may delete what others had drawn.
    """

    kind: ClassVar[str] = "gallery"

    shelf: Literal["mine", "story", "who"]
    of: int = 0
    picture: int = 0
    here: int
    rating: str = "sfw"
    story: int = 0
    persona: int = 0
    asks: bool = False
    moderates: bool = False
    done: str = ""
