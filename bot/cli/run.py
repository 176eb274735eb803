"""What `demo`, `up`, `bot`, `worker`, `migrate` and `models` do."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NoReturn

import typer

from bot.cli.children import SettingsRefused, ask_workers, bot_spec, child_environment, module_argv, worker_spec
from bot.cli.errors import OperatorError
from bot.cli.preflight import check_webhook, database_url, redis_url
from bot.cli.signals import Signalled, child_takes_ctrl_c, run_to_end, run_until_signalled
from bot.platforms.registry import configured, platforms
from bot.settings import BotSettings
from bot.stack.embedded import embedded_stack
from bot.stack.home import StackPaths, StackUrls, read_record
from bot.stack.process import ProcessSpec, start_process
from bot.stack.supervisor import EX_CONFIG, ServiceSupervisor
from db.errors import Outage
from db.faults import translated
from db.loading import loading
from db.migrate import MigrationError, migrate
from db.schemas import load_schemas

log = logging.getLogger(__name__)


def run_demo(settings: BotSettings) -> int:
    """Run the embedded stack, a cpu worker and the console; returns the console's exit code."""
    return run_until_signalled(_demo(settings))


def run_up(settings: BotSettings) -> int:
    """Run everything on this machine until a signal arrives or a part fails for good; returns the exit code.

    Raises:
        OperatorError: no platform has a token.
    """
    platforms = configured(settings)
    if not platforms:
        raise OperatorError(
            "No chat platform is set up. Set DISCORD_TOKEN (from https://discord.com/developers/applications) or "
            "TELEGRAM_TOKEN (from @BotFather) in the environment or in a file named .env; both may be set. "
            "`storyfork demo` plays in this terminal without either."
        )
    check_webhook(settings)
    urls = StackUrls(database_url(), redis_url(settings))
    try:
        return run_until_signalled(_up(settings, urls, platforms))
    except Signalled:
        return 0


def run_bot(settings: BotSettings, names: list[str]) -> int:
    """Run the bot process here, attached to running servers; returns its exit code.

    Raises:
        OperatorError: a platform has no token, or no servers were found.
    """
    ready = configured(settings)
    chosen = names or ready
    if not chosen:
        raise OperatorError(
            "No chat platform is set up: set DISCORD_TOKEN or TELEGRAM_TOKEN, or use --platform console."
        )
    for name in chosen:
        spec = platforms().get(name)
        if spec is None:
            raise OperatorError(f"There is no platform {name}. There are: {', '.join(platforms().names)}.")
        if name not in ready and spec.needs:
            raise OperatorError(f"{spec.needs} is not set, and --platform {name} needs it.")
    if "telegram" in chosen:
        check_webhook(settings)
    urls = attach(settings)
    os.environ.update(DATABASE_URL=urls.database_url, REDIS_URL=urls.redis_url)
    with loading():
        from bot.app import run
        from bot.platforms.base import PlatformRefused

    try:
        return run_to_end(run(settings.model_copy(update={"redis_url": urls.redis_url}), chosen))
    except (PlatformRefused, MigrationError) as error:
        log.error("%s", error)  # noqa: TRY400  the operator can act on the message, not on a trace
        return EX_CONFIG
    except Outage as error:
        log.error("The database cannot be used now: %s", error)  # noqa: TRY400
        return os.EX_TEMPFAIL


def run_worker(settings: BotSettings, queue: str) -> NoReturn:
    """Become a worker for one queue, attached to running servers.

    Raises:
        OperatorError: no servers were found.
    """
    environment = child_environment(settings.storyfork_home, attach(settings))
    argv = module_argv("workers", "run", "--queue", queue)
    os.execve(argv[0], argv, {**os.environ, **environment})  # noqa: S606  no shell is wanted


def run_migrate(settings: BotSettings) -> list[str]:
    """Apply pending migrations and return their names. Starts the embedded server if none is running."""
    return run_until_signalled(_migrate_anywhere(settings))


def run_models(settings: BotSettings) -> int:
    """List the models, as the workers see them; returns the exit code."""
    command = module_argv("workers", "models")
    environment = {**os.environ, **child_environment(settings.storyfork_home)}
    with child_takes_ctrl_c():
        return subprocess.run(command, env=environment, check=False).returncode


def attach(settings: BotSettings) -> StackUrls:
    """Find the servers: the configured URLs, else those of the stack running in the data directory.

    Raises:
        OperatorError: one of the two is missing; the message says which.
    """
    database, queue = database_url(), redis_url(settings)
    if database and queue:
        return StackUrls(database, queue)
    running = read_record(StackPaths(settings.storyfork_home.expanduser().absolute()))
    if running is not None:
        return StackUrls(database or running.database_url, queue or running.redis_url)
    missing = [name for name, url in (("DATABASE_URL", database), ("REDIS_URL", queue)) if not url]
    raise OperatorError(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and no stack runs in "
        f"{settings.storyfork_home}. Start one with `storyfork up` (or `demo`), or set the variables."
    )


@asynccontextmanager
async def reach_database(settings: BotSettings) -> AsyncGenerator[str]:
    """Yield the URL of the database: the configured one, else the embedded one, started for the block if needed.

    Raises:
        StackError: the embedded server cannot be started.
    """
    url = database_url()
    if not url:
        running = await asyncio.to_thread(read_record, StackPaths(settings.storyfork_home))
        url = running.database_url if running is not None else ""
    if url:
        yield url
        return
    async with embedded_stack(settings.storyfork_home, redis_url="unused") as stack:
        yield stack.database_url


async def apply_migrations(url: str) -> list[str]:
    """Bring the database at `url` up to date; returns the names applied.

    Raises:
        OperatorError: the database cannot be reached, or is newer than this release.
    """
    try:
        with translated():
            return await migrate(url, load_schemas().specs)
    except (Outage, ValueError, MigrationError) as error:
        raise OperatorError(f"The database cannot be used (DATABASE_URL): {error}") from None


async def _demo(settings: BotSettings) -> int:
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    if interactive:
        typer.echo("Starting the database, the queue and a worker …", err=True)
    async with embedded_stack(settings.storyfork_home) as stack, ServiceSupervisor() as supervisor:
        await apply_migrations(stack.database_url)
        environment, drain = child_environment(stack.paths.home, stack), settings.storyfork_drain_seconds
        await supervisor.start(worker_spec("cpu", environment, stack.paths.logs / "worker-cpu.log", drain))
        drawing = worker_spec("gpu", environment, stack.paths.logs / "worker-gpu.log", drain)
        pictures = asyncio.create_task(_draw_too(supervisor, environment, drawing))
        # SIGTERM, not SIGKILL, when we are killed: the console must restore the terminal.
        spec = bot_spec(["console"], environment, "terminal")
        spec = replace(spec, foreground=True, death_signal=signal.SIGTERM)
        console = await start_process(spec)
        ended = asyncio.create_task(console.wait())
        hopeless = asyncio.create_task(supervisor.wait_failed())
        try:
            await asyncio.wait({ended, hopeless}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                raise OperatorError(f"{hopeless.result()} See {stack.paths.logs}.")
            code = ended.result()
        finally:
            hopeless.cancel()
            pictures.cancel()
            await asyncio.gather(pictures, return_exceptions=True)
            await console.stop()
    return code if code >= 0 else 128 - code


async def _draw_too(supervisor: ServiceSupervisor, environment: dict[str, str], worker: ProcessSpec) -> None:
    """Start the picture worker if there is a model; the console does not wait for it."""
    if await _has_image_model(environment):
        await supervisor.start(worker)


async def _up(settings: BotSettings, urls: StackUrls, platforms: list[str]) -> int:
    # Asked first: workers that refuse their settings end this before anything has started.
    queues = ["cpu", *(["gpu"] if await _has_image_model(child_environment(settings.storyfork_home)) else [])]
    async with (
        embedded_stack(settings.storyfork_home, database_url=urls.database_url, redis_url=urls.redis_url) as stack,
        ServiceSupervisor() as supervisor,
    ):
        applied = await apply_migrations(stack.database_url)
        log.info("The database is up to date (%d migrations applied)", len(applied))
        environment = child_environment(stack.paths.home, stack)
        await supervisor.start(
            *(worker_spec(queue, environment, "prefix", settings.storyfork_drain_seconds) for queue in queues)
        )
        await supervisor.start(bot_spec(platforms, environment, "prefix"))
        log.info("Running: %s; workers: %s", ", ".join(platforms), ", ".join(queues))
        raise OperatorError(await supervisor.wait_failed())


async def _migrate_anywhere(settings: BotSettings) -> list[str]:
    async with reach_database(settings) as url:
        return await apply_migrations(url)


async def _has_image_model(environment: dict[str, str]) -> bool:
    try:
        models = await ask_workers("models", environment)
    except SettingsRefused:
        raise
    except OperatorError as error:
        log.warning("Starting without a gpu worker: %s", error)
        return False
    return any(model.get("kind") == "image" and model.get("fits", True) for model in models)
