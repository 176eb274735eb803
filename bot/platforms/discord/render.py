"""Rendering of the neutral message as Discord's JSON: markdown, parts of at most 2,000 characters, files."""

import re
from dataclasses import dataclass
from typing import Final

import discord

from bot.messages import FileContent, Message, Progress
from bot.platforms.discord.api import FILES, NO_PINGS, Body
from bot.platforms.discord.controls import components
from bot.text import markup
from bot.text.markup import Span
from bot.text.splitting import slices
from bot.text.tables import PHONE_COLUMNS, table_spans

CONTENT: Final = 2000
ROOM: Final = 1750
"""Maximum characters of heading, text and choices per part, with escapes; the rest is for emphasis and footer."""
FOOTER: Final = 100
ALT: Final = 1024
ATTACHMENTS: Final = 10
REQUEST: Final = 24 * 1024 * 1024
"""Maximum bytes of files in one request; Discord accepts 25 MiB in total."""
_NOTHING: Final = "…"
_FENCE_INSIDE: Final = "`\u200b``"
_LINE_MARKS: Final = re.compile(r"^(\s*)(#{1,3}\s|-#\s|\d+\.\s|[+-]\s|>)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DiscordFile:
    """A file to be sent. Discord covers files whose name starts with ``SPOILER_``."""

    content: FileContent
    alt: str = ""
    hidden: bool = False

    @property
    def name(self) -> str:
        """Its name on Discord."""
        return f"SPOILER_{self.content.name}" if self.hidden else self.content.name

    @property
    def description(self) -> str | None:
        """Its description, for people who cannot see it."""
        return " ".join(self.alt.split())[:ALT] or None


def bodies(message: Message) -> list[Body]:
    """Return the message as one or more bodies; the last has the buttons.

    The split depends on heading, text and choices only, so that a later edit that shows the taken choice has the
    same parts.
    """
    spans = _spans(message, taken=None)
    shown = markup.plain(spans)
    parts = slices(shown, ROOM, length=lambda text: len(_escape(text)))
    texts = [_render(markup.pick(spans, start, end)) for start, end in parts] or [_NOTHING]
    if message.taken is not None:
        untaken, taken = (_render(_choice(message, message.taken, t)) for t in (None, message.taken))
        texts[-1] = texts[-1].replace(untaken, taken, 1)
    if message.footer:
        footer = " ".join(message.footer.split())
        short = footer if len(footer) <= FOOTER else footer[: FOOTER - 1] + "…"
        above = "" if texts[-1] == _NOTHING and (message.pictures or message.attachments) else f"{texts[-1]}\n\n"
        texts[-1] = f"{above}-# {_escape(short)}"
    found: list[Body] = [{"content": text, "allowed_mentions": NO_PINGS, "components": list[Body]()} for text in texts]
    found[-1]["components"] = components(message.buttons, message.selects)
    return found


def with_files(found: list[Body], files: list[DiscordFile]) -> list[Body]:
    """Return bodies with the files under the last text; files that do not fit follow in further messages.

    The buttons move to the last message.
    """
    if not files:
        return found
    *before, last = found
    controls, bare = last["components"], {**last, "components": list[Body]()}
    if bare["content"] == _NOTHING:
        bare["content"] = ""
    made: list[Body] = []
    for chunk in _chunks(files):
        about = [{"id": n, "filename": f.name, "description": f.description} for n, f in enumerate(chunk)]
        body = bare if not made else {**bare, "content": ""}
        made.append({**body, "attachments": about, FILES: [(f.name, f.content.data, f.content.mime) for f in chunk]})
    made[-1]["components"] = controls
    return [*before, *made]


def _chunks(files: list[DiscordFile]) -> list[list[DiscordFile]]:
    """Return the files in batches that fit one request."""
    chunks: list[list[DiscordFile]] = [[]]
    room = REQUEST
    for file in files:
        size = len(file.content.data)
        if chunks[-1] and (len(chunks[-1]) == ATTACHMENTS or size > room):
            chunks.append([])
            room = REQUEST
        chunks[-1].append(file)
        room -= size
    return chunks


def plain_body(body: Body) -> Body:
    """Return a body without markup and buttons, to replace one that Discord rejected."""
    text = discord.utils.remove_markdown(body["content"]) or "…"
    kept = {key: body[key] for key in ("attachments", FILES) if key in body}
    return {"content": text[:CONTENT], "allowed_mentions": NO_PINGS, "components": list[Body](), **kept}


def emphasised(text: str) -> str:
    """Return neutral text as markdown: our light emphasis stays, everything else is literal."""
    return _render(markup.parse(text))


def progress_body(progress: Progress) -> Body:
    """Return progress as a body: the text so far, and the state of the job."""
    note = f"-# {_escape(progress.note)}" + (f" {progress.percent} %" if progress.percent else "")
    text = emphasised(progress.text)
    room = CONTENT - len(note) - 2
    shown = text if len(text) <= room else "…" + text[-(room - 1) :]
    body = f"{shown}\n\n{note}" if shown else f"✍️ {_escape(progress.note)}"
    return {"content": body, "allowed_mentions": NO_PINGS, "components": components(progress.buttons)}


def _spans(message: Message, taken: int | None) -> list[Span]:
    """Return heading, text and choices as styled text."""
    blocks: list[list[Span]] = []
    if heading := message.title or message.speaker:
        blocks.append([Span(heading, bold=True)])
    if message.body:
        blocks.append(markup.parse(message.body))
    if message.table is not None:
        blocks.append(table_spans(message.table, PHONE_COLUMNS))
    if message.choices:
        lines = [_choice(message, n, taken) for n in range(1, len(message.choices) + 1)]
        blocks.append(_joined(lines, "\n"))
    return _joined(blocks, "\n\n")


def _choice(message: Message, number: int, taken: int | None) -> list[Span]:
    text = message.choices[number - 1]
    if number == taken:
        return [Span("▸ "), Span(f"{number}.", bold=True), Span(" "), Span(text, bold=True)]
    return [Span(f"{number}.", bold=True), Span(" "), *markup.parse(text)]


def _joined(blocks: list[list[Span]], between: str) -> list[Span]:
    return [span for n, block in enumerate(blocks) for span in ([Span(between)] if n else []) + block]


def _render(spans: list[Span]) -> str:
    pieces: list[str] = []
    for span in spans:
        if span.code:
            pieces.append(f"```\n{span.text.replace('```', _FENCE_INSIDE)}\n```")
            continue
        marks = "***" if span.bold and span.italic else "**" if span.bold else "*" if span.italic else ""
        text = span.text.strip() if marks else span.text
        if not text:
            pieces.append(span.text)
            continue
        before, _, after = span.text.partition(text)
        pieces.append(f"{before}{marks}{_escape(text)}{marks}{after}")
    return "".join(pieces)


def _escape(text: str) -> str:
    escaped = discord.utils.escape_markdown(text)
    # Lists, headings and quotes that the library leaves alone.
    return _LINE_MARKS.sub(
        lambda m: m[1] + "\\" + m[2] if not m[2][0].isdigit() else m[0].replace(".", "\\.", 1), escaped
    )
