"""Asking a database the way the service does."""

import asyncpg

from db.connection import credentials


async def query(url: str, sql: str, *values: object) -> object:
    """Return the first value of a statement's result."""
    connection = await asyncpg.connect(**credentials(url))
    try:
        return await connection.fetchval(sql, *values)
    finally:
        await connection.close()
