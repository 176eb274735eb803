"""Refusals in Discord's own form: a status, a code, a message and, for invalid forms, a tree of errors."""

import json
from typing import Any, Final

from tests.doubles.discord.rules import Json

MESSAGES: Final[dict[int, tuple[int, str]]] = {
    0: (404, "404: Not Found"),
    10002: (404, "Unknown Application"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    20016: (429, "This action cannot be performed due to slowmode rate limit."),
    30007: (400, "Maximum number of webhooks reached (15)"),
    40005: (413, "Request entity too large"),
    40094: (400, "This interaction has reached its maximum number of follow-up messages"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50003: (403, "Cannot execute action on a DM channel"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50024: (400, "Cannot execute action on this channel type"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160004: (400, "A thread has already been created for this message"),
    160005: (400, "Thread is locked"),
}


class ApiError(Exception):
    """A refusal of the REST API."""

    def __init__(
        self, code: int, *, status: int | None = None, message: str | None = None, errors: Json | None = None
    ) -> None:
        known_status, known_message = MESSAGES.get(code, (400, "Bad Request"))
        self.status = known_status if status is None else status
        self.code = code
        self.body: Json = {"message": known_message if message is None else message, "code": code}
        if errors:
            self.body["errors"] = errors
        super().__init__(json.dumps(self.body))


class Form:
    """Collects what is wrong with a request body; a path is a tuple of keys and indexes."""

    def __init__(self) -> None:
        self.errors: Json = {}

    def error(self, path: tuple[str | int, ...], code: str, message: str) -> None:
        """Record one error at ``path``."""
        node: Json = self.errors
        for key in path:
            node = node.setdefault(str(key), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def text(
        self, path: tuple[str | int, ...], value: Any, maximum: int, *, minimum: int = 0, required: bool = False
    ) -> str:
        """Check a string field; returns it, or "" when it is absent or no string."""
        if value is None:
            if required:
                self.error(path, "BASE_TYPE_REQUIRED", "This field is required")
            return ""
        if not isinstance(value, str):
            self.error(path, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
            return ""
        if len(value) < minimum or len(value) > maximum:
            if minimum:
                self.error(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {minimum} and {maximum} in length.")
            else:
                self.error(path, "BASE_TYPE_MAX_LENGTH", f"Must be {maximum} or fewer in length.")
        return value

    def items(
        self, path: tuple[str | int, ...], value: Any, maximum: int, *, minimum: int = 0, required: bool = False
    ) -> list[Any]:
        """Check a list field; returns it, or [] when it is absent or no list."""
        if value is None:
            if required:
                self.error(path, "BASE_TYPE_REQUIRED", "This field is required")
            return []
        if not isinstance(value, list):
            self.error(path, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return []
        found: list[Any] = value
        if len(found) < minimum or len(found) > maximum:
            if minimum:
                self.error(path, "BASE_TYPE_BAD_LENGTH", f"Must be between {minimum} and {maximum} in length.")
            else:
                self.error(path, "BASE_TYPE_MAX_LENGTH", f"Must be {maximum} or fewer in length.")
        return found

    def finish(self) -> None:
        """Raise 50035 with the tree if anything was recorded."""
        if self.errors:
            raise ApiError(50035, errors=self.errors)
