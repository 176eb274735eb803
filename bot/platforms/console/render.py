"""Messages as text for a terminal: styled and wrapped, or plain lines without any escape code."""

import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from prompt_toolkit.formatted_text import StyleAndTextTuples
from rich.console import Console
from rich.text import Text

from bot.messages import FileContent, Message, Progress, SelectOption
from bot.platforms.console.inbound import hint
from bot.text import cleaning
from bot.text.markup import Span, parse
from bot.text.tables import table_spans

MAX_WIDTH: Final = 88
"""Columns; longer lines of prose are hard to read."""

_PARTIAL_LINES: Final = 8
_FRAMES: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass(frozen=True, slots=True)
class _Block:
    """A paragraph with a hanging indent of the width of ``lead``."""

    text: Text
    lead: Text


class Renderer:
    """Renders console output. ``columns`` returns the width to wrap at, or None for no wrapping."""

    def __init__(self, columns: Callable[[], int | None], *, styled: bool) -> None:
        self.styled = styled
        self._columns = columns

    @property
    def width(self) -> int | None:
        """Columns used for prose, at most `MAX_WIDTH`; None: lines are not wrapped."""
        columns = self._columns()
        return None if columns is None else max(20, min(columns - 1, MAX_WIDTH))

    def message(self, message: Message) -> str:
        """Return a whole message, preceded by an empty line."""
        blocks: list[_Block] = []
        title = " ".join(clean(message.title).split())
        if title:
            blocks.append(_Block(self._rule(title, private=message.private), Text()))
        body = _prose(message.body)
        lead = Text("! ", "bold yellow") if message.private and not title else Text()
        if message.speaker:
            body = Text.assemble((f"{clean(message.speaker)}: ", "bold magenta"), body)
        if body.plain or (lead.plain and not message.attachments):
            blocks.append(_Block(body, lead))
        if message.table is not None:
            blocks.append(_Block(_spans(table_spans(message.table, self.width)), Text()))
        if message.choices:
            blocks.append(_Block(Text(), Text()))
        for number, choice in enumerate(message.choices, 1):
            blocks.append(_choice(number, choice, taken=message.taken == number))
        if message.asks is not None and message.asks.value:
            blocks.append(_Block(Text(), Text()))
            blocks += [_Block(Text(line), Text("│ ", "cyan")) for line in clean(message.asks.value).splitlines()]
        if message.menu:
            blocks += _menu(message)
        else:
            for select in message.selects:
                blocks.append(_Block(_prose(select.placeholder, "dim"), Text()))
                blocks += [_option(option) for option in select.options]
        links = [button for row in message.buttons for button in row if button.url]
        blocks += [_Block(Text(clean(f"{link.label}: {link.url}"), "cyan"), Text("🔗 ")) for link in links]
        buttons = [button for row in message.buttons for button in row if not button.url]
        words = hint([] if message.menu else buttons)
        if words or message.footer:
            blocks.append(_Block(Text(), Text()))
        if message.footer:
            blocks.append(_Block(_prose(message.footer, "dim"), Text()))
        if words:
            blocks.append(_Block(Text(words, "cyan"), Text()))
        return "\n" + self._emit(blocks)

    def file(self, file: FileContent, description: str, path: str) -> str:
        """Return the description of a file (else its name) and its location, preceded by an empty line."""
        lead = Text("🖼  " if file.mime.startswith("image/") else "🎧 " if file.mime.startswith("audio/") else "📄 ")
        return (
            "\n"
            + self._emit([_Block(Text(clean(description) or clean(file.name), "bold"), lead)])
            + self._emit([_Block(Text(clean(path), "cyan"), Text())], wrap=False)
        )

    def mark(self, message: Message) -> str:
        """Return the line that says which choice of a message was taken, or its footer; empty if it has neither."""
        taken = message.taken
        if taken is not None and 0 < taken <= len(message.choices):
            choice = message.choices[taken - 1]
            said = f"you chose: {choice}" if self.styled else f"{taken}. {choice}"
        elif message.footer:
            said = message.footer
        else:
            return ""
        return self._emit([_Block(_prose(said, "green"), Text("▸ ", "green"))])

    def notice(self, text: str) -> str:
        """Return a private message, or one of the console itself."""
        return self._emit([_Block(_prose(text), Text("! ", "bold yellow"))])

    def aside(self, text: str) -> str:
        """Return a dim remark."""
        return self._emit([_Block(_prose(text, "dim"), Text())])

    def echo(self, line: str) -> str:
        """Return a line of a script as if it had been typed."""
        return "\n" + self._emit([_Block(Text(clean(line)), Text("> ", "bold"))], wrap=False)

    def progress(self, progress: Progress | None, elapsed: float) -> StyleAndTextTuples:
        """Return the live status as prompt_toolkit fragments, each line with its line break."""
        frame = _FRAMES[int(elapsed * 10) % len(_FRAMES)]
        if progress is None:
            return [("class:spinner", frame), ("class:note", " …\n")]
        parts = [f"{progress.percent} %"] if progress.percent else []
        parts.append(" ".join(clean(progress.note).split()) or "working")
        if progress.position:
            parts.append(f"{progress.position} in front")
        if words := hint([button for row in progress.buttons for button in row]):
            parts.append(words)
        fragments: StyleAndTextTuples = [("class:partial", f"{line}\n") for line in self._tail(progress.text)]
        return [*fragments, ("class:spinner", frame), ("class:note", f" {' · '.join(parts)}\n")]

    def _tail(self, text: str) -> list[str]:
        """Return the last lines of a text that is still being written."""
        width = self.width or MAX_WIDTH
        prose = _prose(text[-_PARTIAL_LINES * width * 2 :].strip())
        return [line.plain for line in prose.wrap(self._console(width), width)][-_PARTIAL_LINES:] if prose.plain else []

    def _rule(self, title: str, *, private: bool) -> Text:
        dash = ("! " if private else "── ", "yellow" if private else "cyan")
        rule = Text.assemble(dash, (title, "bold"))
        room = (self.width or 0) - rule.cell_len - 1
        if self.styled and room > 0 and not private:
            rule.append(" " + "─" * room, "cyan")
        elif not self.styled and not private:
            rule.append(" ──")
        return rule

    def _emit(self, blocks: list[_Block], *, wrap: bool = True) -> str:
        width = self.width if wrap else None
        console = self._console(width or MAX_WIDTH)
        lines: list[Text] = []
        for block in blocks:
            indent = Text(" " * block.lead.cell_len)
            room = None if width is None else max(10, width - block.lead.cell_len)
            rows = list(block.text.split(allow_blank=True)) if room is None else list(block.text.wrap(console, room))
            for i, row in enumerate(rows or [Text()]):
                lines.append(Text.assemble(indent if i else block.lead, row))
        for line in lines:
            line.rstrip()
        if not self.styled:
            return "".join(f"{line.plain}\n" for line in lines)
        with console.capture() as captured:
            for line in lines:
                console.print(line, soft_wrap=True)
        return captured.get()

    def _console(self, width: int) -> Console:
        # rich reads the capabilities of the terminal from the environment (TERM, COLORTERM, NO_COLOR).
        return Console(
            file=io.StringIO(),
            force_terminal=self.styled,
            color_system="auto" if self.styled else None,
            width=width,
            height=25,
            highlight=False,
            markup=False,
            emoji=False,
        )


def clean(text: str) -> str:
    """Return ``text`` as a terminal may show it: nothing in it can move the cursor or start an escape sequence."""
    return cleaning.clean(text).expandtabs(4)


def _choice(number: int, choice: str, *, taken: bool) -> _Block:
    lead = Text.assemble(("▸" if taken else " ", "green"), (f"{number:>2}. ", "bold cyan"))
    return _Block(_prose(" ".join(choice.split()), "bold green" if taken else ""), lead)


def _menu(message: Message) -> list[_Block]:
    """Return the numbered buttons and options of a menu: a line each where nothing else is numbered."""
    buttons = [button for row in message.buttons for button in row if not button.url and button.word != button.label]
    options = [
        _Block(_listed([(o.word, f"{o.label} ✓" if o.chosen else o.label) for o in select.options]), Text())
        for select in message.selects
    ]
    if not message.choices and not options:
        return [_Block(Text(), Text()), *(_choice(int(b.word), b.label, taken=False) for b in buttons)]
    line = _Block(_listed([(b.word, b.label) for b in buttons]), Text())
    titles = [_Block(_prose(select.placeholder, "dim"), Text()) for select in message.selects]
    selects = [block for pair in zip(titles, options, strict=True) for block in pair]
    blocks = [line, *selects] if message.choices else [*selects, line]
    return [_Block(Text(), Text()), *blocks]


def _listed(numbered: list[tuple[str, str]]) -> Text:
    return Text(" · ".join(f"[{number}] {clean(label)}" for number, label in numbered), "cyan")


def _option(option: SelectOption) -> _Block:
    described = f" – {option.description}" if option.description else ""
    lead = Text(f"  {clean(option.word or option.label)}", "bold cyan")
    return _Block(Text(clean(f" {option.label}{described}" if option.word else described)), lead)


def _prose(text: str, style: str = "") -> Text:
    return _spans(parse(clean(text)), style)


def _spans(spans: Iterable[Span], style: str = "") -> Text:
    prose = Text(style=style)
    for span in spans:
        prose.append(clean(span.text), " ".join(name for name in ("bold", "italic") if getattr(span, name)) or None)
    return prose
