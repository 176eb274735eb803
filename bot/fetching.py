"""Fetches the files of accepted events, then has the events handled: downloads hold up nobody's commits.

An event whose file is still at the platform is committed without it (`db.awaited_files`). Files are fetched here, in
the bot's process, because it holds the platforms' tokens; one at a time per conversation, some at a time per platform.
What is stored is stored before the event is handled. A kill at any point costs only a repetition.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Protocol

from bot.commands.base import CommandRegistry
from bot.events import Command, Event, IncomingFile, TextMessage
from bot.files import KINDS, Accepts, is_picture, taken, too_big
from bot.platforms.base import FileSource, FileTooBig, Outcome, RetryLater
from db import awaited_files
from db.awaited_files import AwaitedFile
from db.errors import LeaseLost, Outage, UserError
from db.loops import forever

POLL_SECONDS: Final = 1.0
AT_ONCE: Final = 4
"""Files that are fetched at a time for one platform: each is in memory until it is stored."""
FETCH_SECONDS: Final = 120.0
"""Maximum time for one download."""
ATTEMPTS: Final = 5
"""Attempts to fetch a file, or to handle its event."""
RENEW_SECONDS: Final = awaited_files.LEASE_SECONDS / 3
BACKOFF_SECONDS: Final = 2.0
_log = logging.getLogger(__name__)


class Resuming(Protocol):
    """The router, as far as it is needed here."""

    async def store_file(self, event: Event, note: Callable[[str], Awaitable[None]]) -> str:
        """Store a command's file and return the parameter's value."""
        ...

    async def resume(self, event: Event, admit: Callable[[], Awaitable[bool]]) -> Outcome:
        """Handle an event with its file."""
        ...

    async def bury(self, event: Event, admit: Callable[[], Awaitable[bool]]) -> bool:
        """Give up on an event."""
        ...


class FileFetcher:
    """Fetches for the platforms of this process that can."""

    def __init__(self, sources: Mapping[str, object], router: Resuming, commands: CommandRegistry) -> None:
        """``sources`` are the platforms; those that are no `FileSource` hand in events with their files."""
        self._sources = {name: each for name, each in sources.items() if isinstance(each, FileSource)}
        self._router, self._commands = router, commands
        self._wakeups = {name: asyncio.Event() for name in self._sources}
        self._busy = {name: set[asyncio.Task[None]]() for name in self._sources}

    def notify(self, platform: str) -> None:
        """Check a platform's files now."""
        if platform in self._wakeups:
            self._wakeups[platform].set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.Event().wait())  # there may be no platform to fetch from
                for name, source in self._sources.items():
                    group.create_task(forever(f"fetching files of {name}", lambda n=name, s=source: self._turn(n, s)))
        finally:
            for task in (tasks := [task for busy in self._busy.values() for task in busy]):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _turn(self, name: str, source: FileSource) -> None:
        wakeup, busy = self._wakeups[name], self._busy[name]
        wakeup.clear()
        room = AT_ONCE - len(busy)
        for claimed in await awaited_files.claim(name, room) if room > 0 else ():
            task = asyncio.create_task(self._guarded(source, claimed), name=f"file-{claimed.id}")
            busy.add(task)
            task.add_done_callback(busy.discard)
            task.add_done_callback(lambda _, n=name: self.notify(n))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await wakeup.wait()

    async def _guarded(self, source: FileSource, claimed: AwaitedFile) -> None:
        try:
            async with _renewed(claimed):
                await self._serve(source, claimed)
        except LeaseLost:
            _log.info("the file of event %s is not ours any more", claimed.event_key)
        except Outage as e:
            _log.warning("the file of event %s waits: %s", claimed.event_key, e)
        except Exception:  # noqa: BLE001 - the lease expires, and the next attempt follows
            _log.exception("the file of event %s could not be handled", claimed.event_key)

    async def _serve(self, source: FileSource, claimed: AwaitedFile) -> None:
        event = Event.model_validate(claimed.event)

        async def admit() -> bool:
            return await awaited_files.finish(claimed.id, claimed.lease_token)

        if claimed.attempts > ATTEMPTS and await self._router.bury(event, admit):
            return
        payload = event.payload
        if isinstance(payload, Command | TextMessage) and payload.file is not None:
            file = await self._file(source, claimed, event, payload.file)
            if file is None:
                return
            event = _with_file(event, file)
        outcome = await self._router.resume(event, admit)
        if not outcome.done:
            await awaited_files.retry(claimed.id, claimed.lease_token, _backoff(claimed))

    async def _file(
        self, source: FileSource, claimed: AwaitedFile, event: Event, file: IncomingFile
    ) -> IncomingFile | None:
        """Return the event's file, stored if the command has it stored; None if it is fetched later."""
        if claimed.stored:
            return file.model_copy(update={"stored": claimed.stored})
        accepts = self._accepts(event)
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                data = await source.fetch(file.source, KINDS[accepts].limit)
            fetched = taken(accepts, file.name, file.mime, data)
        except FileTooBig:
            return too_big(accepts, file.name, file.mime)
        except RetryLater as e:
            await awaited_files.retry(claimed.id, claimed.lease_token, e.delay or BACKOFF_SECONDS, counts=False)
            return None
        except Exception as e:  # noqa: BLE001 - the clients' libraries raise many kinds
            _log.warning("the file of event %s: attempt %d, %s", claimed.event_key, claimed.attempts, type(e).__name__)
            if claimed.attempts < ATTEMPTS:
                await awaited_files.retry(claimed.id, claimed.lease_token, _backoff(claimed))
                return None
            return IncomingFile(name=file.name, mime=file.mime, problem="attachment.not_fetched")
        if fetched.problem:
            return fetched

        async def note(value: str) -> None:
            await awaited_files.note_stored(claimed.id, claimed.lease_token, value)

        try:
            stored = await self._router.store_file(_with_file(event, fetched), note)
        except UserError:
            return fetched  # it is refused again, and then answered, where the event is handled
        return fetched.model_copy(update={"stored": stored, "data": b""}) if stored else fetched

    def _accepts(self, event: Event) -> Accepts:
        spec = self._commands.get(event.payload.name) if isinstance(event.payload, Command) else None
        if isinstance(event.payload, TextMessage) and is_picture(event.payload.file):
            return "picture"
        return "text" if spec is None or spec.file is None else spec.file.accepts


def _backoff(claimed: AwaitedFile) -> float:
    return BACKOFF_SECONDS * 2 ** min(claimed.attempts - 1, 8)


def _with_file(event: Event, file: IncomingFile) -> Event:
    return event.model_copy(update={"payload": event.payload.model_copy(update={"file": file})})


@asynccontextmanager
async def _renewed(claimed: AwaitedFile) -> AsyncGenerator[None]:
    """Renew the lease while the block runs; what it does after a lost lease commits nothing."""

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            with contextlib.suppress(Outage):
                await awaited_files.renew(claimed.id, claimed.lease_token)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
