"""What `storyfork doctor` finds in the database and the environment, besides what test_cli.py shows of the command."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bot.cli.checks import Check, Installation, State, _voices_in
from bot.cli.database_checks import check_database
from bot.cli.environment_checks import check_environment
from bot.settings import BotSettings
from bot.stack import EmbeddedStack, StackPaths
from bot.stack.postgres import EmbeddedPostgres
from db.environment import prepare_environment
from db.migrate import migrate
from tests.bot.stack.asking import query


@pytest.fixture
async def database(stack: EmbeddedStack) -> str:
    """A database of its own with our tables."""
    server = EmbeddedPostgres(stack.paths)
    await query(stack.database_url, "DROP DATABASE IF EXISTS examined WITH (FORCE)")
    await server.ensure_database("examined")
    await migrate(server.url("examined"))
    return server.url("examined")


@pytest.fixture
def examine(tmp_path: Path) -> Callable[[str], Installation]:
    return lambda url: Installation(BotSettings(storyfork_home=tmp_path), StackPaths(tmp_path), url, None)


async def test_the_schema_is_named(database: str, examine: Callable[[str], Installation]) -> None:
    [found, vectors] = await check_database(examine(database))
    assert (vectors.name, vectors.state) == ("pgvector", State.OK)
    newest = await query(database, "SELECT max(name) FROM schema_migrations")
    assert found == Check("database", State.OK, f"DATABASE_URL: reachable, all migrations applied, up to {newest}")


@pytest.mark.parametrize(("shift", "said"), [("1 day", "86400 s ahead of"), ("-1 day", "86400 s behind")])
async def test_clocks_that_differ_are_named(
    database: str, examine: Callable[[str], Installation], shift: str, said: str
) -> None:
    await query(database, "CREATE SCHEMA shifted")
    await query(
        database,
        "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
        f"$$ SELECT pg_catalog.clock_timestamp() + interval '{shift}' $$",
    )
    await query(database, "ALTER DATABASE examined SET search_path = shifted, pg_catalog, public")
    reached, _, clocks = await check_database(examine(database))
    assert reached.state is State.OK
    assert (clocks.name, clocks.state) == ("clocks", State.WARN)
    assert said in clocks.detail
    assert "NTP" in clocks.advice


async def test_a_server_without_pgvector_is_named(database: str, examine: Callable[[str], Installation]) -> None:
    await query(database, "CREATE SCHEMA without")
    await query(
        database,
        "CREATE VIEW without.pg_available_extensions AS SELECT * FROM pg_catalog.pg_available_extensions WHERE false",
    )
    await query(database, "ALTER DATABASE examined SET search_path = without, pg_catalog, public")
    _, vectors = await check_database(examine(database))
    assert (vectors.name, vectors.state) == ("pgvector", State.WARN)
    assert "searched by words alone" in vectors.detail


@pytest.mark.parametrize(
    "url", ["postgres://x@127.0.0.1:1/x?sslmode=disable", "postgres://x@host:70000/x", "mysql://x"]
)
async def test_a_database_that_cannot_be_used_is_a_finding(url: str, examine: Callable[[str], Installation]) -> None:
    [found] = await check_database(examine(url))
    assert found.state is State.FAIL


async def test_settings_that_nothing_reads_and_proxies_are_named(
    examine: Callable[[str], Installation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STORYFORK_LLAMA_PARALLEL", "4")
    monkeypatch.setenv("STORYFORK_LLAMA_CELLS", "4096")
    monkeypatch.setenv("https_proxy", "http://user:secret@proxy:3128")
    monkeypatch.setenv("http_proxy", "")
    (tmp_path / ".env").write_text("DISCORD_BOT_TOKEN=x\nSTORYFORK_WORKER_JBOS=3\nEDITOR=vi\n", encoding="utf-8-sig")
    prepare_environment()
    proxy, *settings = await check_environment(examine(""))
    assert proxy.detail.startswith("https by proxy:3128; directly: ")
    assert [(check.detail.partition(" ")[0], check.advice) for check in settings] == [
        ("DISCORD_BOT_TOKEN", "Is DISCORD_TOKEN meant?"),
        ("STORYFORK_LLAMA_PARALLEL", "Is STORYFORK_LLAMA_MAX_NUM_SEQS meant?"),
        ("STORYFORK_WORKER_JBOS", "Is STORYFORK_WORKER_JOBS meant?"),
    ]


async def test_what_is_switched_off_is_named(database: str, examine: Callable[[str], Installation]) -> None:
    await query(
        database,
        "INSERT INTO service_switches (name, message) VALUES ('maintenance', 'Back at nine.'), ('command imagine', '')",
    )
    _, _, maintenance, commands = await check_database(examine(database))
    assert (maintenance.state, commands.state) == (State.WARN, State.WARN)
    assert "Back at nine." in maintenance.detail
    assert commands.detail == "switched off: imagine"


ALL = 1 << 29 | 1 << 16


@pytest.mark.parametrize(
    ("permissions", "state", "said"),
    [
        ([ALL, 1 << 3], State.OK, "in every server (2)"),
        ([ALL, 1 << 16], State.WARN, "Manage Webhooks is missing in server 1 (1)"),
        ([1 << 29, 0], State.WARN, "Read Message History is missing in server 0, server 1 (2)"),
        ([0] * 7, State.WARN, "Manage Webhooks is missing in server 0, server 1, server 2, server 3, server 4 … (7)"),
    ],
)
def test_servers_in_which_personas_have_no_name_are_named(permissions: list[int], state: State, said: str) -> None:
    guilds = [{"name": f"server {n}", "permissions": str(bits)} for n, bits in enumerate(permissions)]
    found = _voices_in(guilds)
    assert found.state is state
    assert said in found.detail
    assert found.advice == "" or "DISCORD_WEBHOOKS" in found.advice
