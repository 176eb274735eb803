"""Keeps child processes running: starts them in order, restarts what crashes, stops them in reverse order."""

import asyncio
import contextlib
import logging
import os
import time
from dataclasses import dataclass
from typing import Self

from bot.stack.errors import StackError
from bot.stack.process import ManagedProcess, ProcessSpec, last_lines, start_process

log = logging.getLogger(__name__)

EX_CONFIG = os.EX_CONFIG
"""Exit code 78 (sysexits.h) of a process when a restart cannot help: a rejected token, a setting that is wrong."""
EX_USAGE = 2
HOPELESS_CODES = frozenset({EX_USAGE, EX_CONFIG})


@dataclass(frozen=True)
class Backoff:
    """The wait before a restart, in seconds.

    Doubles from `first` up to `longest`; crashes are forgotten after `steady` seconds of running.
    """

    first: float = 0.2
    longest: float = 30.0
    steady: float = 30.0

    def delay(self, crashes: int) -> float:
        """The wait after the `crashes`-th crash in a row (from 1)."""
        return min(self.first * 2.0 ** min(crashes - 1, 20), self.longest)


class Service:
    """A child that is restarted whenever it exits on its own."""

    def __init__(self, spec: ProcessSpec, process: ManagedProcess) -> None:
        self.spec = spec
        self.process = process
        self.restarts = 0
        self.up = asyncio.Event()
        self.up.set()

    @property
    def pid(self) -> int:
        """The process id of the current, or last, run."""
        return self.process.pid


class ServiceSupervisor:
    """Owns services in the order of their start. Use as an async context manager: leaving it stops everything.

    On exit each group ends gracefully before the group started before it is stopped.
    """

    def __init__(self, backoff: Backoff | None = None) -> None:
        self._backoff = backoff or Backoff()
        self._groups: list[list[tuple[Service, asyncio.Task[None]]]] = []
        self._failed: asyncio.Future[str] | None = None

    async def __aenter__(self) -> Self:
        self._failed = asyncio.get_running_loop().create_future()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self, *specs: ProcessSpec) -> list[Service]:
        """Start one group of services at once and wait until all are ready.

        Raises:
            StackError: one of them did not become ready; the others of the group are stopped.
        """
        results = await asyncio.gather(*(start_process(spec) for spec in specs), return_exceptions=True)
        started = [result for result in results if isinstance(result, ManagedProcess)]
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            await asyncio.gather(*(process.stop() for process in started))
            raise errors[0]
        services = [Service(process.spec, process) for process in started]
        self._groups.append(
            [
                (service, asyncio.create_task(self._keep_running(service), name=f"supervise {service.spec.name}"))
                for service in services
            ]
        )
        return services

    async def wait_failed(self) -> str:
        """Wait until a service has ended for good; returns the message for the operator."""
        if self._failed is None:
            raise RuntimeError("the supervisor has not been entered")
        return await asyncio.shield(self._failed)

    async def stop(self) -> None:
        """Stop every group in reverse order of start. Completes even when cancelled."""
        stopping = asyncio.create_task(self._stop_groups())
        cancelled = False
        while not stopping.done():
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                cancelled = True
        stopping.result()
        if cancelled:
            raise asyncio.CancelledError

    async def _stop_groups(self) -> None:
        while self._groups:
            group = self._groups.pop()
            await asyncio.gather(*(self._stop_service(service, keeper) for service, keeper in group))

    async def _stop_service(self, service: Service, keeper: asyncio.Task[None]) -> None:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
        code = await service.process.stop()
        log.debug("%s has ended with code %s", service.spec.name, code)

    async def _keep_running(self, service: Service) -> None:
        crashes, name = 0, service.spec.name
        while True:
            since = time.monotonic()
            code = await service.process.wait()
            service.up.clear()
            if code in HOPELESS_CODES:
                said = await last_lines(service.process)
                self._fail(f"{name} cannot run (exit code {code}).{said or ' Its last lines say why.'}")
                return
            crashes = 1 if time.monotonic() - since >= self._backoff.steady else crashes + 1
            delay = self._backoff.delay(crashes)
            log.warning("%s ended (%s); starting it again in %.1f s", name, describe_exit(code), delay)
            await asyncio.sleep(delay)
            await self._start_again(service, crashes)

    async def _start_again(self, service: Service, crashes: int) -> None:
        while True:
            try:
                service.process = await start_process(service.spec)
            except StackError as error:
                crashes += 1
                delay = self._backoff.delay(crashes)
                log.error("%s Next try in %.1f s.", error, delay)  # noqa: TRY400  the message is for the operator
                await asyncio.sleep(delay)
            except Exception:  # no more threads or processes, for instance: it passes
                crashes += 1
                delay = self._backoff.delay(crashes)
                log.exception("%s cannot be started now. Next try in %.1f s.", service.spec.name, delay)
                await asyncio.sleep(delay)
            else:
                service.restarts += 1
                service.up.set()
                return

    def _fail(self, message: str) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_result(message)


def describe_exit(code: int) -> str:
    """An exit code of asyncio in words: `code 1`, `signal 9`."""
    return f"signal {-code}" if code < 0 else f"code {code}"
