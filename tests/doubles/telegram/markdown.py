"""MarkdownV2 as Telegram reads it: every reserved character is either markup or escaped."""

from __future__ import annotations

import re

from tests.doubles.telegram.entities import Builder, Formatted, parse_error

_RESERVED = "_*[]()~`>#+-=|{}.!"
_KINDS = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler"}


def parse_markdown_v2(source: str) -> Formatted:
    """MarkdownV2 → text with entities; raises ApiError 400 on unescaped reserved characters and open entities."""
    return _Parser(source).parse()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._position = 0
        self._builder = Builder()
        self._open: list[tuple[str, int, int]] = []
        self._quote: int | None = None

    def _at(self, position: int) -> int:
        return len(self._source[:position].encode())

    def parse(self) -> Formatted:
        source = self._source
        while self._position < len(source):
            character = source[self._position]
            if source.startswith(">", self._position) and self._line_start():
                self._quote = self._builder.length if self._quote is None else self._quote
                self._position += 1
            elif character == "\\" and self._position + 1 < len(source) and 0 < ord(source[self._position + 1]) < 127:
                self._builder.write(source[self._position + 1])
                self._position += 2
            elif character == "\n":
                self._newline()
            elif character == "`":
                self._code()
            elif character in _RESERVED:
                self._markup(character)
            else:
                self._builder.write(character)
                self._position += 1
        self._close_quote()
        if self._open:
            marker, _, position = self._open[-1]
            kind = {"[": "TextUrl", "![": "CustomEmoji"}.get(marker, _KINDS.get(marker, "").capitalize())
            raise parse_error(f"Can't find end of {kind} entity at byte offset {self._at(position)}")
        return self._builder.build()

    def _line_start(self) -> bool:
        return self._position == 0 or self._source[self._position - 1] == "\n"

    def _newline(self) -> None:
        if self._quote is not None and not self._source.startswith(">", self._position + 1):
            self._close_quote()
        self._builder.write("\n")
        self._position += 1

    def _close_quote(self) -> None:
        if self._quote is not None:
            self._builder.close("blockquote", self._quote)
            self._quote = None

    def _code(self) -> None:
        source, start = self._source, self._position
        fence = "```" if source.startswith("```", start) else "`"
        self._position += len(fence)
        offset = self._builder.length
        language = None
        if fence == "```":
            header = re.compile(r"([^\s`]+)\n").match(source, self._position)
            if header:
                language = header[1]
                self._position = header.end()
            elif source.startswith("\n", self._position):
                self._position += 1
        while not source.startswith(fence, self._position):
            if self._position >= len(source):
                kind = "Pre" if fence == "```" else "Code"
                raise parse_error(f"Can't find end of {kind} entity at byte offset {self._at(start)}")
            escaped = source[self._position] == "\\" and source[self._position + 1 : self._position + 2] in ("`", "\\")
            self._position += 1 if escaped else 0
            self._builder.write(source[self._position])
            self._position += 1
        self._position += len(fence)
        self._builder.close("code" if fence == "`" else "pre", offset, language=language)

    def _markup(self, character: str) -> None:
        source, start = self._source, self._position
        marker = next((m for m in ("__", "||", "![") if source.startswith(m, start)), character)
        if marker == "__" and self._open and self._open[-1][0] == "_":
            marker = "_"
        if marker == "]":
            self._link()
        elif marker in ("[", "![") or marker in _KINDS:
            self._position += len(marker)
            if self._open and self._open[-1][0] == marker and marker in _KINDS:
                _, offset, _ = self._open.pop()
                self._builder.close(_KINDS[marker], offset)
            else:
                self._open.append((marker, self._builder.length, start))
        else:
            raise parse_error(f"Character '{character}' is reserved and must be escaped with the preceding '\\'")

    def _link(self) -> None:
        if not self._open or self._open[-1][0] not in ("[", "!["):
            raise parse_error("Character ']' is reserved and must be escaped with the preceding '\\'")
        marker, offset, _ = self._open.pop()
        self._position += 1
        match = re.compile(r"\(((?:\\.|[^)\\])*)\)").match(self._source, self._position)
        url = ""
        if match:
            url = re.sub(r"\\(.)", r"\1", match[1])
            self._position = match.end()
        elif self._source.startswith("(", self._position):
            raise parse_error(f"Can't find end of a URL at byte offset {self._at(self._position)}")
        if marker == "![":
            emoji = re.fullmatch(r"tg://emoji\?id=(\d+)", url)
            if emoji is None:
                raise parse_error("Custom emoji URL must have an emoji identifier")
            self._builder.close("custom_emoji", offset, custom_emoji_id=emoji[1])
        elif url:
            self._builder.close("text_link", offset, url=url)
