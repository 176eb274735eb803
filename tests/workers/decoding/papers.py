"""Documents, ordinary and hostile ones, built byte by byte."""

import io
import zlib
from collections.abc import Mapping, Sequence

from pypdf import PdfReader, PdfWriter

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def body(objects: Mapping[int, bytes]) -> bytes:
    """A PDF of numbered objects, of which the first is the catalogue."""
    out, places = io.BytesIO(), dict[int, int]()
    out.write(b"%PDF-1.4\n")
    for number, content in objects.items():
        places[number] = out.tell()
        out.write(b"%d 0 obj\n%s\nendobj\n" % (number, content))
    start = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    for number in objects:
        out.write(b"%010d 00000 n \n" % places[number])
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, start))
    return out.getvalue()


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(content), more, content)


def told(text: str) -> bytes:
    """What a page draws: one text, line by line."""
    lines = b" ".join(b"(%s) Tj T*" % line.encode("latin-1") for line in text.split("\n"))
    return b"BT /F1 12 Tf 14 TL 72 720 Td %s ET" % lines


def pages(contents: Sequence[bytes]) -> bytes:
    """A PDF whose pages are these objects: streams of what they draw."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * n) for n in range(len(contents)))
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(contents)),
        3: FONT,
    }
    for n, content in enumerate(contents):
        objects[4 + 2 * n] = (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (5 + 2 * n)
        )
        objects[5 + 2 * n] = content
    return body(objects)


def pdf(*texts: str) -> bytes:
    """A PDF with a page of each text."""
    return pages([stream(told(text) if text else b"") for text in texts])


def locked(password: str, *texts: str) -> bytes:
    """A PDF that nobody opens without the password; with an empty one anybody does."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(*texts))))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def bomb(megabytes: int) -> bytes:
    """A PDF of some kilobytes whose page is that large when it is unpacked."""
    packed = zlib.compress(b" " * megabytes * 1_000_000, 9)
    return pages([stream(packed, b"/Filter /FlateDecode")])


def endless() -> bytes:
    """A PDF whose tree of pages contains itself."""
    return body({
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        3: b"<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
    })  # fmt: skip


def crowded(count: int) -> bytes:
    """A PDF that has the same page so many times."""
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Resources << >> >>"
    return body({
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * count, count),
        3: page,
    })  # fmt: skip


def nested(depth: int) -> bytes:
    """A PDF with arrays in arrays."""
    return body({1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"[" * depth + b"]" * depth})


def laborious(operators: int) -> bytes:
    """A PDF whose page draws a letter so many times."""
    drawn = b"BT /F1 12 Tf 72 720 Td " + b"1 0 0 1 0 0 cm (a) Tj 0 -1 Td " * operators + b"ET"
    return pages([stream(zlib.compress(drawn, 9), b"/Filter /FlateDecode")])
