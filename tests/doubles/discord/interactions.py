"""An interaction: what a person did, how the bot acknowledged it and what came of it."""

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tests.doubles.discord import rules
from tests.doubles.discord.rules import Json

if TYPE_CHECKING:
    from tests.doubles.discord.messages import Message
    from tests.doubles.discord.places import Channel, User
    from tests.doubles.discord.state import World

COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
PONG, MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE_MESSAGE, CHOICES, MODAL = 1, 4, 5, 6, 7, 8, 9

ALLOWED_CALLBACKS: Final[dict[int, tuple[int, ...]]] = {
    COMMAND: (MESSAGE, DEFERRED_MESSAGE, MODAL),
    COMPONENT: (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE_MESSAGE, MODAL),
    AUTOCOMPLETE: (CHOICES,),
    MODAL_SUBMIT: (MESSAGE, DEFERRED_MESSAGE, DEFERRED_UPDATE, UPDATE_MESSAGE),
}


class NotAcknowledged(Exception):
    """The bot did not acknowledge in time: the person reads "The application did not respond"."""


@dataclass(slots=True, frozen=True)
class Choice:
    """A suggestion of an autocomplete."""

    name: str
    value: Any


@dataclass(slots=True, frozen=True)
class Ack:
    """How an interaction was acknowledged."""

    type: int
    """4 message, 5 deferred message, 6 deferred update, 7 update, 8 choices, 9 modal."""
    latency: float
    """Seconds after the interaction."""
    ephemeral: bool
    at: float
    """``time.monotonic()``."""


@dataclass(eq=False)
class Interaction:
    """The person's handle; everything in it is live."""

    id: int
    world: "World"
    type: int
    user: "User"
    channel: "Channel"
    data: Json
    message: "Message | None" = None
    """The message whose component was used, or from which the modal came."""
    ack_window: float = rules.ACK_WINDOW
    lifetime: float = rules.TOKEN_LIFETIME
    token: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    created_at: float = field(default_factory=time.monotonic)
    """``time.monotonic()``."""
    ack: Ack | None = None
    response: "Message | None" = None
    """The original response; the message of the component if that was updated."""
    followups: "list[Message]" = field(default_factory=list)
    modal: Json | None = None
    choices: list[Choice] | None = None
    expired_by_hand: bool = False

    @property
    def expired(self) -> bool:
        """Its token is no longer valid."""
        return self.expired_by_hand or time.monotonic() - self.created_at > self.lifetime

    @property
    def too_late(self) -> bool:
        """It can no longer be acknowledged."""
        return time.monotonic() - self.created_at > self.ack_window

    @property
    def failed(self) -> bool:
        """The person has read "The application did not respond"."""
        return self.ack is None and self.too_late

    @property
    def ephemeral(self) -> bool:
        """The response is for the person alone."""
        return self.ack is not None and self.ack.ephemeral

    def expire(self) -> None:
        """Its 15 minutes are over."""
        self.expired_by_hand = True

    async def acknowledged(self, timeout: float | None = None) -> Ack:
        """Wait for the acknowledgement.

        Raises:
            NotAcknowledged: it did not come within ``timeout`` seconds (default: Discord's window).
        """
        try:
            return await self.world.wait_until(lambda: self.ack, self.ack_window if timeout is None else timeout)
        except TimeoutError:
            raise NotAcknowledged(f"no acknowledgement of {self.data.get('name') or self.data}") from None

    async def answered(self, timeout: float = 30.0) -> "Message":
        """Wait for the response with its content: posted, or edited into the placeholder or the pressed message."""
        return await self.world.wait_until(self._answer, timeout, "the answer to an interaction")

    def _answer(self) -> "Message | None":
        if self.response is None or self.response.loading or self.ack is None:
            return None
        if self.ack.type == DEFERRED_UPDATE and not any(e.at >= self.ack.at for e in self.response.edits):
            return None
        return self.response

    async def choices_shown(self) -> list[Choice]:
        """Wait for the suggestions of an autocomplete."""
        await self.acknowledged()
        return self.choices or []

    def metadata(self) -> Json:
        """The ``interaction_metadata`` of a message that answers it."""
        data: Json = {
            "id": str(self.id),
            "type": self.type,
            "user": self.user.payload(),
            "authorizing_integration_owners": self._owners(),
        }
        if self.type == COMPONENT and self.message is not None:
            data["interacted_message_id"] = str(self.message.id)
        if self.type == MODAL_SUBMIT:
            data["triggering_interaction_metadata"] = {
                "id": str(self.id - 1),
                "type": COMPONENT if self.message is not None else COMMAND,
                "user": self.user.payload(),
                "authorizing_integration_owners": self._owners(),
            }
            if self.message is not None:
                data["triggering_interaction_metadata"]["interacted_message_id"] = str(self.message.id)
        if self.type == COMMAND:
            data["name"] = self.data.get("name")
        return data

    def _owners(self) -> dict[str, str]:
        guild = self.channel.guild
        if self.channel.context == 2 or (guild is not None and not guild.installed):
            return {"1": str(self.user.id)}
        return {"0": str(guild.id) if guild else "0"}

    @property
    def file_bytes(self) -> int:
        """The largest file in an answer by the token."""
        return rules.FILE if self.channel.guild is None else self.channel.guild.file_bytes

    def payload(self) -> Json:
        """The interaction object, as in INTERACTION_CREATE."""
        guild = self.channel.guild
        permissions = self.channel.bot_permissions() if guild else rules.EVERYONE
        channel = self.channel.payload()
        data: Json = {
            "id": str(self.id),
            "application_id": str(self.world.bot.id),
            "type": self.type,
            "data": self.data,
            "token": self.token,
            "version": 1,
            "channel": channel,
            "channel_id": str(self.channel.id),
            "locale": self.user.locale,
            "app_permissions": str(permissions),
            "entitlements": [],
            "authorizing_integration_owners": self._owners(),
            "context": self.channel.context,
            "attachment_size_limit": self.file_bytes,
        }
        if guild is not None:
            channel["permissions"] = str(guild.permissions(self.user))
            data |= {
                "guild_id": str(guild.id),
                "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
                "guild_locale": "en-US",
                "member": guild.member(self.user, permissions=True),
            }
        else:
            data["user"] = self.user.payload()
        if self.message is not None:
            data["message"] = self.message.payload(base_url=self.world.base_url, nonce=False)
        return data
