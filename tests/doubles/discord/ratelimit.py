"""Rate limits in Discord's form: one bucket per route and major parameter, one global limit."""

import hashlib
import time
from collections import deque
from dataclasses import dataclass, field

from tests.doubles.discord import rules

Limit = tuple[int, float]


@dataclass(slots=True)
class RateLimits:
    """How many requests in how many seconds; ``None`` is no limit."""

    edits: Limit | None = rules.EDITS
    """Creations and edits of messages, per channel."""
    webhooks: Limit | None = rules.WEBHOOK_REQUESTS
    """Follow-ups and edits of responses, per interaction; messages of a webhook, per webhook."""
    threads: Limit | None = rules.OTHER_REQUESTS
    """Threads opened in a channel; Discord's window is minutes long."""
    other: Limit | None = rules.OTHER_REQUESTS
    """Every other route."""
    overall: Limit | None = rules.GLOBAL_REQUESTS
    """All routes but those of interactions."""

    @classmethod
    def off(cls) -> "RateLimits":
        """No limits at all."""
        return cls(None, None, None, None, None)


@dataclass(slots=True)
class Verdict:
    """What the limits say to a request."""

    headers: dict[str, str] = field(default_factory=dict[str, str])
    retry_after: float | None = None
    """Seconds to wait; ``None``: it may go on."""
    is_global: bool = False


class Limiter:
    """Counts requests against the limits (fixed windows that begin with their first request, as Discord's do)."""

    def __init__(self, limits: RateLimits) -> None:
        self.limits = limits
        self._windows: dict[str, deque[float]] = {}

    def ask(self, method: str, route: str, major: str) -> Verdict:
        """Count a request of a route (a template) with its major parameter (channel, guild, webhook and token)."""
        interaction = route.startswith("/interactions/") or "{webhook_token}" in route
        overall = self.limits.overall
        if overall is not None and not interaction:
            wait = self._wait("global", overall)
            if wait is not None:
                return Verdict({"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}, wait, is_global=True)
        if route.startswith("/interactions/"):
            return Verdict()
        name, limit = self._bucket(method, route)
        if limit is None:
            return Verdict()
        key = f"{name}:{major}"
        wait = self._wait(key, limit)
        window = self._windows[key]
        reset_after = max(0.0, window[0] + limit[1] - time.monotonic())
        headers = {
            "X-RateLimit-Limit": str(limit[0]),
            "X-RateLimit-Remaining": str(max(0, limit[0] - len(window))),
            "X-RateLimit-Reset": f"{time.time() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": hashlib.sha256(name.encode()).hexdigest()[:32],
        }
        if wait is not None:
            headers["X-RateLimit-Scope"] = "user"
        return Verdict(headers, wait)

    def _bucket(self, method: str, route: str) -> tuple[str, Limit | None]:
        if (method, route) in (
            ("POST", "/channels/{channel_id}/messages"),
            ("PATCH", "/channels/{channel_id}/messages/{message_id}"),
        ):
            return "messages", self.limits.edits
        if "{webhook_token}" in route:
            return "webhooks", self.limits.webhooks
        if method == "POST" and route.endswith("/threads"):
            return "threads", self.limits.threads
        return f"{method} {route}", self.limits.other

    def _wait(self, key: str, limit: Limit) -> float | None:
        now = time.monotonic()
        window = self._windows.setdefault(key, deque())
        if window and now - window[0] >= limit[1]:
            window.clear()
        if len(window) >= limit[0]:
            return window[0] + limit[1] - now
        window.append(now)
        if len(self._windows) > 20_000:
            self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        for key in [k for k, window in self._windows.items() if window and now - window[-1] > 60]:
            del self._windows[key]
