"""Payloads of pictures."""

from typing import ClassVar

from db.payloads.base import Payload


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
