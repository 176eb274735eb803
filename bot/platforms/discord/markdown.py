"""Styled text in Discord's markdown, in which nothing that people or models wrote is markup.

Rules: Discord's help page "Markdown Text 101" and the message formatting section of its API documentation. A backslash
makes any punctuation literal, except inside a URL, where it would become part of the address.
"""

import re
from collections.abc import Sequence
from typing import Final

from bot.text import cleaning
from bot.text.markup import Span

_URL: Final = re.compile(r"https?://[^\s<>\[\]\\*|`\"]+")
_MARKS: Final = re.compile(r"[\\*_~|`\[\]<]|@(?=everyone|here)")
_LINE_MARKS: Final = re.compile(r"^(\s*)(?:(#{1,3}|-#|[+-])(?=\s|$)|(>)|(\d+)\.(?=\s|$))", re.MULTILINE)
_TRAILING: Final = ".,:;!?'"
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Private characters around a moment, in seconds, until it is a timestamp; none of them is left in a person's text."""
_MOMENT: Final = re.compile(f"{_OPEN}([0-9]{{1,12}}){_CLOSE}")
_APART: Final = "\u200b"
"""Zero-width space: keeps marks apart that Discord would otherwise read together."""


def clean(text: str) -> str:
    """Return ``text`` as Discord may show it, markdown not yet escaped."""
    bare = text.replace(_OPEN, "").replace(_CLOSE, "")
    return cleaning.clean(bare, moment=lambda seconds, _words: f"{_OPEN}{seconds}{_CLOSE}", named=True)


def plain(text: str) -> str:
    """Return ``text`` as Discord may show it where it reads no markdown: labels, names, blocks of code."""
    return cleaning.clean(text, named=True)


def escape(text: str) -> str:
    """Return ``text`` as markdown that shows it literally. Web addresses stay links, without previews."""
    return _LINE_MARKS.sub(_line_mark, _inline(text))


def markdown(spans: Sequence[Span]) -> str:
    """Return styled text as markdown."""
    pieces: list[str] = []
    text = ""
    for span in spans:
        if span.code:
            # No run of three backticks may end the block.
            inside = re.sub("`(?=``)", f"`{_APART}", span.text)
            pieces += [_LINE_MARKS.sub(_line_mark, text), f"```\n{inside}\n```"]
            text = ""
        else:
            text += _styled(span, behind=text)
    return "".join([*pieces, _LINE_MARKS.sub(_line_mark, text)])


def _styled(span: Span, behind: str) -> str:
    """Return a span with its marks; ``behind`` is the text that it follows."""
    marks = "***" if span.bold and span.italic else "**" if span.bold else "*" if span.italic else ""
    text = span.text.strip() if marks else span.text
    if not text:
        return span.text
    before, _, after = span.text.partition(text)
    apart = _APART if marks and not before and behind.endswith("*") and not behind.endswith(r"\*") else ""
    return f"{apart}{before}{marks}{_inline(text)}{marks}{after}"


def _inline(text: str) -> str:
    """Return ``text`` with everything escaped that is markup anywhere in a line."""
    pieces: list[str] = []
    at = 0
    for found in _URL.finditer(text):
        end = found.start() + _address(found.group())
        if end > found.start():
            pieces += [_literal(text[at : found.start()]), f"<{text[found.start() : end]}>"]
            at = end
    return "".join([*pieces, _literal(text[at:])])


def _address(url: str) -> int:
    """Return the length of the address without the punctuation of the sentence around it; 0 if nothing is left."""
    end = len(url)
    while end:
        last = url[end - 1]
        unmatched = last == ")" and url.count(")", 0, end) > url.count("(", 0, end)
        if last not in _TRAILING and not unmatched:
            break
        end -= 1
    return end if end > url.index("//") + 2 else 0


def _literal(text: str) -> str:
    return _MOMENT.sub(r"<t:\1:R>", _MARKS.sub(r"\\\g<0>", text))


def _line_mark(found: re.Match[str]) -> str:
    blank, mark, quote, number = found.groups()
    return f"{blank}\\{mark or quote}" if number is None else f"{blank}{number}\\."
