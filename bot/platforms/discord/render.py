"""From the neutral message to Discord's JSON: markdown, parts of at most 2,000 characters, rows of buttons, dialogs."""

import re
from typing import Final

import discord

from bot import markup
from bot.markup import Span
from bot.messages import Button, Form, Message, PictureFile, Progress
from bot.platforms.discord.api import FILES, NO_PINGS, Body
from bot.splitting import slices

CONTENT: Final = 2000
ROOM: Final = 1750
"""Characters of heading, text and choices in one part, escapes included; the rest is for emphasis and the footer."""
FOOTER: Final = 100
ALT: Final = 1024
ROW: Final = 5
ROWS: Final = 5
LABEL: Final = 80
TITLE: Final = 45
PLACEHOLDER: Final = 100
TEXT_INPUT: Final = 4000
_NOTHING: Final = "…"
_STYLES: Final = {"primary": 1, "secondary": 2, "success": 3, "danger": 4}
_LINE_MARKS: Final = re.compile(r"^(\s*)(#{1,3}\s|-#\s|\d+\.\s|[+-]\s|>)", re.MULTILINE)


def bodies(message: Message) -> list[Body]:
    """Return the message as one or more bodies; the buttons stand under the last.

    Where the parts end depends on heading, text and choices only, so that a message that is edited later to show the
    choice taken falls into the same parts.
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
        above = "" if texts[-1] == _NOTHING and message.picture is not None else f"{texts[-1]}\n\n"
        texts[-1] = f"{above}-# {_escape(short)}"
    found: list[Body] = [{"content": text, "allowed_mentions": NO_PINGS, "components": list[Body]()} for text in texts]
    found[-1]["components"] = components(message.buttons)
    return found


def with_picture(body: Body, file: PictureFile, alt: str, *, hidden: bool) -> Body:
    """Return a body with a picture under its text; ``alt`` describes it to who does not see it."""
    name = f"SPOILER_{file.name}" if hidden else file.name
    text = "" if body["content"] == _NOTHING else body["content"]
    about = {"id": 0, "filename": name, "description": " ".join(alt.split())[:ALT]}
    return {**body, "content": text, "attachments": [about], FILES: [(name, file.data, file.mime)]}


def plain_body(body: Body) -> Body:
    """Return a body without markup and buttons: what is left when Discord refuses it."""
    text = discord.utils.remove_markdown(body["content"]) or "…"
    kept = {key: body[key] for key in ("attachments", FILES) if key in body}
    return {"content": text[:CONTENT], "allowed_mentions": NO_PINGS, "components": list[Body](), **kept}


def emphasised(text: str) -> str:
    """Return neutral text as markdown: our light emphasis stays, everything else is literal."""
    return _render(markup.parse(text))


def components(rows: tuple[tuple[Button, ...], ...]) -> list[Body]:
    """Return rows of at most five buttons, at most five rows."""
    broken = [row[n : n + ROW] for row in rows for n in range(0, len(row), ROW)][:ROWS]
    return [{"type": 1, "components": [_button(b) for b in row]} for row in broken]


def dialog(form: Form) -> Body:
    """Return a form as a modal."""
    return {
        "title": form.title[:TITLE],
        "custom_id": form.action,
        "components": [
            {
                "type": 1,
                "components": [
                    {
                        "type": 4,
                        "custom_id": field.name,
                        "label": field.label[:TITLE],
                        "style": 2 if field.multiline else 1,
                        "required": field.required,
                        "max_length": min(field.max_length, TEXT_INPUT),
                        **({"placeholder": field.placeholder[:PLACEHOLDER]} if field.placeholder else {}),
                    }
                ],
            }
            for field in form.fields[:5]
        ],
    }


def progress_body(progress: Progress) -> Body:
    """Return progress as a body: the text so far, and where the job is."""
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
        marks = "***" if span.bold and span.italic else "**" if span.bold else "*" if span.italic else ""
        text = span.text.strip() if marks else span.text
        if not text:
            pieces.append(span.text)
            continue
        before, _, after = span.text.partition(text)
        pieces.append(f"{before}{marks}{_escape(text)}{marks}{after}")
    return "".join(pieces)


def _button(button: Button) -> Body:
    return {
        "type": 2,
        "style": _STYLES[button.style],
        "label": button.label[:LABEL],
        "custom_id": button.action,
        "disabled": button.disabled,
    }


def _escape(text: str) -> str:
    escaped = discord.utils.escape_markdown(text)
    # Lists, headings and quotes that the library leaves alone.
    return _LINE_MARKS.sub(
        lambda m: m[1] + "\\" + m[2] if not m[2][0].isdigit() else m[0].replace(".", "\\.", 1), escaped
    )
