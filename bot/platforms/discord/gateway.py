"""The gateway sessions: after what end none may be begun again, and whether they live."""

from collections.abc import Mapping
from typing import Final

import discord

LATENCY_SECONDS: Final = 60.0
CLOSED_FOR_GOOD: Final = {
    4004: "Discord refuses the token: check DISCORD_TOKEN",
    4010: "Discord refuses the shards: check DISCORD_SHARD_IDS and DISCORD_SHARD_COUNT",
    4011: "Discord wants more shards: unset DISCORD_SHARD_COUNT, or raise it",
    4012: "Discord no longer knows this version of its gateway: update Storyfork",
    4013: "Discord refuses the intents: update Storyfork",
}
"""Discord's documentation, "Gateway close event codes": those after which no reconnection is allowed."""


def trouble_of(shards: Mapping[int, discord.ShardInfo]) -> str:
    """Return what is wrong with the sessions of the shards, for operators; empty if nothing is."""
    for number, shard in shards.items():
        if shard.is_closed():
            return f"Discord: shard {number} has no session"
        if not shard.latency < LATENCY_SECONDS:
            return f"Discord: shard {number}'s heartbeats are answered after {shard.latency:.0f} s"
    return ""
