"""Payloads of the archive's documents. ``adults``: what is for adults may be shown there."""

from typing import ClassVar

from db.payloads.base import Payload


class DocumentKept(Payload):
    """A document was read. ``pages`` counts its pages, ``blank`` lists those without text, as ``3, 7-9``."""

    kind: ClassVar[str] = "document_kept"

    account: int
    user: int
    document: int
    pages: int
    blank: str = ""


class DocumentList(Payload):
    """The documents that a person sees."""

    kind: ClassVar[str] = "documents"

    account: int
    user: int
    adults: bool = False


class PassagesFound(Payload):
    """What a search in the documents has found."""

    kind: ClassVar[str] = "passages_found"

    account: int
    user: int
    adults: bool = False
    chunks: list[int]
