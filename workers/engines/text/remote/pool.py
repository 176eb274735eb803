"""Several servers behind one engine: routing, circuit breakers and statistics.

A request goes to the least loaded server, by our own requests in flight relative to its capacity; the last one to
serve the same prefix is preferred, because it still holds the prefix in its KV cache. A server that keeps failing gets
no requests (its circuit is *open*) and is checked in the background; once it is alive again, one request is let through
(*half-open*), and if that succeeds it is back.
"""

import asyncio
import hashlib
import logging
import random
import statistics
from collections import OrderedDict, deque
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from workers.engines.errors import EngineError, EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.openai.errors import DEFAULT_RETRY_AFTER_S, Trouble
from workers.engines.text.base import TextRequest
from workers.engines.text.remote.endpoint import Endpoint
from workers.engines.text.remote_settings import DEFAULT_PARALLEL

OPEN_AFTER = 3
"""Consecutive failures after which a server's circuit opens."""
STICKY_MARGIN = 0.25
"""How much more loaded (share of its capacity) the server with the prefix may be and still be preferred."""
REMEMBERED_PREFIXES = 8192
_LATENCIES = 128
_PREFIXES_PER_REQUEST = 64
_log = logging.getLogger(__name__)
_dice = random.SystemRandom()


class Server:
    """One server of a pool, and its known state."""

    def __init__(self, endpoint: Endpoint, parallel: int = DEFAULT_PARALLEL) -> None:
        """``parallel`` is the number of requests that it works on at once."""
        self.endpoint = endpoint
        self.parallel = parallel
        self.in_flight = 0
        self.served = 0
        self.failed = 0
        self.state: Literal["closed", "open", "half-open"] = "closed"
        self.reason = ""
        self.full_until = 0.0
        self.failures_in_a_row = 0
        self.trial_runs = False
        self.turn = 0
        self._first_bytes: deque[float] = deque(maxlen=_LATENCIES)

    @property
    def load(self) -> float:
        """Requests in flight, as a share of the capacity."""
        return self.in_flight / self.parallel

    def may_serve(self, now: float) -> bool:
        """Return whether a request may be sent at loop time ``now``."""
        if self.state == "open" or (self.state == "half-open" and self.trial_runs):
            return False
        return self.full_until <= now

    def first_byte(self, seconds: float) -> None:
        """Record the time to the first token of an answer."""
        self._first_bytes.append(seconds)

    def stats(self) -> dict[str, Any]:
        """Return the figures of `Pool.stats` for this server."""
        median = statistics.median(self._first_bytes) if self._first_bytes else None
        return {
            "healthy": self.state == "closed",
            "state": self.state,
            "reason": self.reason,
            "in_flight": self.in_flight,
            "parallel": self.parallel,
            "served": self.served,
            "failed": self.failed,
            "first_byte_p50_s": None if median is None else round(median, 4),
        }


class Pool:
    """Routes requests over servers."""

    def __init__(self, servers: Sequence[Server], *, cooldown_s: float = 5.0, longest_cooldown_s: float = 60.0) -> None:
        """``cooldown_s`` is the pause before a failing server is checked; it doubles up to ``longest_cooldown_s``."""
        if not servers:
            raise ValueError("a pool needs a server")
        self.servers = tuple(servers)
        self._cooldown_s = cooldown_s
        self._longest_cooldown_s = longest_cooldown_s
        self._homes: OrderedDict[bytes, Server] = OrderedDict()
        self._turns = 0
        self._watches: dict[Server, asyncio.Task[None]] = {}

    def choose(self, prefixes: Sequence[bytes], tried: Collection[Server]) -> Server | None:
        """Return the server to ask next, None if there is none left besides ``tried``.

        ``prefixes`` are the request's, longest first (`prefixes_of`).
        """
        now = asyncio.get_running_loop().time()
        able = [server for server in self.servers if server not in tried and server.may_serve(now)]
        if not able:
            return None
        # Among equals, the least recently used one.
        best = min(able, key=lambda server: (server.load, server.turn))
        home = next((self._homes[prefix] for prefix in prefixes if prefix in self._homes), None)
        return home if home in able and home.load <= best.load + STICKY_MARGIN else best

    @contextmanager
    def lease(self, server: Server, prefixes: Sequence[bytes]) -> Generator[None]:
        """Count a request on ``server`` for as long as the context lasts; from now on the server holds its prefixes."""
        trial = server.state == "half-open"
        server.trial_runs |= trial
        server.in_flight += 1
        self._turns += 1
        server.turn = self._turns
        self._settle(server, prefixes)
        try:
            yield
        finally:
            server.in_flight -= 1
            if trial:
                server.trial_runs = False

    def succeeded(self, server: Server) -> None:
        """Record a complete answer: the server is healthy."""
        server.served += 1
        server.failures_in_a_row = 0
        if server.state != "closed":
            _log.info("%s is back", server.endpoint.url)
        server.state, server.reason = "closed", ""
        if watch := self._watches.pop(server, None):
            watch.cancel()

    def failed(self, server: Server, trouble: Trouble, *, again: bool = False) -> None:
        """Record a failure. A server that is only full stays in the pool and is spared for the time it asks for.

        ``again``: the same request failed there before. A request that breaks every server must not look like a failure
        of all servers.
        """
        now = asyncio.get_running_loop().time()
        server.failed += 1
        if trouble.retry_after is not None:
            server.full_until = max(server.full_until, now + trouble.retry_after)
        if trouble.kind == "full":
            return
        server.reason = str(trouble)
        if trouble.kind == "refused" and len(self.servers) == 1:
            return  # with an open circuit it would not say what has to be changed
        server.failures_in_a_row += not (again and trouble.answered)
        severe = trouble.severe or trouble.kind == "refused" or server.state == "half-open"
        if severe or server.failures_in_a_row >= OPEN_AFTER:
            self._open(server)

    def waiting_time(self) -> float | None:
        """Return the seconds until some server may be asked again; None if all circuits are open."""
        now = asyncio.get_running_loop().time()
        return min(
            (max(0.0, server.full_until - now) for server in self.servers if server.state != "open"), default=None
        )

    def verdict(self, troubles: dict[Server, Trouble]) -> EngineError:
        """Return the error for a request that no server could serve. ``troubles`` are this request's own."""
        now = asyncio.get_running_loop().time()
        waits: list[float] = []
        reasons: list[str] = []
        errors: list[EngineError] = []
        for server in self.servers:
            trouble = troubles.get(server)
            left = server.full_until - now
            if trouble is not None and trouble.kind == "full":
                waits.append(DEFAULT_RETRY_AFTER_S if trouble.retry_after is None else trouble.retry_after)
            elif trouble is None and server.state != "open" and left > 0:
                waits.append(left)
            if trouble is not None:
                errors.append(trouble.error)
            reasons.append(f"{server.endpoint.url}: {trouble or server.reason or 'it is busy'}")
        told = "; ".join(reasons)
        if waits:
            return EngineOverloaded(told, min(waits))
        if len(errors) == len(self.servers) and all(isinstance(error, RequestRefused) for error in errors):
            return RequestRefused(told)
        return EngineUnavailable(told)

    def stats(self) -> dict[str, Any]:
        """Return the figures of every server by URL, as JSON-serialisable numbers and strings. Latency in seconds."""
        return {server.endpoint.url: server.stats() for server in self.servers}

    async def close(self) -> None:
        """Stop checking servers, and close their connections."""
        watches = list(self._watches.values())
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        await asyncio.gather(*(server.endpoint.close() for server in self.servers))

    def _settle(self, server: Server, prefixes: Sequence[bytes]) -> None:
        for prefix in reversed(prefixes):
            self._homes[prefix] = server
            self._homes.move_to_end(prefix)
        while len(self._homes) > REMEMBERED_PREFIXES:
            self._homes.popitem(last=False)

    def _open(self, server: Server) -> None:
        if server.state != "open":
            _log.warning("%s is left alone: %s", server.endpoint.url, server.reason)
        server.state = "open"
        if server not in self._watches:
            self._watches[server] = asyncio.create_task(self._watch(server), name=f"watch {server.endpoint.url}")

    async def _watch(self, server: Server) -> None:
        """Check a server with an open circuit periodically, until a request succeeds there (`succeeded` ends this)."""
        pause = self._cooldown_s
        while True:
            await asyncio.sleep(pause * _dice.uniform(0.75, 1.25))
            if server.state == "open":
                problem = await server.endpoint.check()
                if problem:
                    server.reason = problem
                else:
                    server.state = "half-open"
            pause = min(self._longest_cooldown_s, pause * 2)


def prefixes_of(request: TextRequest, model: str) -> list[bytes]:
    """Return digests of the request's beginnings, longest first: all messages, all but the last, … the tenant alone.

    They include the tenant, so that no account is routed by another's text.
    """
    digest = hashlib.blake2b(f"{model}\0{request.tenant}".encode("utf-8", "replace"), digest_size=16)
    found = [digest.digest()] if request.tenant else []
    for message in request.messages:
        digest.update(f"\0{message.role}\0{len(message.content)}\0{message.content}".encode("utf-8", "replace"))
        found.append(digest.digest())
    return found[::-1][:_PREFIXES_PER_REQUEST]
