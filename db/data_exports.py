"""What is exported: all rows of an account, or a person's own in every account, from one snapshot."""

import json
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final

from db.connection import own_connection
from db.ownership import Ownership, read_catalogue
from db.privacy import rules
from db.schemas import SchemaSpec, quoted

_BATCH: Final = 500
_BATCH_OF_FILES: Final = 4


async def export_account(
    account_id: int, specs: Sequence[SchemaSpec]
) -> AsyncGenerator[tuple[str, list[dict[str, Any]]]]:
    """Yield an account's rows, JSON-serialisable, in batches of one table (``schema.table``), from one snapshot.

    Bytes are encoded as base64. It holds a connection until it is exhausted or closed (`contextlib.aclosing`).
    """
    async with own_connection() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        found = Ownership(await read_catalogue(connection), rules(specs))
        for table in sorted(found.owned()):
            rule, bytes_ = found.rules.get(table), found.catalogue.tables[table]
            omitted = rule.omit if rule is not None else ()
            files = ", ".join(f"'{name}', translate(encode(\"{name}\", 'base64'), E'\\n', '')" for name in bytes_)
            sql = (
                f"SELECT (to_jsonb(t) || jsonb_build_object({files})) - $2::text[] AS found FROM {quoted(table)} t "
                f"WHERE {found.belongs(table)}"
            )
            batch: list[dict[str, Any]] = []
            size = _BATCH_OF_FILES if bytes_ else _BATCH
            async for record in connection.cursor(sql, account_id, list(omitted), prefetch=size):
                batch.append(json.loads(record["found"]))
                if len(batch) == size:
                    yield table, batch
                    batch = []
            if batch:
                yield table, batch
