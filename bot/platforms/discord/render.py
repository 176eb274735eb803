"""From the neutral message to Discord's JSON: markdown, parts of at most 2,000 characters, rows of buttons, dialogs."""

import re
from typing import Final

import discord

from bot import markup
from bot.messages import Button, Form, Message, Progress
from bot.platforms.discord.api import NO_PINGS, Body
from bot.splitting import split

CONTENT: Final = 2000
ROW: Final = 5
ROWS: Final = 5
LABEL: Final = 80
TITLE: Final = 45
PLACEHOLDER: Final = 100
TEXT_INPUT: Final = 4000
_STYLES: Final = {"primary": 1, "secondary": 2, "success": 3, "danger": 4}
_LINE_MARKS: Final = re.compile(r"^(\s*)(#{1,3}\s|-#\s|\d+\.\s|[+-]\s|>)", re.MULTILINE)


def bodies(message: Message) -> list[Body]:
    """Return the message as one or more bodies; the buttons stand under the last."""
    parts = split(content(message), CONTENT) or ["…"]
    found: list[Body] = [{"content": part, "allowed_mentions": NO_PINGS, "components": list[Body]()} for part in parts]
    found[-1]["components"] = components(message.buttons)
    return found


def plain_body(body: Body) -> Body:
    """Return a body without markup and buttons: what is left when Discord refuses it."""
    text = discord.utils.remove_markdown(body["content"]) or "…"
    return {"content": text[:CONTENT], "allowed_mentions": NO_PINGS, "components": list[Body]()}


def content(message: Message) -> str:
    """Return a message's text in Discord's markdown."""
    blocks: list[str] = []
    heading = message.title or message.speaker
    if heading:
        blocks.append(f"**{_escape(heading)}**")
    if message.body:
        blocks.append(emphasised(message.body))
    if message.choices:
        lines = [_choice(n, text, message.taken) for n, text in enumerate(message.choices, 1)]
        blocks.append("\n".join(lines))
    if message.footer:
        blocks.append(f"-# {_escape(message.footer)}")
    return "\n\n".join(blocks)


def emphasised(text: str) -> str:
    """Return neutral text as markdown: our light emphasis stays, everything else is literal."""
    pieces: list[str] = []
    for span in markup.parse(text):
        marks = "***" if span.bold and span.italic else "**" if span.bold else "*" if span.italic else ""
        pieces.append(f"{marks}{_escape(span.text)}{marks}")
    return "".join(pieces)


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


def _choice(number: int, text: str, taken: int | None) -> str:
    words = emphasised(text)
    return f"▸ **{number}. {_escape(text)}**" if number == taken else f"**{number}.** {words}"


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
