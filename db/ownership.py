"""Ownership of rows: the rules of all tables and the foreign keys of the database, turned into SQL conditions.

A table's owner columns lead, link by link, to the row of an account. For a table without a rule (its package was
removed) the foreign keys alone decide.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from db.schemas import OwnerLink, TableRule, quoted

ACCOUNTS: Final = "public.accounts"

_TABLES: Final = """
SELECT n.nspname || '.' || c.relname AS name,
    coalesce(array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.atttypid = 'bytea'::regtype), '{}') AS bytes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema'
    AND n.nspname NOT LIKE 'pg\\_%'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
        AND d.deptype = 'e')
GROUP BY 1 ORDER BY 1"""
_KEYS: Final = """
SELECT n.nspname || '.' || c.relname AS name, tn.nspname || '.' || t.relname AS target, k.confdeltype::text AS deletes,
    (SELECT array_agg(a.attname ORDER BY o) FROM unnest(k.conkey) WITH ORDINALITY u(n, o)
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.n) AS columns,
    (SELECT array_agg(a.attname ORDER BY o) FROM unnest(k.confkey) WITH ORDINALITY u(n, o)
        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = u.n) AS others
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class t ON t.oid = k.confrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE k.contype = 'f' AND k.conparentid = 0 ORDER BY 1, k.conname"""


class CatalogueReader(Protocol):
    """The part of asyncpg's connection that is used here, pooled or not."""

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        """Run a query and return its rows."""
        ...


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of ``table``; ``detaches``: its columns become NULL when the referenced row is deleted."""

    table: str
    link: OwnerLink
    detaches: bool


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The tables of the database, as ``schema.table``, with their columns of bytes, and all foreign keys."""

    tables: Mapping[str, tuple[str, ...]]
    keys: tuple[ForeignKey, ...]


async def read_catalogue(connection: CatalogueReader) -> Catalogue:
    """Read the tables and foreign keys of the connected database, without those of PostgreSQL and its extensions."""
    tables = {r["name"]: tuple(r["bytes"]) for r in await connection.fetch(_TABLES)}
    keys = tuple(
        ForeignKey(r["name"], OwnerLink(tuple(r["columns"]), r["target"], tuple(r["others"])), r["deletes"] in "nd")
        for r in await connection.fetch(_KEYS)
    )
    return Catalogue(tables, keys)


@dataclass(frozen=True)
class Ownership:
    """The rules (by ``schema.table``) applied to a database."""

    catalogue: Catalogue
    rules: Mapping[str, TableRule]
    _links: dict[str, tuple[OwnerLink, ...]] = field(default_factory=dict[str, tuple[OwnerLink, ...]], init=False)

    def links(self, table: str) -> tuple[OwnerLink, ...]:
        """Return the links from a table to the rows that own its rows; none for a table without owners."""
        if table not in self._links:
            self._links[table] = tuple(self._find_links(table))
        return self._links[table]

    def _find_links(self, table: str) -> Iterable[OwnerLink]:
        keys = [k for k in self.catalogue.keys if k.table == table and k.link.table != table]
        rule = self.rules.get(table)
        if rule is None:
            yield from (k.link for k in keys if not k.detaches)
            return
        for owner in rule.owner:
            if isinstance(owner, OwnerLink):
                yield owner
            else:
                yield from (k.link for k in keys if k.link.columns == (owner,))

    def belongs(self, table: str, accounts: str = "= $1") -> str:
        """Return the SQL condition for the rows of a table that belong to an account; "false" if none can.

        ``accounts`` is compared with the account's id. Columns are unqualified: use it with no other table in scope.
        """
        return " OR ".join(self.ways(table, accounts)) or "false"

    def ways(self, table: str, accounts: str = "= $1", seen: frozenset[str] = frozenset()) -> list[str]:
        """Return the alternatives of `belongs`: a statement with only one of them can use an index."""
        if table == ACCOUNTS:
            return [f'"id" {accounts}']
        found: list[str] = []
        for link in self.links(table):
            if link.table not in self.catalogue.tables or link.table in seen:
                continue
            owners = " UNION ALL ".join(
                f"SELECT {', '.join(map(_quote, link.others))} FROM {quoted(link.table)} WHERE {way}"
                for way in self.ways(link.table, accounts, seen | {table})
            )
            if owners:
                found.append(f"{_columns(link.columns)} IN ({owners})")
        return found

    def owned(self) -> list[str]:
        """Return the tables whose rows can belong to an account, each before the tables of its owners."""
        ordered: dict[str, None] = {}

        def visit(table: str, path: frozenset[str]) -> None:
            for link in self.links(table):
                if link.table not in path and link.table in self.catalogue.tables:
                    visit(link.table, path | {table})
            ordered.setdefault(table)

        for table in self.catalogue.tables:
            visit(table, frozenset())
        return [table for table in reversed(ordered) if self.belongs(table) != "false"]

    def keys_to(self, table: str) -> list[ForeignKey]:
        """Return the foreign keys of other tables that reference this one."""
        return [k for k in self.catalogue.keys if k.link.table == table and k.table != table]


def _columns(names: tuple[str, ...]) -> str:
    return f"({', '.join(map(_quote, names))})"


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
