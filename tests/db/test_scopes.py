"""What belongs to one account, nobody gets at by way of another: every public function of `db` is tried."""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import nullcontext
from fnmatch import fnmatchcase
from typing import Any, Final

import pytest

import db
from benchmarks.growth_cases import undone
from db.connection import row, rows, transaction
from db.errors import StoryforkError
from db.merging import Merger
from db.ownership import Ownership
from db.privacy import rules
from tests.db.scopes import CALLS, EXEMPT, SUBJECT, Cast
from tests.db.test_privacy import lives

SNAPSHOTS: Final = tuple(f"data_exports.export_{whose}" for whose in ("account", "place", "person"))
_PREPARED: Final = 15_000
_LEFT_OUT: Final = ("models", "payloads", "migrations")


def functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """All public functions, and methods of public classes, that may reach the database, by module and name."""
    for found in pkgutil.walk_packages(db.__path__, "db."):
        if found.name.split(".")[1] in _LEFT_OUT:
            continue
        module = importlib.import_module(found.name)
        name = found.name.removeprefix("db.")
        for key, value in vars(module).items():
            if key.startswith("_") or getattr(value, "__module__", "") != found.name:
                continue
            if _reaches(value):
                yield f"{name}.{key}", value
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    plain = getattr(function, "__func__", function)
                    if not method.startswith("_") and _reaches(plain):
                        yield f"{name}.{key}.{method}", plain


def _reaches(value: object) -> bool:
    plain = inspect.unwrap(value) if callable(value) and not inspect.isclass(value) else value
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


FUNCTIONS: Final = dict(functions())


def exempt(name: str) -> str | None:
    """The entry that exempts a function."""
    return next((entry for entry in EXEMPT if entry == name or fnmatchcase(name, entry)), None)


def test_every_function_is_tried_or_has_a_reason():
    assert [name for name in FUNCTIONS if name not in CALLS and not exempt(name)] == [], "add it to tests/db/scopes.py"
    assert [name for name in CALLS if name not in FUNCTIONS] == [], "there is no such function any more"
    assert [name for name in CALLS if exempt(name)] == [], "what is tried needs no exemption"


def test_every_exemption_is_needed():
    used = {exempt(name) for name in FUNCTIONS}
    assert [entry for entry in EXEMPT if entry not in used] == [], "nothing is exempt by this any more"
    scoped = {n for n, f in FUNCTIONS.items() if exempt(n) and "account_id" in inspect.signature(f).parameters}
    # They are given an account to write it down; what they work on is named by the product.
    assert scoped == {"jobs.leases.add", "moderation.note", "usage.begin", "access.tell_unlisted"}


class Watch:
    """Sees whether anything of an account or person changed, and whether rows of two accounts refer to each other."""

    def __init__(self, cast: Cast, owned: Ownership) -> None:
        self.cast, self.owned = cast, owned
        tables = [t for t in owned.owned() if t not in {"public.users", "public.identities"}]
        # A sum over the rows of each table.
        self.sums = _united(
            f"SELECT '{table}' AS name, md5(string_agg(t::text, '|' ORDER BY t::text)) AS sum "
            f"FROM {table} t WHERE {owned.belongs(table)}"
            for table in tables
        )
        self.links = _united(
            f"SELECT '{key.table}.{column}' AS name FROM {key.table} WHERE ({owned.belongs(key.table)}) "
            f"AND {column} IN (SELECT {key.link.others[0]} FROM {key.link.table} "
            f"WHERE {owned.belongs(key.link.table, '= $2')})"
            for key in owned.catalogue.keys
            for column in key.link.columns[:1]
            if key.table in tables and key.link.table in tables
        )

    async def sum(self) -> dict[str, str | None]:
        """A sum over everything that is the other's."""
        found = [f for each in self.sums for f in await rows(each, self.cast.other.account.id)]
        person = await row(
            "SELECT md5(string_agg(u::text || i::text, '|')) AS sum FROM users u JOIN identities i ON i.user_id = u.id "
            "WHERE u.id = $1",
            self.cast.other.user.id,
        )
        assert person is not None
        return {f["name"]: f["sum"] for f in found} | {"person": person["sum"]}

    async def crossed(self) -> list[str]:
        """Columns of ben's rows that refer to rows of the other."""
        both = self.cast.account, self.cast.other.account.id
        return sorted({f["name"] for each in self.links for f in await rows(each, *both)})


def _united(selects: Iterable[str]) -> list[str]:
    """A few statements instead of many, each of a length that the driver prepares once (asyncpg: 15 KiB)."""
    united: list[str] = []
    for select in selects:
        if united and len(united[-1]) + len(select) < _PREPARED:
            united[-1] += f" UNION ALL {select}"
        else:
            united.append(select)
    return united


@pytest.fixture
async def watch(database: str) -> Watch:
    other, ben = await lives(SUBJECT), await lives("quillon")
    owned = Ownership((await Merger.read()).catalogue, rules([]))
    ids: dict[str, int] = {}
    for table in owned.owned():
        short = table.removeprefix("public.")
        has_id = "SELECT 1 FROM information_schema.columns WHERE table_name = $1 AND column_name = 'id'"
        if await row(has_id, short) is not None:
            found = await row(f"SELECT max(id) AS id FROM {table} WHERE {owned.belongs(table)}", other.account.id)
            assert found is not None
            ids[short] = found["id"]
    await rows("UPDATE outbox SET state = 'sent', message_ids = '[\"m1\"]' WHERE payload ->> 'key' = $1", SUBJECT)
    return Watch(Cast(ben, other, ids), owned)


async def test_nobody_gets_at_what_is_anothers(watch: Watch):
    before, wrong = await watch.sum(), list[str]()
    assert await watch.crossed() == []
    for name, call in CALLS.items():
        # A snapshot is a transaction of its own; it only reads.
        async with nullcontext() if name in SNAPSHOTS else undone():
            result = await _outcome(call, watch.cast)
            if SUBJECT in repr(result):
                wrong.append(f"{name} returned something of the other: {result!r}")
            written = await row("SELECT txid_current_if_assigned() IS NOT NULL AS anything")
            if written == {"anything": False} and name not in SNAPSHOTS:
                continue
            if (after := await watch.sum()) != before:
                wrong.append(f"{name} changed {[t for t in before if before[t] != after[t]]} of the other")
            wrong += [f"{name} made {column} refer to the other's" for column in await watch.crossed()]
    assert wrong == [], "\n".join(wrong)


async def _outcome(call: Callable[[Cast], Awaitable[Any]], cast: Cast) -> Any:
    try:
        if call in map(CALLS.get, SNAPSHOTS):
            return await call(cast)
        async with transaction():
            return await call(cast)
    except StoryforkError as e:
        return str(e) if SUBJECT not in str(e) else type(e).__name__  # what one typed oneself


async def test_a_function_that_looks_at_no_account_would_be_seen(watch: Watch):
    """The test above sees what it is for."""
    before = await watch.sum()
    async with undone():
        await rows("UPDATE stories SET revision = revision + 1 WHERE id = $1", watch.cast["stories"])
        assert await watch.sum() != before
        await rows("UPDATE conversations SET story_id = $2 WHERE id = $1", watch.cast.chat, watch.cast["stories"])
        assert await watch.crossed() == ["public.conversations.story_id"]
