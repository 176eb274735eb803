"""Documents: their text is read page by page, and hostile ones end in a reason."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.errors import Retryable
from prompts import child
from tests.effort import times
from tests.workers.decoding import papers
from workers.decoding import documents
from workers.decoding.document_limits import DocumentLimits, DocumentRefused
from workers.decoding.documents import DocumentText, document_text

LIMITS = DocumentLimits()


async def read(data: bytes, limits: DocumentLimits = LIMITS) -> DocumentText:
    return await document_text(data, limits)


async def reason(data: bytes, limits: DocumentLimits = LIMITS) -> str:
    with pytest.raises(DocumentRefused) as refused:
        await document_text(data, limits)
    assert len(refused.value.detail) < 200
    return refused.value.reason


async def test_a_pdf_is_read_by_pages_and_those_without_text_are_named():
    found = await read(papers.pdf("The gate opens\nat dawn.", "", "Dragons sleep.", "-- .. --"))
    assert found.media_type == "application/pdf"
    assert found.pages == ("The gate opens\nat dawn.", "", "Dragons sleep.", "-- .. --")
    assert found.blank == (2, 4)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"# The gate\r\n\r\n\r\n\r\nIt opens.  \n", "# The gate\n\nIt opens."),
        ("\ufeffDrachen schlafen über Tag.".encode(), "Drachen schlafen über Tag."),
        ("龍は眠る。".encode("utf-16"), "龍は眠る。"),
        (b"one\x07\x1b[0m two\x0cthree", "one[0m two\n\nthree"),
    ],
)
async def test_texts_are_read_as_they_are_but_for_what_no_message_may_carry(data: bytes, text: str):
    found = await read(data)
    assert (found.media_type, found.pages, found.blank) == ("text/plain", (text,), ())


async def test_a_pdf_that_is_only_locked_against_changes_is_read():
    assert (await read(papers.locked("", "Open to all."))).pages == ("Open to all.",)


HOSTILE: list[tuple[str, str, Callable[[], bytes]]] = [
    ("nothing", "empty", lambda: b""),
    ("white space", "empty", lambda: b" \n\t " * 1000),
    ("bytes", "not_text", lambda: random.Random(5).randbytes(3000)),
    ("a NUL", "not_text", lambda: b"text\0text"),
    ("too large a file", "too_long", lambda: b"a" * (LIMITS.bytes + 1)),
    ("too long a text", "too_long", lambda: b"a" * (LIMITS.characters + 1)),
    ("a locked PDF", "encrypted", lambda: papers.locked("swordfish", "Secret.")),
    ("a bomb", "too_costly", lambda: papers.bomb(100)),
    ("pages in a circle", "broken_pdf", papers.endless),
    ("too many pages", "too_many_pages", lambda: papers.crowded(LIMITS.pages + 1)),
    ("pages beyond any measure", "too_costly", lambda: papers.crowded(1_000_000)),
    ("arrays in arrays", "too_costly", lambda: papers.nested(200_000)),
    ("scans", "no_text", lambda: papers.pdf("", "", "")),
    ("a PDF in name only", "broken_pdf", lambda: b"%PDF-1.7\n" + b"x" * 5000),
]


@pytest.mark.parametrize(("expected", "make"), [(r, m) for _, r, m in HOSTILE], ids=[name for name, _, _ in HOSTILE])
async def test_what_cannot_be_read_ends_in_a_reason_and_the_next_one_is_read(expected: str, make: Callable[[], bytes]):
    assert await reason(make()) == expected
    assert (await read(papers.pdf("Still here."))).pages == ("Still here.",)


async def test_a_document_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as hasty:
        hasty.setattr(documents, "DOCUMENT_WALL_S", 3.0)
        assert await reason(papers.laborious(2_000_000)) == "too_costly"
    assert (await read(papers.pdf("Still here."))).pages == ("Still here.",)


async def test_a_machine_that_is_too_busy_to_begin_is_no_fault_of_the_document(monkeypatch: pytest.MonkeyPatch):
    documents._pool().close()
    documents._pool.cache_clear()
    with monkeypatch.context() as hasty:
        hasty.setattr(child, "START_S", 0.0)
        with pytest.raises(Retryable):
            await document_text(b"The gate opens.", LIMITS)
    assert (await read(b"The gate opens.")).pages == ("The gate opens.",)


ORIGINAL = papers.pdf("The gate opens at dawn.", "Dragons sleep.")


@settings(max_examples=times(25, 1500), deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(ORIGINAL) - 1), st.binary(max_size=12)), min_size=1, max_size=20))
async def test_whatever_is_broken_in_a_pdf_it_is_read_or_refused(changes: list[tuple[int, bytes]]):
    data = bytearray(ORIGINAL)
    for at, new in changes:
        data[at : at + len(new)] = new
    try:
        found = await document_text(bytes(data), LIMITS)
    except DocumentRefused:
        return
    assert all(isinstance(page, str) and "\0" not in page for page in found.pages)
