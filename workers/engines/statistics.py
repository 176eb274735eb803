"""What engines report about themselves, for `/status`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

STATISTICS_S = 2.0
"""Longest wait for an engine's figures."""


async def report(name: str, statistics: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> dict[str, Any]:
    """Return an engine's figures with its name as ``engine``.

    If it is not loaded (None), fails or does not answer in time, ``loaded`` is false and ``problem`` says why.
    """
    try:
        async with asyncio.timeout(STATISTICS_S):
            figures = await statistics()
    except Exception as error:  # noqa: BLE001 - figures are not worth a worker
        return {"engine": name, "loaded": False, "problem": str(error) or type(error).__name__}
    return {"loaded": figures is not None, **(figures or {}), "engine": name}
