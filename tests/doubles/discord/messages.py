"""Messages as the server keeps them and as a person sees them."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.doubles.discord import components, rules
from tests.doubles.discord.rules import Json

if TYPE_CHECKING:
    from tests.doubles.discord.bodies import Upload
    from tests.doubles.discord.interactions import Interaction
    from tests.doubles.discord.state import Channel, User
    from tests.doubles.discord.webhooks import Webhook


@dataclass(slots=True, frozen=True)
class Button:
    """A button as it stands under a message now."""

    label: str
    custom_id: str | None
    disabled: bool
    style: int
    url: str | None
    emoji: str | None = None


@dataclass(slots=True, frozen=True)
class Select:
    """A select menu as it stands under a message now."""

    custom_id: str
    type: int
    options: tuple[tuple[str, str], ...]
    """(label, value) of each option; empty for the automatic kinds."""
    min_values: int
    max_values: int
    disabled: bool
    placeholder: str


@dataclass(slots=True, frozen=True)
class Edit:
    """What a message was after one edit."""

    at: float
    """``time.monotonic()``."""
    content: str
    components: list[Json]
    embeds: list[Json]


@dataclass(slots=True)
class Attachment:
    """A file under a message."""

    id: int
    upload: "Upload"
    description: str | None = None

    @property
    def filename(self) -> str:
        """Its name."""
        return self.upload.filename

    @property
    def data(self) -> bytes:
        """Its content."""
        return self.upload.data


@dataclass(eq=False, slots=True)
class Message:
    """A message; the object is live and changes with every edit."""

    id: int
    channel: "Channel"
    author: "User"
    content: str = ""
    embeds: list[Json] = field(default_factory=list[Json])
    raw_components: list[Json] = field(default_factory=list[Json])
    attachments: list[Attachment] = field(default_factory=list[Attachment])
    flags: int = 0
    nonce: str | int | None = None
    type: int = 0
    reference: "Message | None" = None
    interaction: "Interaction | None" = None
    visible_to: "User | None" = None
    """Whose eyes alone an ephemeral message is for."""
    pings: set[int] = field(default_factory=set[int])
    pings_everyone: bool = False
    edits: list[Edit] = field(default_factory=list[Edit])
    deleted: bool = False
    created_at: float = field(default_factory=time.monotonic)
    """``time.monotonic()``."""
    edited_at: datetime | None = None
    thread: "Channel | None" = None
    webhook: "Webhook | None" = None
    """The webhook that posted it; its author has the webhook's id, and the name and avatar that it had then."""
    reactions: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def __repr__(self) -> str:
        return f"<Message {self.id} by {self.author.name} in {self.channel.name!r}: {self.text[:80]!r}>"

    @property
    def loading(self) -> bool:
        """It is still the "thinking…" placeholder."""
        return bool(self.flags & rules.LOADING)

    @property
    def ephemeral(self) -> bool:
        """Only one person sees it."""
        return bool(self.flags & rules.EPHEMERAL)

    @property
    def text(self) -> str:
        """All that can be read: content, text displays, embeds."""
        parts = [self.content]
        parts += [str(c.get("content", "")) for c in components.walk(self.raw_components) if c.get("type") == 10]
        for embed in self.embeds:
            parts += [str(embed.get("title") or ""), str(embed.get("description") or "")]
            for entry in embed.get("fields") or []:
                parts += [str(entry.get("name")), str(entry.get("value"))]
        return "\n".join(part for part in parts if part)

    @property
    def buttons(self) -> list[Button]:
        """Every button, in reading order."""
        return [
            Button(
                label=str(c.get("label") or ""),
                custom_id=c.get("custom_id"),
                disabled=bool(c.get("disabled")),
                style=int(c.get("style", 2)),
                url=c.get("url"),
                emoji=(c.get("emoji") or {}).get("name"),
            )
            for c in components.walk(self.raw_components)
            if c.get("type") == components.BUTTON
        ]

    @property
    def selects(self) -> list[Select]:
        """Every select menu, in reading order."""
        return [
            Select(
                custom_id=str(c["custom_id"]),
                type=int(c["type"]),
                options=tuple((str(o["label"]), str(o["value"])) for o in c.get("options") or []),
                min_values=int(c.get("min_values", 1)),
                max_values=int(c.get("max_values", 1)),
                disabled=bool(c.get("disabled")),
                placeholder=str(c.get("placeholder") or ""),
            )
            for c in components.walk(self.raw_components)
            if c.get("type") in (components.STRING_SELECT, *components.AUTO_SELECTS)
        ]

    def button(self, name: str) -> Button | None:
        """The button with this custom id or label, else the first whose label or emoji begins so."""
        buttons = self.buttons
        for match in (
            lambda b: b.custom_id == name,
            lambda b: b.label == name,
            lambda b: b.label.startswith(name) or (b.emoji or "\0") == name,
        ):
            for button in buttons:
                if match(button):
                    return button
        return None

    def payload(self, *, base_url: str, gateway: bool = False, nonce: bool = True, redacted: bool = False) -> Json:
        """The message object of the API.

        Args:
            base_url: root of the server, for the URLs of attachments.
            gateway: it goes out as an event, which names guild and member.
            nonce: include the nonce.
            redacted: leave content, embeds, attachments and components empty (no message content intent).
        """
        created = datetime.fromtimestamp(((self.id >> 22) + 1420070400000) / 1000, UTC)
        data: Json = {
            "id": str(self.id),
            "channel_id": str(self.channel.id),
            "author": self.author.payload(),
            "type": self.type,
            "content": "" if redacted else self.content,
            "embeds": [] if redacted else [{"type": "rich", **embed} for embed in self.embeds],
            "components": [] if redacted else self.raw_components,
            "attachments": [] if redacted else [self._attachment(a, base_url) for a in self.attachments],
            "flags": self.flags,
            "timestamp": created.isoformat(),
            "edited_timestamp": self.edited_at.isoformat() if self.edited_at else None,
            "tts": False,
            "pinned": False,
            "mention_everyone": self.pings_everyone,
            "mention_roles": [],
            "mentions": [user.payload() for user in self.channel.world.users_of(self.pings)],
        }
        if self.interaction is not None:
            data["application_id"] = str(self.channel.world.bot.id)
            data["webhook_id"] = str(self.channel.world.bot.id)
            data["interaction_metadata"] = self.interaction.metadata()
        if self.webhook is not None:
            data["webhook_id"] = str(self.webhook.id)
            if self.webhook.ours:
                data["application_id"] = str(self.channel.world.bot.id)
        if nonce and self.nonce is not None:
            data["nonce"] = self.nonce
        if self.reference is not None:
            data["message_reference"] = {
                "type": 0,
                "message_id": str(self.reference.id),
                "channel_id": str(self.reference.channel.id),
            }
            replied = self.reference
            data["referenced_message"] = None if replied.deleted else replied.plain(base_url, redacted=redacted)
        if self.thread is not None and not self.thread.deleted:
            data["thread"] = self.thread.payload()
        if gateway and self.channel.guild is not None:
            data["guild_id"] = str(self.channel.guild.id)
            if self.webhook is None:
                data["member"] = self.channel.guild.member(self.author, with_user=False)
        return data

    def plain(self, base_url: str, *, redacted: bool) -> Json:
        """The payload as the message that another one replies to: without what it replies to itself."""
        redacted = redacted and not self.author.bot
        reference, self.reference = self.reference, None
        try:
            return self.payload(base_url=base_url, nonce=False, redacted=redacted)
        finally:
            self.reference = reference

    def _attachment(self, attachment: Attachment, base_url: str) -> Json:
        url = f"{base_url}/attachments/{self.channel.id}/{attachment.id}/{attachment.filename}"
        return {
            "id": str(attachment.id),
            "filename": attachment.filename,
            "description": attachment.description,
            "content_type": attachment.upload.content_type,
            "size": len(attachment.data),
            "url": url,
            "proxy_url": url,
        }
