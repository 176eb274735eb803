"""What holds in one channel, group or topic alone: when the bot speaks there, its rating, model and language.

A channel is a conversation; its row goes with it. One without a row answers what is addressed to the bot.
"""

from dataclasses import dataclass, fields
from typing import Final, Literal, get_args

from db.connection import ids, row, rows
from db.records import columns, fetch_one

Mode = Literal["mention", "keywords", "probability", "always"]
"""Which of the messages that nobody addressed to the bot it answers: none, some or all."""
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
BURST: Final = 6
"""So many unaddressed messages in a row are answered at once; each takes `PAUSE_SECONDS` to be earned again."""
PAUSE_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """The settings of a channel.

    ``chance`` per cent of the messages are answered in the mode ``probability``. Between ``quiet_from`` and
    ``quiet_to`` (minutes of the day in ``quiet_zone``, an IANA name or an offset such as ``+05:30``) only what is
    addressed to the bot. ``rating``, ``model`` and ``language``: "" for the place's.
    ``told``: the channel has read what its ``mode`` means; before that it is not in force.
    """

    conversation_id: int
    mode: Mode = "mention"
    keywords: tuple[str, ...] | list[str] = ()
    chance: int = 10
    quiet_from: int | None = None
    quiet_to: int | None = None
    quiet_zone: str = "UTC"
    rating: str = ""
    model: str = ""
    language: str = ""
    told: bool = False

    @property
    def listens(self) -> bool:
        """Whether the bot is to answer what nobody addressed to it, told or not."""
        return self.mode != "mention"

    def is_told_by(self, before: "ChannelSettings") -> bool:
        """Return whether a channel that has read of the settings ``before`` need read nothing new."""
        more = self.mode == "probability" and self.chance > before.chance
        return not self.listens or (before.told and self.mode == before.mode and not more)


_CHOSEN: Final = tuple(f.name for f in fields(ChannelSettings) if f.name not in {"conversation_id", "told"})
_SAVE: Final = (
    f"INSERT INTO channel_settings (conversation_id, {', '.join(_CHOSEN)}) "
    f"VALUES ($1, {', '.join(f'${n}' for n in range(2, len(_CHOSEN) + 2))}) ON CONFLICT (conversation_id) DO UPDATE "
    f"SET {', '.join(f'{name} = excluded.{name}' for name in _CHOSEN)}, told = channel_settings.told "
    "AND channel_settings.mode = excluded.mode "
    "AND (excluded.mode <> 'probability' OR excluded.chance <= channel_settings.chance)"
)


async def of(conversation_id: int) -> ChannelSettings:
    """Return a channel's settings; the defaults if nothing was set."""
    found = await fetch_one(
        ChannelSettings,
        f"SELECT {columns(ChannelSettings)} FROM channel_settings WHERE conversation_id = $1",
        conversation_id,
    )
    return found or ChannelSettings(conversation_id)


async def save(settings: ChannelSettings) -> None:
    """Store a channel's settings. Another mode, or a higher chance, is not in force until the channel is told."""
    values = [getattr(settings, name) for name in _CHOSEN]
    await rows(_SAVE, settings.conversation_id, *(list(v) if isinstance(v, tuple) else v for v in values))


async def clear(conversation_id: int) -> None:
    """Go back to the defaults in a channel."""
    await rows("DELETE FROM channel_settings WHERE conversation_id = $1", conversation_id)


async def note_told(conversation_id: int, mode: str) -> None:
    """Record that the channel has read what the mode means; does nothing if it has another one by now."""
    await rows(
        "UPDATE channel_settings SET told = true WHERE conversation_id = $1 AND mode = $2",
        conversation_id, mode,
    )  # fmt: skip


async def listening(platform: str, chat_id: str, thread_id: str) -> ChannelSettings | None:
    """Return the settings of a channel that has a mode for unaddressed messages, told or not; None for any other."""
    return await fetch_one(
        ChannelSettings,
        f"SELECT {columns(ChannelSettings, 's')} FROM channel_settings s JOIN conversations c "
        "ON c.id = s.conversation_id WHERE c.platform = $1 AND c.chat_id = $2 AND c.thread_id = $3 AND c.kind <> 'dm' "
        "AND s.mode <> 'mention'",
        platform, chat_id, thread_id,
    )  # fmt: skip


async def take_turn(conversation_id: int) -> bool:
    """Use one of the answers that a channel has left; False if there is none: too many were asked for of late.

    Whoever answers the bot by machine, or floods the channel, gets an answer in `PAUSE_SECONDS` at most.
    """
    # A clock that was set back must not silence a channel.
    left = f"least({BURST}, s.spare + abs(extract(epoch FROM now() - s.spare_at)) / {PAUSE_SECONDS})"
    found = await row(
        f"UPDATE channel_settings s SET spare = {left} - 1, spare_at = now() WHERE conversation_id = $1 "
        f"AND mode <> 'mention' AND told AND {left} >= 1 RETURNING conversation_id",
        conversation_id,
    )
    return found is not None


async def end_listening(account_id: int) -> None:
    """Let all channels of a place answer only what is addressed to the bot: it was removed from there."""
    await rows(
        "UPDATE channel_settings s SET mode = 'mention', told = false FROM conversations c "
        "WHERE c.id = s.conversation_id AND c.account_id = $1 AND s.mode <> 'mention'",
        account_id,
    )


async def fall_back(platform: str, chat_id: str) -> list[int]:
    """Let a chat's channels answer only what is addressed to the bot; return the conversations where that is new."""
    found = await rows(
        "UPDATE channel_settings s SET mode = 'mention', told = false FROM conversations c "
        "WHERE c.id = s.conversation_id AND c.platform = $1 AND c.chat_id = $2 AND s.mode <> 'mention' "
        "RETURNING c.id",
        platform, chat_id,
    )  # fmt: skip
    return sorted(ids(found))
