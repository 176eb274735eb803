"""Payloads of the archive's documents. ``adults``: what is for adults may be shown there."""

from typing import ClassVar

from db.payloads.base import Payload
from db.payloads.panels import Panel


class DocumentKept(Payload):
    """A document was read. ``pages`` counts its pages, ``blank`` lists those without text, as ``3, 7-9``."""

    kind: ClassVar[str] = "document_kept"

    account: int
    user: int
    document: int
    pages: int
    blank: str = ""


class DocumentList(Panel):
    """The documents that a person sees, the newest first, from ``start`` on."""

    kind: ClassVar[str] = "documents"

    adults: bool = False
    start: int = 0


class PassagesFound(Payload):
    """What a search in the documents has found."""

    kind: ClassVar[str] = "passages_found"

    account: int
    user: int
    adults: bool = False
    chunks: list[int]
