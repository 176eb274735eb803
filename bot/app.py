"""The bot process: wires platforms, router, courier and progress together and runs them."""

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from bot.compose import Composer
from bot.courier import Courier
from bot.events import Event
from bot.fetching import FileFetcher
from bot.identity import ProcessIdentity
from bot.leadership import Leadership, Seat
from bot.limit_settings import LimitSettings
from bot.platforms.base import ALWAYS_LEADS, Outcome, Platform, Turns
from bot.platforms.registry import PlatformSpec
from bot.platforms.registry import platforms as platform_registry
from bot.policy import OPEN, AccessPolicy
from bot.privacy_terms import NO_TERMS, PrivacyTerms, read_terms
from bot.progress import ProgressBoard
from bot.router import Router
from bot.runners import PlatformRunner, SeatedTurns, until_hopeless
from bot.settings import BotSettings
from bot.topics import Topics, load_topics
from bot.views.base import ViewServices
from db import jobs, personas
from db.agents import FunctionSettings, OperatorSampling, product_sampling
from db.connection import connect
from db.heartbeats import deployment
from db.loading import loading
from db.loops import forever
from db.migrate import await_schema
from db.moderation import PLAIN, ModerationPolicy, policy_of
from db.retention import RetentionSettings
from db.settings import DatabaseSettings, ModerationSettings
from db.signals import stop_on_signals
from db.usage_limits import UNLIMITED, UsageLimits
from db.work import job_types
from prompts.personas import load_personas
from prompts.preload import preload
from prompts.registry import default_registry
from workers.queue import PROGRESS_CHANNEL, Queue, outbox_channel

CLOSE_SECONDS: Final = 6.0
_log = logging.getLogger(__name__)


async def run(settings: BotSettings, names: list[str]) -> int:
    """Run the named platforms until SIGTERM, SIGINT or the end of the console; return the exit status.

    Raises `PlatformRefused` if no platform serves this process from its start, and `MigrationError` if the database is
    of another release.
    """
    database, limits = DatabaseSettings(), LimitSettings().limits()
    topics = await asyncio.to_thread(_load)
    terms = await asyncio.to_thread(
        read_terms, settings.storyfork_privacy_file, settings.storyfork_backup_days, RetentionSettings()
    )
    specs = {name: _spec(name) for name in names}
    served = {name: spec.build(settings, topics) for name, spec in specs.items()}
    seats = {name: seat_names(spec, settings) for name, spec in specs.items() if not spec.local}
    ids = {name: spec.bot(settings) for name, spec in specs.items()}
    async with connect(database.database_url, pool_size=database.storyfork_database_pool):
        await await_schema()
        async with Queue(settings.redis_url, await deployment()) as queue:
            await personas.sync_shipped([shipped.card() for shipped in load_personas()])
            bot = Bot(
                served, topics, queue, database.database_url, await asyncio.to_thread(ProcessIdentity), seats=seats,
                ids=ids, policy=access_policy(settings), adults=settings.storyfork_adults, limits=limits,
                moderation=policy_of(ModerationSettings(), settings.storyfork_operators),
                terms=terms,
                sampling=FunctionSettings(),
            )  # fmt: skip
            return await bot.serve(stop_on_signals())


def _load() -> Topics:
    """Preload the files that events need, so that no event blocks the loop on disk reads."""
    with loading():
        preload()
        job_types()
        return load_topics()


def _spec(name: str) -> PlatformSpec:
    spec = platform_registry().get(name)
    if spec is None:
        raise ValueError(f"there is no platform {name!r}")
    return spec


def access_policy(settings: BotSettings) -> AccessPolicy:
    """Return who may use the bot."""
    appeal = " ".join(settings.storyfork_appeal.split())
    return AccessPolicy(settings.storyfork_operators, settings.storyfork_access, appeal, settings.storyfork_leave)


def seat_names(spec: PlatformSpec, settings: BotSettings) -> tuple[str, str]:
    """Return the names under which processes compete for listening and for sending."""
    shards = spec.shards(settings)
    return f"{spec.name} {shards}" if shards else spec.name, spec.name


class Bot:
    """The platforms of this process, and what they share."""

    def __init__(
        self,
        platforms: Mapping[str, Platform],
        topics: Topics,
        queue: Queue,
        database_url: str,
        identity: ProcessIdentity,
        *,
        seats: Mapping[str, tuple[str, str]],
        ids: Mapping[str, str] = MappingProxyType({}),
        policy: AccessPolicy = OPEN,
        adults: bool = False,
        limits: UsageLimits = UNLIMITED,
        moderation: ModerationPolicy = PLAIN,
        terms: PrivacyTerms = NO_TERMS,
        sampling: OperatorSampling | None = None,
    ) -> None:
        """The database is open. ``seats``: for listening and sending, by platform; a platform without is local.

        ``ids``: the bots' ids by platform, where the settings tell them.
        """
        self._queue = queue
        prompts = default_registry()
        around = ViewServices(
            topics.commands, topics.forms, prompts, queue, policy.operators, policy.appeal, limits, terms,
            sampling or product_sampling(),
        )  # fmt: skip
        composer = Composer(topics.views, around)
        names = dict.fromkeys(name for pair in seats.values() for name in pair)
        self._leadership = Leadership(
            database_url, names, problem=self._problem, changed=self._notify, identity=identity
        )
        self._seats = {name: self._leadership.seats[sending] for name, (_, sending) in seats.items()}
        self._runners = {
            name: PlatformRunner(
                platform, self._turns(seats[name]) if name in seats else ALWAYS_LEADS, ids.get(name, "")
            )
            for name, platform in platforms.items()
        }
        self._board = ProgressBoard(platforms, composer.cancel_buttons, allowed_s=self._proof_left)
        self._courier = Courier(platforms, composer, self._board, allowed=lambda name: self._proof_left(name) > 0)
        capabilities = {name: platform.capabilities for name, platform in platforms.items()}
        self._router = Router(
            topics, composer, prompts, queue, capabilities, self._on_commit, adults=adults, policy=policy,
            limits=limits, moderation=moderation,
        )  # fmt: skip
        self._fetcher = FileFetcher(platforms, self._router, topics.commands)
        self._wakeups: set[asyncio.Task[None]] = set()

    async def serve(self, stop: asyncio.Event) -> int:
        """Serve until ``stop`` is set or until the console ends; return the exit status. Raises `PlatformRefused`."""
        delivering = asyncio.create_task(self._courier.run(), name="courier")
        aside = [
            asyncio.create_task(self._leadership.run(), name="leadership"),
            asyncio.create_task(forever("hearing", self._hear), name="hearing"),
            asyncio.create_task(
                forever("late jobs", self._queue.end_late_jobs, pause_s=jobs.CHECK_SECONDS), name="late jobs"
            ),
            asyncio.create_task(forever("fetching files", self._fetcher.run), name="fetching"),
        ]
        ends: list[asyncio.Task[object]] = [
            *(asyncio.create_task(runner.run(self._router), name=name) for name, runner in self._runners.items()),
            asyncio.create_task(until_hopeless(list(self._runners.values())), name="refused"),
            asyncio.create_task(stop.wait(), name="stop"),
            delivering,
        ]
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        _log.info("the bot stops: %s", ", ".join(task.get_name() for task in done))
        # Messages under way are sent before the clients close; all others are another process's from here on.
        await self._leadership.retire()
        await self._board.close()
        await _cancelled(aside)
        await self._leadership.release()
        await _cancelled([delivering])
        await _cancelled(ends)
        for task in done:
            task.result()
        codes = (getattr(runner.platform, "exit_code", 0) for runner in self._runners.values())
        return next((code for code in codes if code), 0)

    def _turns(self, names: tuple[str, str]) -> Turns:
        listening, sending = (self._leadership.seats[name] for name in names)
        return SeatedTurns(listening, sending)

    def _proof_left(self, platform: str) -> float:
        """Return for how many seconds this process may send for a platform."""
        seat: Seat | None = self._seats.get(platform)
        return math.inf if seat is None else seat.proof_left()

    async def _problem(self, seat: str) -> str:
        runner = self._runners.get(seat.partition(" ")[0])
        return "" if runner is None else await runner.state()

    def _notify(self) -> None:
        for name in self._runners:
            self._courier.notify(name)

    def _on_commit(self, event: Event, outcome: Outcome) -> None:
        self._courier.notify(event.platform)
        self._fetcher.notify(event.platform)
        if outcome.status in {"answered", "working"} and self._proof_left(event.platform) <= 0:
            # Another process sends for this platform.
            task = asyncio.create_task(self._queue.publish(outbox_channel(event.platform)))
            self._wakeups.add(task)
            task.add_done_callback(self._wakeups.discard)

    async def _hear(self) -> None:
        """Pass published messages on."""
        channels = {outbox_channel(name): name for name in self._runners}
        async for heard in self._queue.listen(PROGRESS_CHANNEL, *channels):
            if heard is None:
                self._notify()
            elif heard[0] == PROGRESS_CHANNEL:
                try:
                    self._board.hear(heard[1])
                except Exception:  # noqa: BLE001 - whoever reaches Redis can publish anything
                    _log.warning("a malformed progress message is dropped")
            elif heard[0] in channels:
                self._courier.notify(channels[heard[0]])


async def _cancelled(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait for their clean-up, which is bounded by `CLOSE_SECONDS`."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
