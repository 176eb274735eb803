"""REST: acknowledgement of interactions, their responses and follow-ups."""

import time
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from tests.doubles.discord import commands, components, rules
from tests.doubles.discord.api import Api, answer, check_body, read, snowflake
from tests.doubles.discord.bodies import Upload
from tests.doubles.discord.errors import ApiError, Form
from tests.doubles.discord.interactions import (
    ALLOWED_CALLBACKS,
    CHOICES,
    DEFERRED_MESSAGE,
    DEFERRED_UPDATE,
    MESSAGE,
    MODAL,
    UPDATE_MESSAGE,
    Ack,
    Choice,
    Interaction,
)
from tests.doubles.discord.messages import Message
from tests.doubles.discord.rules import Json

COMMAND_RESPONSE = 20
REPLY = 19


class InteractionRoutes:
    """The handlers below /interactions, and those below /webhooks for an interaction's token (`WebhookRoutes`)."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.world = api.world

    def routes(self) -> Sequence[web.RouteDef]:
        """What is served."""
        return [web.post("/api/v10/interactions/{interaction_id}/{interaction_token}/callback", self.callback)]

    async def callback(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        interaction = self.api.interactions.get(request.match_info["interaction_token"])
        if interaction is None or interaction.id != snowflake(request, "interaction_id"):
            raise ApiError(10062)
        if interaction.ack is not None:
            raise ApiError(40060)
        if interaction.too_late:
            raise ApiError(10062)
        kind = raw.get("type") if isinstance(raw, dict) else None
        allowed = ALLOWED_CALLBACKS[interaction.type]
        if interaction.type == 3 and interaction.message is None:
            allowed = tuple(k for k in allowed if k not in (DEFERRED_UPDATE, UPDATE_MESSAGE))
        if interaction.type == 5 and interaction.message is None:
            allowed = tuple(k for k in allowed if k not in (DEFERRED_UPDATE, UPDATE_MESSAGE))
        if kind not in allowed:
            form = Form()
            form.error(
                ("type",), "INTERACTION_CALLBACK_TYPE_INVALID", f"This interaction can be answered with {allowed} only"
            )
            form.finish()
        data: Json = raw.get("data") or {}
        ephemeral = self._respond(interaction, int(kind or 0), data, uploads)
        now = time.monotonic()
        interaction.ack = Ack(int(kind or 0), now - interaction.created_at, ephemeral, now)
        self.world.touch()
        if request.query.get("with_response", "").lower() in ("1", "true"):
            return answer(self._callback_answer(interaction))
        return answer()

    def _respond(self, interaction: Interaction, kind: int, data: Json, uploads: dict[int, Upload]) -> bool:
        if kind == MESSAGE:
            interaction.response = self._post(interaction, data, uploads, prefix=("data",))
            return interaction.response.ephemeral
        if kind == DEFERRED_MESSAGE:
            flags = int(data.get("flags") or 0)
            if flags & ~rules.EPHEMERAL or set(data) - {"flags"}:
                form = Form()
                form.error(("data", "flags"), "INTERACTION_DEFERRED_FLAGS_INVALID", "Only EPHEMERAL may be set")
                form.finish()
            message = self._message(interaction)
            message.flags = rules.LOADING | flags
            message.visible_to = interaction.user if flags else None
            interaction.response = message
            self.world.add_message(message)
            return bool(flags)
        if kind in (DEFERRED_UPDATE, UPDATE_MESSAGE):
            interaction.response = interaction.message
            if kind == UPDATE_MESSAGE and interaction.message is not None:
                message = interaction.message
                self.api.compose(message, check_body(data, uploads, message, prefix=("data",)))
                self.world.edited(message)
            return interaction.message is not None and interaction.message.ephemeral
        if kind == CHOICES:
            interaction.choices = self._choices(interaction, data)
            return True
        if kind == MODAL:
            form = Form()
            components.check_modal(form, data)
            form.finish()
            interaction.modal = data
        return False

    def _choices(self, interaction: Interaction, data: Json) -> list[Choice]:
        form = Form()
        path = ("data", "choices")
        choices = form.items(path, data.get("choices"), rules.COMMAND_CHOICES, required=True)
        commands.check_choices(form, path, choices, _focused_type(interaction.data))
        form.finish()
        return [Choice(c["name"], c["value"]) for c in choices]

    def _message(self, interaction: Interaction) -> Message:
        message = Message(self.world.new_id(), interaction.channel, self.world.bot, interaction=interaction)
        if interaction.type == 2:
            message.type = COMMAND_RESPONSE
        elif interaction.message is not None and not interaction.message.deleted:
            message.type = REPLY
            message.reference = interaction.message
        return message

    def _post(
        self, interaction: Interaction, data: Any, uploads: dict[int, Upload], *, prefix: tuple[str, ...] = ()
    ) -> Message:
        body = check_body(data, uploads, ephemeral_allowed=True, prefix=prefix, file_bytes=interaction.file_bytes)
        message = self._message(interaction)
        message.nonce = body.nonce
        self.api.compose(message, body)
        message.visible_to = interaction.user if message.ephemeral else None
        self.world.add_message(message)
        return message

    def _callback_answer(self, interaction: Interaction) -> Json:
        ack, message = interaction.ack, interaction.response
        kind = 0 if ack is None else ack.type
        data: Json = {"interaction": {"id": str(interaction.id), "type": interaction.type}}
        if message is not None and kind in (MESSAGE, DEFERRED_MESSAGE):
            data["interaction"] |= {
                "response_message_id": str(message.id),
                "response_message_loading": message.loading,
                "response_message_ephemeral": message.ephemeral,
            }
        if message is not None and kind in (MESSAGE, UPDATE_MESSAGE):
            data["resource"] = {"type": kind, "message": self.api.show(message)}
        elif kind:
            data["resource"] = {"type": kind}
        return data

    def _interaction(self, request: web.Request) -> Interaction:
        interaction = self.api.interactions.get(request.match_info["webhook_token"])
        if snowflake(request, "webhook_id") != self.world.bot.id:
            raise ApiError(10015)
        if interaction is None or interaction.expired:
            raise ApiError(50027)
        if interaction.ack is None or interaction.type == 4:
            raise ApiError(10015)
        channel = interaction.channel
        if channel.deleted:
            raise ApiError(10003)
        if channel.archived and channel.locked and request.method != "GET":
            raise ApiError(50083)
        return interaction

    def _target(self, request: web.Request, interaction: Interaction) -> Message:
        wanted = request.match_info["message_id"]
        if wanted == "@original":
            message = interaction.response
        else:
            number = snowflake(request, "message_id")
            mine = [*interaction.followups, *([interaction.response] if interaction.response else [])]
            message = next((m for m in mine if m.id == number), None)
        if message is None or message.deleted:
            raise ApiError(10008)
        return message

    async def follow_up(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        interaction = self._interaction(request)
        original = interaction.response
        if original is not None and original.loading:
            # The first follow-up after a deferral takes the place of the placeholder.
            self._edit(original, raw, uploads)
            return answer(self.api.show(original))
        guild = interaction.channel.guild
        if guild is not None and not guild.installed and len(interaction.followups) >= rules.FOLLOW_UPS:
            raise ApiError(40094)
        message = self._post(interaction, raw, uploads)
        interaction.followups.append(message)
        return answer(self.api.show(message, nonce=True))

    async def get_message(self, request: web.Request) -> web.Response:
        return answer(self.api.show(self._target(request, self._interaction(request))))

    async def edit_message(self, request: web.Request) -> web.Response:
        raw, uploads = await read(request)
        message = self._target(request, self._interaction(request))
        self._edit(message, raw, uploads)
        return answer(self.api.show(message))

    def _edit(self, message: Message, raw: Any, uploads: dict[int, Upload]) -> None:
        body = check_body(raw, uploads, message)
        self.api.compose(message, body)
        self.world.edited(message)

    async def delete_message(self, request: web.Request) -> web.Response:
        message = self._target(request, self._interaction(request))
        self.world.delete_message(message)
        return answer()


def _focused_type(data: Json) -> int:
    options: list[Json] = list(data.get("options") or [])
    for option in options:
        if option.get("focused"):
            return int(option["type"])
        options.extend(option.get("options") or [])
    return commands.STRING
