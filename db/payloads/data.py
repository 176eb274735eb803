"""Payloads of people's data: its export, its deletion, privacy."""

from typing import ClassVar

from db.payloads.base import Payload


class PrivacyNotice(Payload):
    """What is stored, for how long, who gets it, and what people can do about it."""

    kind: ClassVar[str] = "privacy"

    user: int


class ExportReady(Payload):
    """An export is written; it comes in ``parts`` messages."""

    kind: ClassVar[str] = "export_ready"

    parts: int


class ExportPart(Payload):
    """A part of an export, as a file. ``parts`` are all of them."""

    kind: ClassVar[str] = "export_part"

    part: int
    parts: int


class ErasePersonAsked(Payload):
    """What erasing a person's data deletes and what stays; ``asked`` is when, in seconds of the epoch."""

    kind: ClassVar[str] = "erase_person"

    user: int
    asked: int


class ErasePlaceAsked(Payload):
    """The same for a place's data."""

    kind: ClassVar[str] = "erase_place"

    account: int
    asked: int


class ChoicesShown(Payload):
    """What a person has chosen for their data."""

    kind: ClassVar[str] = "data_choices"

    user: int
