"""What engines report about themselves, for `/status`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

STATISTICS_S = 2.0
"""Longest wait for an engine's figures."""


async def reports(name: str, statistics: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
    """Return the figures of an engine's models, each with the engine's name as ``engine``.

    If it fails or does not answer in time, ``loaded`` is false and ``problem`` says why.
    """
    try:
        async with asyncio.timeout(STATISTICS_S):
            return [{"loaded": True, **figures, "engine": name} for figures in await statistics()]
    except Exception as error:  # noqa: BLE001 - figures are not worth a worker
        return [{"engine": name, "loaded": False, "problem": str(error) or type(error).__name__}]


async def report(name: str, statistics: Callable[[], Awaitable[Mapping[str, Any] | None]]) -> dict[str, Any]:
    """Return the figures of an engine with one model, None if that is not loaded. See `reports`."""

    async def figures() -> list[Mapping[str, Any]]:
        return [{"loaded": False} if (found := await statistics()) is None else found]

    return (await reports(name, figures))[0]
