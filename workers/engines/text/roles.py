"""Conversations for models that know no system role, or insist on alternating turns."""

from collections.abc import Iterable

from workers.engines.text.base import Role

FIRST_TURN = "…"
"""The user's turn put before a conversation that the assistant begins."""


def strictly_alternating(messages: Iterable[tuple[Role, str]]) -> list[tuple[Role, str]]:
    """Return role and content of each turn: the user's first, then alternating, system messages as the user's words."""
    result: list[tuple[Role, str]] = []
    for role, content in messages:
        mapped: Role = "assistant" if role == "assistant" else "user"
        if result and result[-1][0] == mapped:
            result[-1] = (mapped, f"{result[-1][1]}\n\n{content}")
        else:
            if not result and mapped == "assistant":
                result.append(("user", FIRST_TURN))
            result.append((mapped, content))
    return result
