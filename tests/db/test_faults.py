"""What the server's and the driver's errors mean: wait, give up the values, or a defect."""

import asyncio

import asyncpg
import pytest

from db.connection import connect, credentials, row, rows, transaction
from db.errors import Outage, Unstorable

pytestmark = pytest.mark.usefixtures("no_pool")

AWAY = [
    "08006", "08P01", "25006", "25P03", "25P04", "28P01", "28000", "3D000", "53000", "53100", "53200", "53300", "55P03",
    "57014", "57P01", "57P02", "57P03", "57P05", "58000", "58030",
]  # fmt: skip
AGAIN = ["26000", "40001", "40P01", "40003", "42P05"]
DATA = ["22001", "22003", "22021", "22P02", "22P05", "23502", "23503", "23505", "23514", "54000", "54001"]
DEFECTS = ["42601", "42P01", "42703", "42883", "42501", "0A000", "XX000", "P0001"]


async def _raise(code: str) -> None:
    await rows(f"DO $$ BEGIN RAISE EXCEPTION 'secret words' USING ERRCODE = '{code}', DETAIL = 'a row'; END $$")


@pytest.mark.parametrize("inside", [False, True])
async def test_every_code_has_its_kind(migrated: str, inside: bool):
    async def kind_of(code: str) -> str:
        try:
            if inside:
                async with transaction():
                    await _raise(code)
            else:
                await _raise(code)
        except (Outage, Unstorable) as e:
            texts.append(f"{e} {e.__cause__ or ''}")
            return "data" if isinstance(e, Unstorable) else "again" if e.at_once else "away"
        except asyncpg.PostgresError:
            return "defect"
        return "nothing"

    texts: list[str] = []
    async with connect(migrated, pool_size=1):
        found = {code: await kind_of(code) for code in AWAY + AGAIN + DATA + DEFECTS}
        assert found == (
            dict.fromkeys(AWAY, "away")
            | dict.fromkeys(AGAIN, "again")
            | dict.fromkeys(DATA, "data")
            | dict.fromkeys(DEFECTS, "defect")
        )
        assert await row("SELECT 1 AS one") == {"one": 1}
    assert not [text for text in texts if "a row" in text], "logs hold no rows"


@pytest.mark.parametrize("value", ["\0", "a\ud800", 2**70, "x" * 2000])
async def test_values_that_no_column_takes_are_unstorable(migrated: str, value: object):
    async with connect(migrated, pool_size=1):
        sql = "SELECT $1::int8" if isinstance(value, int) else "SELECT $1::text"
        if isinstance(value, str) and len(value) > 1000:
            await rows("CREATE TEMP TABLE short (t varchar(1000))")
            sql = "INSERT INTO short VALUES ($1)"
        with pytest.raises(Unstorable):
            await rows(sql, value)
        assert await row("SELECT 1 AS one") == {"one": 1}


async def test_a_read_only_server_is_away_and_comes_back(migrated: str):
    async with connect(migrated, pool_size=1):
        await rows("CREATE TABLE public.written (n int)")
        try:
            await rows("SET default_transaction_read_only = on")
            with pytest.raises(Outage, match="25006"):
                await rows("INSERT INTO public.written VALUES (1)")
            await rows("SET default_transaction_read_only = off")
            await rows("INSERT INTO public.written VALUES (1)")
        finally:
            await rows("DROP TABLE public.written")


async def test_a_statement_whose_table_changed_runs_again(migrated: str):
    async with connect(migrated, pool_size=2):
        await rows("CREATE TABLE public.changing (n int)")
        try:
            await rows("SELECT * FROM public.changing")
            await rows("ALTER TABLE public.changing ADD COLUMN m int")
            assert await rows("SELECT * FROM public.changing") == []
            await rows("ALTER TABLE public.changing ADD COLUMN o int")

            async def inside() -> None:
                async with transaction():
                    await rows("SELECT * FROM public.changing")

            with pytest.raises(Outage) as raised:
                await inside()
            assert raised.value.at_once
            await inside()
        finally:
            await rows("DROP TABLE public.changing")


async def test_a_killed_session_is_an_outage_of_one_statement(migrated: str):
    async with connect(migrated, pool_size=1):
        await rows("SELECT 1")
        victim = asyncio.create_task(rows("SELECT pg_sleep(30)"))
        aside = await asyncpg.connect(**credentials(migrated))
        while not await aside.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'"
        ):
            await asyncio.sleep(0.01)
        await aside.close()
        with pytest.raises(Outage):
            await victim
        assert await row("SELECT 1 AS one") == {"one": 1}


async def test_a_swallowed_error_does_not_pass_for_a_commit(migrated: str):
    async def careless() -> None:
        async with transaction():
            with pytest.raises(asyncpg.UndefinedTableError):
                await rows("SELECT * FROM no_such_table")

    async with connect(migrated, pool_size=1):
        with pytest.raises(RuntimeError, match="rolled it back"):
            await careless()
