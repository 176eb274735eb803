"""Fixtures of all tests: one embedded stack per session, a clean database per test."""

import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from bot.stack.embedded import EmbeddedStack, embedded_stack
from db.connection import connect, rows
from db.migrate import migrate


@pytest.fixture(scope="session")
async def stack() -> AsyncGenerator[EmbeddedStack]:
    """The real servers, in a data directory of this session."""
    with tempfile.TemporaryDirectory(prefix="storyfork-test-") as home:
        async with embedded_stack(Path(home), durable=False) as running:
            yield running


@pytest.fixture(scope="session")
async def migrated(stack: EmbeddedStack) -> str:
    """The URL of the session's database, with its tables."""
    await migrate(stack.database_url)
    return stack.database_url


@pytest.fixture
async def database(migrated: str) -> AsyncGenerator[str]:
    """A clean database, connected: no row is left from another test."""
    async with connect(migrated):
        found = await rows(
            "SELECT string_agg(quote_ident(tablename), ', ') AS names FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename NOT LIKE 'schema\\_%'"
        )
        await rows(f"TRUNCATE {found[0]['names']} RESTART IDENTITY CASCADE")
        yield migrated


@pytest.fixture
async def redis_url(stack: EmbeddedStack) -> AsyncGenerator[str]:
    """A clean Redis."""
    from redis.asyncio import Redis

    client = Redis.from_url(stack.redis_url)
    await client.flushall()
    yield stack.redis_url
    await client.aclose()
