"""The console platform: lines in, messages out."""

import asyncio
import contextlib
import getpass
import os
import signal
import sys
import threading
import uuid
from collections.abc import Generator
from pathlib import Path
from typing import Final, TextIO

from bot.commands.base import CommandRegistry
from bot.events import (
    AccountRef,
    ButtonPress,
    Command,
    ConversationRef,
    Destination,
    Event,
    TextMessage,
    UserRef,
)
from bot.messages import FileContent, Message, Progress
from bot.platforms.base import ALWAYS_LEADS, Capabilities, Delivery, Inbound, RetryLater, Turns
from bot.platforms.console.attached import with_file
from bot.platforms.console.commands import CommandCompleter
from bot.platforms.console.inbound import Local, Quit, numbered, read_line
from bot.platforms.console.render import Renderer
from bot.platforms.console.state import ConsoleState, Open
from bot.platforms.console.streams import LineReader, LineWriter
from bot.platforms.console.terminal import Terminal

_CHAT: Final = "console"
_FIRST: Final = "start"
"""The command whose answer is shown when the console opens."""
_WELCOME: Final = "Type a number or a command · /start opens this menu again · /quit leaves"

_SETTLE: Final = 0.05
"""Seconds within which further parts of an answer may follow the first."""


class ConsolePlatform:
    """The bot in a terminal.

    With a terminal on both sides it is a prompt; otherwise it plays the lines it reads: each is dispatched and
    answered before the next one is taken.
    """

    name: str = "console"
    capabilities: Capabilities = Capabilities(
        forms=False, placeholder_delay=None, progress_interval=0.1, file_bytes=49_000_000
    )

    def __init__(
        self,
        registry: CommandRegistry,
        *,
        history: Path | None = None,
        pictures: Path | None = None,
        stdin: TextIO | None = None,
        stdout: TextIO | None = None,
        user: str = "",
        language: str = "",
        line_timeout: float = 120.0,
        width: int | None = None,
    ) -> None:
        """``history`` is the file of typed lines, ``pictures`` the folder for pictures.

        ``stdin`` and ``stdout`` default to the process's own.
        ``line_timeout`` is how many seconds a played line may take to be answered. ``width`` in columns is where plain
        output wraps; without it, output that is not a terminal is not wrapped.
        """
        self._registry = registry
        self._stdin = stdin if stdin is not None else sys.stdin
        self._stdout = stdout if stdout is not None else sys.stdout
        self._history = history
        self._pictures = pictures if pictures is not None else Path("pictures")
        self._user = user or _local_user()
        self._language = language
        self._line_timeout = line_timeout
        self._width = width
        # sys.stdin is None in a process that was started without one.
        self._typed = bool(self._stdin) and self._stdin.isatty()
        self._styled = self._stdout.isatty()
        self._renderer = Renderer(self._columns, styled=self._styled)
        self._state = ConsoleState()
        self._screen: Terminal | LineWriter | None = None
        self._delivering = asyncio.Lock()
        self._printed: set[int] = set()
        self._finished: set[int] = set()
        self._interrupted = False
        self._player: asyncio.Task[None] | None = None
        self.exit_code = 0
        """0, or 1 if a played line was not answered in time."""

    @property
    def interactive(self) -> bool:
        """Whether a person types at a prompt."""
        return self._typed and self._styled

    @property
    def connected(self) -> bool:
        """Whether the console is open."""
        return self._screen is not None

    async def run(self, inbound: Inbound, turns: Turns = ALWAYS_LEADS) -> None:
        """Dispatch typed lines until the person leaves, or input lines until the end."""
        del turns  # every console is its own
        try:
            if self.interactive:
                await self._converse(inbound)
            else:
                await self._play(inbound)
        finally:
            self._screen = None

    async def deliver(self, delivery: Delivery, message: Message) -> None:
        """Print ``message`` once. Raises `RetryLater` while the console is closed."""
        message = numbered(message)
        async with self._delivering:
            message_id = delivery.placeholder or f"console-{delivery.id}"
            # A terminal cannot change earlier output: a mark is a line of its own, any other edit a new message.
            mark = bool(delivery.edit) and (delivery.kind == "mark" or message.taken is not None)
            if delivery.id in self._finished:
                return
            if delivery.id not in self._printed:
                if self._screen is None:
                    raise RetryLater("the console is not open")
                # Printed and recorded by a process that then died: only the buttons are new to this one.
                if message_id not in delivery.sent or message_id == delivery.placeholder:
                    for picture in message.pictures:
                        await self._show(await picture.load("full"), picture.alt)
                    for attachment in message.attachments:
                        await self._show(await attachment.load(), attachment.description)
                    await self._print(self._renderer.mark(message) if mark else self._renderer.message(message))
                self._printed.add(delivery.id)
            if not delivery.edit and message_id not in delivery.sent:
                await delivery.record(message_id)
            if mark:
                self._state.marked(delivery.event_key, delivery.edit, message)
            else:
                self._state.shown(delivery.event_key, delivery.edit or message_id, message)
            self._finished.add(delivery.id)
            self._refresh()

    async def place(self, delivery: Delivery, progress: Progress) -> None:
        """Show progress that the answer will replace."""
        message_id = f"console-{delivery.id}"
        if message_id not in delivery.sent:
            await delivery.record(message_id)
        if self._state.progressed(delivery.destination, message_id, progress, key=delivery.event_key):
            self._refresh()

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        """Show progress above the prompt; played lines have none."""
        if self._state.progressed(destination, placeholder, progress):
            self._refresh()

    async def retract(self, destination: Destination, message_id: str) -> None:  # noqa: ARG002 - of the protocol
        """Remove progress."""
        self._state.retracted(message_id)
        self._refresh()

    async def check_ready(self) -> str:
        """Return an empty string while the console is open."""
        return "" if self._screen is not None else "the console is not open"

    async def _converse(self, inbound: Inbound) -> None:
        async def suggest(command: Command, parameter: str, prefix: str) -> list[tuple[str, str]]:
            return await inbound.complete(self._event(command), parameter, prefix)

        terminal = Terminal(
            self._stdin,
            self._stdout,
            history=self._history,
            completer=CommandCompleter(self._registry, suggest),
            state=self._state,
            renderer=self._renderer,
        )
        events: asyncio.Queue[Event] = asyncio.Queue()

        async def hand_on() -> None:
            while True:
                event = await events.get()
                await self._dispatch(inbound, event)
                events.task_done()

        async with terminal.opened():
            self._screen = terminal
            await self._print(self._renderer.aside(_WELCOME))
            dispatcher = asyncio.create_task(hand_on())
            if _FIRST in self._registry:
                first = self._event(Command(name=_FIRST))
                self._state.begin(first.key)
                events.put_nowait(first)
            try:
                while (line := await terminal.readline()) is not None:
                    if not line.strip() and not self._state.takes_blank():
                        continue
                    event = await self._read(line)
                    if event is None:
                        break
                    if isinstance(event, Event):
                        self._state.begin(event.key)
                        events.put_nowait(event)
                        self._refresh()
                await events.join()
                if self._state.open:
                    await self._print(self._renderer.aside("What is still under way will be here next time."))
            finally:
                self._screen = None
                dispatcher.cancel()
                await asyncio.gather(dispatcher, return_exceptions=True)

    async def _play(self, inbound: Inbound) -> None:
        self._screen = LineWriter(self._stdout)
        self._player = asyncio.create_task(self._play_lines(inbound, LineReader(self._stdin)))
        try:
            with self._interrupts(self._player):
                await asyncio.wait([self._player])
            if not self._player.cancelled():
                # The pipe behind the output may be closed: its reader is gone.
                with contextlib.suppress(RetryLater):
                    self._player.result()
        finally:
            self._player.cancel()
            await asyncio.gather(self._player, return_exceptions=True)

    async def _play_lines(self, inbound: Inbound, reader: LineReader) -> None:
        while (line := await reader.readline()) is not None:
            self._interrupted = False
            text = line.strip()
            if text.startswith("#") or not (text or self._state.takes_blank()):
                continue
            if not self._typed:
                await self._print(self._renderer.echo(text))
            event = await self._read(text)
            if event is None:
                break
            if isinstance(event, Event):
                opened = self._state.begin(event.key)
                await self._dispatch(inbound, event)
                await self._answered([opened])
        await self._answered(list(self._state.open.values()), "The last lines were not answered")

    async def _answered(self, events: list[Open], complaint: str = "No answer") -> None:
        """Wait until all ``events`` are answered on the screen, or the time for a line is over."""
        if not events:
            return
        try:
            async with asyncio.timeout(self._line_timeout):
                for event in events:
                    await event.done.wait()
        except TimeoutError:
            self.exit_code = 1
            await self._print(self._renderer.notice(f"{complaint} within {self._line_timeout:g} s."))
        else:
            if any(event.status in {"answered", "working"} for event in events):
                await asyncio.sleep(_SETTLE)

    async def _read(self, line: str) -> Event | Local | None:
        """Return the event of a line, `Local` if the console has handled it, None if the person leaves."""
        state = self._state
        reading = read_line(line, self._registry, state.offers, state.asks)
        if isinstance(reading, Quit):
            return None
        if isinstance(reading, Local):
            await self._print(self._renderer.notice(reading.text))
            return reading
        if isinstance(reading, Command):
            reading = await with_file(reading, self._registry)
        if isinstance(reading, Command | TextMessage):
            state.asks = None
            return self._event(reading)
        if reading.button.role:
            state.asks = None
        return self._event(ButtonPress(data=reading.button.action, offered=True), pressed=reading.message_id)

    async def _dispatch(self, inbound: Inbound, event: Event) -> None:
        outcome = await inbound.dispatch(event)
        if outcome.notice and outcome.status == "refused":
            with contextlib.suppress(RetryLater):  # nothing was committed, and the reader is gone
                await self._print(self._renderer.notice(outcome.notice))
        self._state.dispatched(event.key, outcome.status)
        self._refresh()

    def _event(self, payload: Command | ButtonPress | TextMessage, pressed: str = "") -> Event:
        event_id = uuid.uuid4().hex
        return Event(
            platform=self.name,
            event_id=event_id,
            account=AccountRef(kind="console", external_id=self._user, name=self._user),
            user=UserRef(external_id=self._user, name=self._user, language=self._language, role="owner"),
            conversation=ConversationRef(chat_id=_CHAT, kind="dm"),
            destination=Destination(
                chat_id=_CHAT,
                user_id=self._user,
                kind="dm",
                pressed_message=pressed,
                handle={"event": f"{self.name}:{event_id}"},
            ),
            payload=payload,
        )

    async def _show(self, file: FileContent, description: str) -> None:
        """Write a file, and print where it is."""
        path = (self._pictures / Path(file.name).name).absolute()
        await asyncio.to_thread(_write, path, file.data)
        await self._print(self._renderer.file(file, description, str(path)))

    async def _print(self, text: str) -> None:
        """Print. Raises `RetryLater` if there is no output, or its reader is gone."""
        if self._screen is None:
            raise RetryLater("the console is not open")
        if not text:
            return
        try:
            await self._screen.write(text)
        except OSError as e:
            self._screen = None
            if self._player is not None and self._player is not asyncio.current_task():
                self._player.cancel()
            raise RetryLater("the reader of the console's output is gone") from e

    def _refresh(self) -> None:
        if isinstance(self._screen, Terminal):
            self._screen.refresh()

    def _columns(self) -> int | None:
        if self._width is not None:
            return self._width + 1
        if not self._styled:
            return None
        try:
            return os.get_terminal_size(self._stdout.fileno()).columns or 80
        except OSError:
            return 80

    @contextlib.contextmanager
    def _interrupts(self, player: asyncio.Task[None]) -> Generator[None, None, None]:
        """If input is a terminal but output is not: the first Ctrl-C clears the line, the second one leaves."""
        if not self._typed or threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()

        def interrupt(*_: object) -> None:
            if self._interrupted:
                loop.call_soon_threadsafe(player.cancel)
            self._interrupted = True

        previous = signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _local_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "you"
