"""What a person can do and see."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.doubles.discord import commands, components, invocation, rules
from tests.doubles.discord.api import Api
from tests.doubles.discord.bodies import MENTION, Upload
from tests.doubles.discord.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Choice,
    Interaction,
)
from tests.doubles.discord.invocation import Refused
from tests.doubles.discord.messages import Attachment, Button, Message
from tests.doubles.discord.places import Channel, Event, User
from tests.doubles.discord.rules import Json

REPLY = 19

__all__ = ["Person", "Refused"]


class Person:
    """A user of Discord with her client."""

    def __init__(self, api: Api, user: User, ack_window: float, token_lifetime: float) -> None:
        self.user = user
        self._api = api
        self._world = api.world
        self._ack_window = ack_window
        self._token_lifetime = token_lifetime

    @property
    def id(self) -> int:
        """Her account's id."""
        return self.user.id

    @property
    def name(self) -> str:
        """Her name."""
        return self.user.name

    @property
    def dms_open(self) -> bool:
        """Whether the bot may write her directly."""
        return self.user.dms_open

    @dms_open.setter
    def dms_open(self, value: bool) -> None:
        self.user.dms_open = value

    def dm(self) -> Channel:
        """Her direct messages with the bot."""
        return self._world.dm_channel(self.user)

    def _enter(self, channel: Channel) -> None:
        if channel.deleted:
            raise Refused("the channel is gone")
        if channel.recipient is not None and channel.recipient is not self.user:
            raise Refused("these are another person's direct messages")
        if channel.guild is not None:
            channel.guild.members.setdefault(self.user.id, self.user)

    async def slash(self, channel: Channel, command: str, /, **options: Any) -> Interaction:
        """Use a slash command: ``slash(channel, "story new", premise="a door")``."""
        self._enter(channel)
        data = invocation.build(self._commands(channel), command, options, channel, self.user)
        return self._interact(COMMAND, channel, data)

    async def autocomplete(
        self, channel: Channel, command: str, option: str, typed: str, /, **others: Any
    ) -> list[Choice]:
        """Type into an option and read what the bot suggests."""
        self._enter(channel)
        given = {**others, option: typed}
        data = invocation.build(self._commands(channel), command, given, channel, self.user, focused=option)
        return await self._interact(AUTOCOMPLETE, channel, data).choices_shown()

    async def message_command(self, channel: Channel, name: str, message: Message) -> Interaction:
        """Use a command of a message's context menu."""
        self._enter(channel)
        command = invocation.find(self._commands(channel), commands.MESSAGE_MENU, name)
        invocation.check_place(command, channel, self.user)
        self._must_see(message)
        data: Json = {
            "id": command["id"],
            "name": name,
            "type": commands.MESSAGE_MENU,
            "target_id": str(message.id),
            "resolved": {"messages": {str(message.id): message.payload(base_url=self._world.base_url, nonce=False)}},
        }
        return self._interact(COMMAND, channel, data)

    async def click(self, message: Message, name: str) -> Interaction:
        """Press a button, named by its custom id, its label or the label's beginning."""
        self._must_see(message)
        button = message.button(name)
        if button is None:
            raise Refused(f"no button {name!r}; there are {[b.label or b.emoji for b in message.buttons]}")
        return self.press(message, button)

    def press(self, message: Message, button: Button) -> Interaction:
        """Press a button as it was seen, even if the message has changed since: two fast fingers do that."""
        self._enter(message.channel)
        if button.disabled:
            raise Refused(f"the button {button.label!r} is disabled")
        if button.custom_id is None:
            raise Refused(f"the button {button.label!r} is a link to {button.url}")
        data: Json = {"component_type": components.BUTTON, "custom_id": button.custom_id, "id": 1}
        return self._interact(COMPONENT, message.channel, data, message)

    def forge(self, message: Message, custom_id: str) -> Interaction:
        """Press what a message does not have: a component of somebody else's."""
        self._enter(message.channel)
        data: Json = {"component_type": components.BUTTON, "custom_id": custom_id, "id": 1}
        return self._interact(COMPONENT, message.channel, data, message)

    async def select(self, message: Message, custom_id: str, values: Sequence[str]) -> Interaction:
        """Choose values (or labels) in a select menu."""
        self._must_see(message)
        menu = next((s for s in message.selects if s.custom_id == custom_id), None)
        if menu is None or menu.disabled:
            raise Refused(f"no select menu {custom_id!r} that could be used")
        chosen: list[str] = []
        for value in values:
            match = next((v for label, v in menu.options if value in (label, v)), None)
            if menu.options and match is None:
                raise Refused(f"{value!r} is not in the menu")
            chosen.append(match or value)
        if not menu.min_values <= len(chosen) <= menu.max_values:
            raise Refused(f"{menu.min_values} to {menu.max_values} values can be chosen")
        data: Json = {"component_type": menu.type, "custom_id": custom_id, "values": chosen, "id": 1}
        return self._interact(COMPONENT, message.channel, data, message)

    async def submit(self, interaction: Interaction, fields: dict[str, str]) -> Interaction:
        """Fill in the form that answered an interaction, fields by label or custom id, and send it."""
        if interaction.modal is None:
            raise Refused("there is no form")
        if interaction.user is not self.user:
            raise Refused("it is another person's form")
        left = dict(fields)
        answers = [self._fill(component, left) for component in interaction.modal["components"]]
        if left:
            raise Refused(f"the form has no field {sorted(left)}")
        data: Json = {"custom_id": interaction.modal["custom_id"], "components": [a for a in answers if a]}
        return self._interact(MODAL_SUBMIT, interaction.channel, data, interaction.message)

    def _fill(self, component: Json, left: dict[str, str]) -> Json:
        if component["type"] == components.ROW:
            field: Json = component["components"][0]
            value = self._written(field, str(field.get("label")), left)
            return {"type": components.ROW, "id": 1, "components": [value]}
        if component["type"] == components.LABEL:
            value = self._written(component["component"], str(component["label"]), left)
            return {"type": components.LABEL, "id": 1, "component": value}
        return {"type": component["type"], "id": 1}

    def _written(self, field: Json, label: str, left: dict[str, str]) -> Json:
        typed = left.pop(label, None)
        if typed is None:
            typed = left.pop(field["custom_id"], None)
        base: Json = {"type": field["type"], "custom_id": field["custom_id"], "id": 1}
        if field["type"] != components.TEXT_INPUT:
            allowed = {str(o["value"]) for o in field.get("options") or []}
            if typed is not None and allowed and typed not in allowed:
                raise Refused(f"{typed!r} is not in the menu {label!r}")
            if typed is None and field.get("required", True):
                raise Refused(f"{label!r} must be filled in")
            return base | {"values": [] if typed is None else [typed]}
        text = str(field.get("value") or "") if typed is None else typed
        low, high = int(field.get("min_length") or 0), int(field.get("max_length") or rules.TEXT_INPUT)
        if not text and field.get("required", True):
            raise Refused(f"{label!r} must be filled in")
        if text and not low <= len(text) <= high:
            raise Refused(f"{label!r}: {len(text)} characters; allowed are {low} to {high}")
        return base | {"value": text}

    async def say(
        self, channel: Channel, text: str, mention_bot: bool = False, reply_to: Message | None = None
    ) -> Message:
        """Write a message; a reply pings the author of what it replies to."""
        self._enter(channel)
        bot = self._world.bot
        content = f"<@{bot.id}> {text}" if mention_bot else text
        if not content.strip() or len(content) > rules.CONTENT:
            raise Refused(f"a message has 1 to {rules.CONTENT} characters")
        message = Message(self._world.new_id(), channel, self.user, content=content)
        message.pings = {int(found) for found in MENTION.findall(content)}
        if reply_to is not None:
            self._must_see(reply_to)
            message.reference = reply_to
            message.type = REPLY
            message.pings.add(reply_to.author.id)
        message.nonce = str(message.id)
        self._world.add_message(message)
        return message

    async def send_files(self, channel: Channel, *files: Upload, text: str = "", voice: bool = False) -> Message:
        """Send files; ``voice`` sends a recording."""
        self._enter(channel)
        message = Message(self._world.new_id(), channel, self.user, content=text, flags=8192 if voice else 0)
        message.attachments = [Attachment(self._world.new_id(), file) for file in files]
        self._world.add_message(message)
        return message

    async def edit(self, message: Message, text: str) -> None:
        """Edit a message of her own."""
        if message.author is not self.user:
            raise Refused("it is another's message")
        message.content = text
        message.pings = {int(found) for found in MENTION.findall(text)}
        self._world.edited(message)

    async def react(self, message: Message, emoji: str) -> None:
        """React to a message with a Unicode emoji."""
        self._reacts(message, emoji, added=True)

    async def unreact(self, message: Message, emoji: str) -> None:
        """Take a reaction back."""
        self._reacts(message, emoji, added=False)

    def _reacts(self, message: Message, emoji: str, *, added: bool) -> None:
        self._must_see(message)
        mark = (self.user.id, emoji)
        if (mark in message.reactions) is added:
            raise Refused(f"the reaction {emoji} is there already, or is not there")
        (message.reactions.append if added else message.reactions.remove)(mark)
        guild = message.channel.guild
        data: Json = {
            "user_id": str(self.user.id),
            "channel_id": str(message.channel.id),
            "message_id": str(message.id),
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
        }
        if guild is not None:
            data["guild_id"] = str(guild.id)
        if added:
            # Discord names the author only when a reaction comes.
            data["message_author_id"] = str(message.author.id)
            if guild is not None:
                data["member"] = guild.member(self.user)
        intent = rules.GUILD_MESSAGE_REACTIONS if guild else rules.DIRECT_MESSAGE_REACTIONS
        name = "MESSAGE_REACTION_ADD" if added else "MESSAGE_REACTION_REMOVE"
        self._world.publish(Event(name, data, guild.id if guild else None, intent))

    async def delete(self, message: Message) -> None:
        """Delete a message of her own, or as an admin any."""
        guild = message.channel.guild
        if message.author is not self.user and not (guild and self.user.id in guild.admins):
            raise Refused("it is another's message")
        self._world.delete_message(message)

    def sees(self, message: Message) -> bool:
        """Whether she sees a message now."""
        return not message.deleted and (message.visible_to is None or message.visible_to is self.user)

    def messages(self, channel: Channel) -> list[Message]:
        """What she sees in a channel now, oldest first."""
        return [m for m in channel.messages.values() if self.sees(m)]

    async def wait_for_message(
        self,
        channel: Channel,
        predicate: Callable[[Message], object] | None = None,
        timeout: float = 30.0,
        *,
        after: Message | None = None,
        from_bot: bool = True,
    ) -> Message:
        """The first message in the channel that she sees and that fits, now or within ``timeout`` seconds.

        Args:
            channel: where she looks.
            predicate: what must hold; asked again whenever something changes, so edits count too.
            timeout: seconds.
            after: only messages later than this one.
            from_bot: only the bot's messages; "thinking" placeholders never fit.

        Raises:
            TimeoutError: it did not come.
        """

        def look() -> Message | None:
            for message in self.messages(channel):
                if (from_bot and not message.author.bot) or message.loading:
                    continue
                if after is not None and message.id <= after.id:
                    continue
                if predicate is None or predicate(message):
                    return message
            return None

        try:
            return await self._world.wait_until(look, timeout)
        except TimeoutError:
            seen = self.messages(channel)[-5:]
            raise TimeoutError(f"{self.name} waited {timeout:g} s in vain; the last she sees: {seen}") from None

    async def wait_until(self, look: Callable[[], object], timeout: float = 30.0) -> object:
        """Wait until ``look`` returns something true, looking whenever something changes."""
        return await self._world.wait_until(look, timeout)

    def _commands(self, channel: Channel) -> list[Json]:
        return self._api.visible_commands(channel.guild.id if channel.guild else None)

    def _must_see(self, message: Message) -> None:
        self._enter(message.channel)
        if not self.sees(message):
            raise Refused("the message is not there")

    def _interact(self, kind: int, channel: Channel, data: Json, message: Message | None = None) -> Interaction:
        interaction = Interaction(
            self._world.new_id(),
            self._world,
            kind,
            self.user,
            channel,
            data,
            message,
            ack_window=self._ack_window,
            lifetime=self._token_lifetime,
        )
        self._api.interactions[interaction.token] = interaction
        self._world.log.interactions.append(interaction)
        guild = channel.guild
        self._world.publish(Event("INTERACTION_CREATE", interaction.payload(), guild.id if guild else None))
        return interaction
