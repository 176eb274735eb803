"""The program that reads documents: a disposable child process (`prompts.child`), run by path."""

import logging
from collections.abc import Mapping
from typing import Any

from prompts.frames import serve_frames
from workers.decoding.document_limits import (
    DOCUMENT_CPU_S,
    DOCUMENT_MEMORY_BYTES,
    DocumentLimits,
    DocumentRefused,
)
from workers.decoding.reading import has_words, read_document


def answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the texts of a document's pages and which have none (from 1), or why it is refused."""
    try:
        media_type, pages = read_document(data, DocumentLimits(**request["limits"]))
    except DocumentRefused as refusal:
        return {"reason": refusal.reason, "detail": refusal.detail, "values": refusal.values}, b""
    blank = [number for number, text in enumerate(pages, start=1) if not has_words(text)]
    return {"media_type": media_type, "pages": pages, "blank": blank}, b""


if __name__ == "__main__":
    logging.disable()  # what the library warns of may quote the document
    serve_frames(answer, cpu_s=DOCUMENT_CPU_S, memory_bytes=DOCUMENT_MEMORY_BYTES)
