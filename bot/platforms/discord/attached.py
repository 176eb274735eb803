"""What comes with a message, or instead of its text."""

import discord

from bot.events import IncomingFile, Unreadable, UnreadableKind
from bot.files import claimed, fits


def picture_of(message: discord.Message) -> IncomingFile | None:
    """Return the first picture of a message, to be fetched later; None if it has none."""
    for each in message.attachments:
        mime = each.content_type or ""
        if fits("picture", each.filename, mime):
            return claimed("picture", each.filename, mime, each.size, each.url)
    return None


def unreadable_of(message: discord.Message) -> Unreadable | None:
    """Return what a message without text is; None for one with nothing at all."""
    if message.flags.voice:
        return Unreadable(kind="voice")
    if message.attachments:
        kinds = {(a.content_type or "").partition("/")[0] for a in message.attachments}
        named: dict[str, UnreadableKind] = {"image": "picture", "video": "video", "audio": "voice"}
        # Of several kinds, pictures and videos are pictures, and anything else is files.
        kind = (
            named.get(min(kinds), "file") if len(kinds) == 1 else "picture" if kinds <= {"image", "video"} else "file"
        )
        return Unreadable(kind=kind)
    if message.stickers:
        # Discord says of a sticker what it is called, and no emoji.
        return Unreadable(kind="sticker", stands_for=f"*{message.stickers[0].name.strip()}*")
    if message.poll:
        return Unreadable(kind="poll")
    return Unreadable(kind="other") if message.message_snapshots or message.embeds else None
