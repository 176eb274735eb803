"""Rendering of the neutral message as Discord's JSON: markdown, parts of at most 2,000 characters, files."""

from dataclasses import dataclass, replace
from typing import Final

from bot.messages import FileContent, Message, Progress
from bot.platforms.discord.api import FILES, NO_PINGS, SUPPRESS_EMBEDS, Body
from bot.platforms.discord.controls import components
from bot.platforms.discord.markdown import clean, escape, markdown, plain
from bot.text import markup
from bot.text.markup import Span
from bot.text.splitting import shortened, slices
from bot.text.tables import PHONE_COLUMNS, table_spans

CONTENT: Final = 2000
FOOTER: Final = 100
"""Characters of a footer for which there is always room."""
FULL: Final = CONTENT - 2 * FOOTER - 20
"""Maximum characters of heading, text and choices per part; the rest is for a footer and the mark of a choice."""
_ROOMS: Final = (1750, 1650, 1500, 1250, 1000, 700, 400, 200)
"""Characters per part with escapes but without emphasis, whose marks may take more than the text itself."""
ALT: Final = 1024
ATTACHMENTS: Final = 10
REQUEST: Final = 24 * 1024 * 1024
"""Maximum bytes of files in one request; Discord accepts 25 MiB in total."""
_NOTHING: Final = "…"


@dataclass(frozen=True, slots=True)
class DiscordFile:
    """A file to be sent. Discord covers files whose name starts with ``SPOILER_``."""

    content: FileContent
    alt: str = ""
    hidden: bool = False

    @property
    def name(self) -> str:
        """Its name on Discord."""
        name = plain(self.content.name)
        return f"SPOILER_{name}" if self.hidden else name

    @property
    def description(self) -> str | None:
        """Its description, for people who cannot see it."""
        return " ".join(plain(self.alt).split())[:ALT] or None


def bodies(message: Message) -> list[Body]:
    """Return the message as one or more bodies; the last has the buttons.

    The split depends on heading, text and choices only, so that a later edit that shows the taken choice has the
    same parts.
    """
    spans = _spans(message, taken=None)
    texts = _split(spans) or [_NOTHING]
    if message.taken is not None:
        untaken, taken = (markdown(_choice(message, message.taken, t)) for t in (None, message.taken))
        texts[-1] = texts[-1].replace(untaken, taken, 1)
    if message.footer:
        above = "" if texts[-1] == _NOTHING and (message.pictures or message.attachments) else f"{texts[-1]}\n\n"
        texts[-1] = f"{above}-# {_footer(message.footer, CONTENT - len(above) - 3)}"
    found: list[Body] = [{**base_body(text), "components": list[Body]()} for text in texts]
    found[-1]["components"] = components(message.buttons, message.selects)
    return found


def _footer(text: str, room: int) -> str:
    """Return a footer as markdown: as much as there is ``room`` for, since it may hold what a person did."""
    text = " ".join(clean(text).split())
    limit = max(room, FOOTER)
    while len(shown := escape(shortened(text, limit))) > room and limit > FOOTER:
        limit = max(FOOTER, limit - (len(shown) - room))
    return shown


def base_body(text: str) -> Body:
    """Return a body with markdown that pings nobody and shows no previews of links."""
    return {"content": text, "allowed_mentions": NO_PINGS, "flags": SUPPRESS_EMBEDS}


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


def named_body(body: Body, speaker: str) -> Body:
    """Return a body that begins with the name of who speaks; without it, should there be no room."""
    said = f"{markdown([Span(clean(speaker), bold=True)])}\n\n{body['content']}".strip()
    return {**body, "content": said} if len(said) <= CONTENT else body


def plain_body(body: Body) -> Body:
    """Return a body without buttons, to replace one that Discord rejected; its text stays escaped."""
    kept = {key: body[key] for key in ("attachments", FILES) if key in body}
    return {**base_body(body["content"][:CONTENT] or "…"), "components": list[Body](), **kept}


def _split(spans: list[Span]) -> list[str]:
    """Return the parts as markdown: as few as the text's emphasis allows."""
    shown = markup.plain(spans)
    texts: list[str] = []
    for room in _ROOMS:
        parts = slices(shown, room, length=lambda text: len(escape(text)))
        texts = [markdown(markup.pick(spans, start, end)) for start, end in parts]
        if all(len(text) <= FULL for text in texts):
            break
    return texts


def emphasised(text: str) -> str:
    """Return neutral text as markdown: our light emphasis stays, everything else is literal."""
    return markdown(markup.parse(clean(text)))


def progress_body(progress: Progress) -> Body:
    """Return progress as a body: the text so far, and the state of the job."""
    said = escape(clean(progress.note))
    note = f"-# {said}" + (f" {progress.percent} %" if progress.percent else "")
    shown = _tail(markup.parse(clean(progress.text)), CONTENT - len(note) - 2)
    body = f"{shown}\n\n{note}" if shown else f"✍️ {said}"
    return {**base_body(body), "components": components(progress.buttons)}


def _tail(spans: list[Span], room: int) -> str:
    """Return the end of a text as markdown; cut before it is escaped, so that no escape loses its backslash."""
    length = len(markup.plain(spans))
    start, shown = 0, markdown(spans)
    while len(shown) > room:
        start += max(1, (len(shown) - room) // 2)
        shown = "…" + markdown(markup.pick(spans, start, length))
    return shown


def _spans(message: Message, taken: int | None) -> list[Span]:
    """Return heading, text and choices as styled text."""
    blocks: list[list[Span]] = []
    if heading := message.title or message.speaker:
        blocks.append([Span(clean(heading), bold=True)])
    if message.body:
        blocks.append(markup.parse(clean(message.body)))
    if message.table is not None:
        blocks.append([replace(span, text=plain(span.text)) for span in table_spans(message.table, PHONE_COLUMNS)])
    if message.choices:
        lines = [_choice(message, n, taken) for n in range(1, len(message.choices) + 1)]
        blocks.append(_joined(lines, "\n"))
    return _joined(blocks, "\n\n")


def _choice(message: Message, number: int, taken: int | None) -> list[Span]:
    text = clean(message.choices[number - 1])
    if number == taken:
        return [Span("▸ "), Span(f"{number}.", bold=True), Span(" "), Span(text, bold=True)]
    return [Span(f"{number}.", bold=True), Span(" "), *markup.parse(text)]


def _joined(blocks: list[list[Span]], between: str) -> list[Span]:
    return [span for n, block in enumerate(blocks) for span in ([Span(between)] if n else []) + block]
