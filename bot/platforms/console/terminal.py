"""The interactive terminal: a prompt that stays usable while text is printed and progress is shown above it."""

import asyncio
import contextlib
import contextvars
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final, TextIO

from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, get_app, run_in_terminal
from prompt_toolkit.application.current import get_app_session
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.completion import Completer
from prompt_toolkit.filters import Condition
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.history import FileHistory, History, InMemoryHistory, ThreadedHistory
from prompt_toolkit.input import create_input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import create_output
from prompt_toolkit.patch_stdout import patch_stdout
from prompt_toolkit.styles import Style

from bot.platforms.console.inbound import hint
from bot.platforms.console.render import Renderer, clean
from bot.platforms.console.state import ConsoleState

_FRAME: Final = 0.1
"""Seconds between two redraws while something is in progress."""

_PATIENCE: Final = 0.15
"""Seconds to wait for an answer before a spinner is shown."""

_LABEL: Final = 24
"""Maximum length of a field's name in the prompt, in characters; the question is printed above anyway."""

_STYLE: Final = Style.from_dict(
    {
        "prompt": "bold ansicyan",
        "spinner": "ansicyan",
        "note": "ansibrightblack",
        "partial": "ansibrightblack",
        "placeholder": "ansibrightblack",
        "completion-menu.meta": "noinherit",
    }
)


class Terminal:
    """A prompt with history and completion. `readline` and `write` work while `opened`."""

    def __init__(
        self,
        stdin: TextIO,
        stdout: TextIO,
        *,
        history: Path | None,
        completer: Completer,
        state: ConsoleState,
        renderer: Renderer,
    ) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self._history = history
        self._completer = completer
        self._state = state
        self._renderer = renderer
        self._session: PromptSession[str] | None = None
        self._context = contextvars.copy_context()
        self._live = asyncio.Event()
        self._armed = False

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Take the terminal for the block, and restore it afterwards."""
        history = await asyncio.to_thread(_open_history, self._history)
        with create_app_session(input=create_input(self._stdin), output=create_output(self._stdout)):
            self._session = session = PromptSession[str](
                self._message,
                history=history,
                completer=self._completer,
                complete_while_typing=Condition(lambda: session.default_buffer.text.startswith("/")),
                placeholder=self._placeholder,
                key_bindings=self._keys(),
                style=_STYLE,
            )
            session.default_buffer.on_text_changed += self._typed
            # Writers run in other tasks; only here is it known that the prompt is active.
            self._context = contextvars.copy_context()
            with patch_stdout(raw=True):
                spinner = asyncio.create_task(self._spin())
                try:
                    yield
                finally:
                    spinner.cancel()
                    await asyncio.gather(spinner, return_exceptions=True)
                    self._session = None

    async def readline(self) -> str | None:
        """Return the next line, or None when the person leaves."""
        if self._session is None:
            return None
        try:
            return await self._session.prompt_async(handle_sigint=False, set_exception_handler=False)
        except EOFError:
            return None

    async def write(self, text: str) -> None:
        """Print above the prompt."""
        await asyncio.get_running_loop().create_task(self._write(text), context=self._context)

    def refresh(self) -> None:
        """Redraw the prompt, and animate its status while something is in progress."""
        self._live.set()
        if self._session is not None:
            self._session.app.invalidate()

    async def _write(self, text: str) -> None:
        def write() -> None:
            output = get_app_session().output
            output.write_raw(text)
            output.flush()

        await run_in_terminal(write)

    async def _spin(self) -> None:
        while True:
            await self._live.wait()
            while self._state.open or self._state.running is not None:
                if self._session is not None:
                    self._session.app.invalidate()
                await asyncio.sleep(_FRAME)
            self._live.clear()

    def _message(self) -> StyleAndTextTuples:
        asks = self._state.asks
        label = clean(asks.label) if asks is not None else ""
        prompt: StyleAndTextTuples = [("class:prompt", f"{label}> " if len(label) <= _LABEL else "> ")]
        if get_app().is_done:
            return [("", "\n"), *prompt]
        now = time.monotonic()
        running = self._state.running
        status: StyleAndTextTuples = []
        if running is not None:
            status = self._renderer.progress(running.progress, now - running.since)
        elif self._state.open:
            waited = now - min(opened.since for opened in self._state.open.values())
            status = self._renderer.progress(None, waited) if waited > _PATIENCE else []
        if self._armed:
            status.append(("class:note", "Ctrl-C again leaves\n"))
        return [("", "\n"), *status, *prompt]

    def _placeholder(self) -> StyleAndTextTuples:
        if get_app().is_done:
            return []
        asks = self._state.asks
        offers = self._state.offers
        if asks is not None:
            text = asks.placeholder
        elif offers and not offers[0].spent:
            text = hint(offers[0].buttons)
        else:
            text = ""
        return [("class:placeholder", clean(text))]

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()

        @keys.add("c-c")
        def _(event: KeyPressEvent) -> None:
            buffer = event.app.current_buffer
            if buffer.text:
                buffer.reset()
                self._armed = True
            elif self._armed:
                event.app.exit(exception=EOFError())
            else:
                self._armed = True

        return keys

    def _typed(self, buffer: Buffer) -> None:
        if buffer.text:
            self._armed = False


def _open_history(path: Path | None) -> History:
    if path is None:
        return InMemoryHistory()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    return ThreadedHistory(FileHistory(path))
