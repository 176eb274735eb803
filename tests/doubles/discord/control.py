"""A small HTTP interface over the Python one, for servers that run as a process of their own.

Every request is ``POST /_control/<action>`` with a JSON object; the answer is JSON, a refusal is status 400 with
``{"error": "Refused", "message": …}``. A place is ``{"dm": true}``, ``{"guild": "Readers", "channel": "general"}`` or
``{"id": "123"}``.

=============  ==========================================================================================
action         fields
=============  ==========================================================================================
ready          timeout
slash          person, place, command, options
autocomplete   person, place, command, option, typed
click          person, message, button
submit         person, interaction, fields
say            person, place, text, mention_bot, reply_to
acknowledged   interaction, timeout
answered       interaction, timeout
wait           person, place, contains, after, timeout: the first message of the bot that contains the text
messages       person, place: what the person sees
log            (none): counts, acknowledgement latencies, requests by status, duplicates
fault          the fields of ``Fault``
random_faults  seed, probability, kinds, route, seconds, retry_after
clear_faults   (none)
gateway        do ("close", "drop", "reconnect", "invalidate", "silent"), code, value
=============  ==========================================================================================
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.doubles.discord.api import answer
from tests.doubles.discord.faults import Fault
from tests.doubles.discord.interactions import Interaction, NotAcknowledged
from tests.doubles.discord.invocation import Refused
from tests.doubles.discord.messages import Message
from tests.doubles.discord.person import Person
from tests.doubles.discord.places import Channel
from tests.doubles.discord.rules import Json
from tests.doubles.discord.server import DiscordServer

Action = Callable[[Json], Awaitable[Any]]


def describe(message: Message) -> Json:
    """A message as a person sees it."""
    return {
        "id": str(message.id),
        "channel": str(message.channel.id),
        "author": message.author.name,
        "content": message.content,
        "text": message.text,
        "buttons": [
            {"label": b.label, "custom_id": b.custom_id, "disabled": b.disabled, "url": b.url} for b in message.buttons
        ],
        "edits": len(message.edits),
        "nonce": message.nonce,
        "ephemeral": message.ephemeral,
        "loading": message.loading,
    }


class Control:
    """The actions."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server
        self._actions: dict[str, Action] = {
            name.removeprefix("do_"): getattr(self, name) for name in dir(self) if name.startswith("do_")
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Serve one action."""
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound
        fields: Json = await request.json() if request.can_read_body else {}
        try:
            return answer(await action(fields) or {})
        except (Refused, NotAcknowledged, TimeoutError, LookupError, TypeError, ValueError) as error:
            return answer({"error": type(error).__name__, "message": str(error)}, 400)

    def _person(self, fields: Json) -> Person:
        return self.server.person(str(fields["person"]))

    def _place(self, fields: Json) -> Channel:
        place: Json = fields["place"]
        if place.get("dm"):
            return self._person(fields).dm()
        if "id" in place:
            return self.server.world.channels[int(place["id"])]
        return self.server.guild(place["guild"]).text_channel(place["channel"])

    def _message(self, message_id: object) -> Message:
        wanted = int(str(message_id))
        for message in reversed(self.server.log.messages):
            if message.id == wanted:
                return message
        raise LookupError(f"no message {wanted}")

    def _interaction(self, fields: Json) -> Interaction:
        wanted = int(fields["interaction"])
        for interaction in reversed(self.server.interactions):
            if interaction.id == wanted:
                return interaction
        raise LookupError(f"no interaction {wanted}")

    async def do_ready(self, fields: Json) -> Json:
        timeout = float(fields.get("timeout", 20))
        await self.server.ready(timeout)
        return {"commands": [c["name"] for c in await self.server.commands_synced(timeout)]}

    async def do_slash(self, fields: Json) -> Json:
        person, place = self._person(fields), self._place(fields)
        interaction = await person.slash(place, fields["command"], **fields.get("options", {}))
        return {"interaction": str(interaction.id)}

    async def do_autocomplete(self, fields: Json) -> Json:
        person, place = self._person(fields), self._place(fields)
        choices = await person.autocomplete(place, fields["command"], fields["option"], fields["typed"])
        return {"choices": [{"name": c.name, "value": c.value} for c in choices]}

    async def do_click(self, fields: Json) -> Json:
        interaction = await self._person(fields).click(self._message(fields["message"]), fields["button"])
        return {"interaction": str(interaction.id)}

    async def do_submit(self, fields: Json) -> Json:
        interaction = await self._person(fields).submit(self._interaction(fields), fields["fields"])
        return {"interaction": str(interaction.id)}

    async def do_say(self, fields: Json) -> Json:
        reply_to = self._message(fields["reply_to"]) if fields.get("reply_to") else None
        mention = bool(fields.get("mention_bot"))
        message = await self._person(fields).say(
            self._place(fields), fields["text"], mention_bot=mention, reply_to=reply_to
        )
        return describe(message)

    async def do_acknowledged(self, fields: Json) -> Json:
        ack = await self._interaction(fields).acknowledged(fields.get("timeout"))
        return {"type": ack.type, "latency": ack.latency, "ephemeral": ack.ephemeral}

    async def do_answered(self, fields: Json) -> Json:
        return describe(await self._interaction(fields).answered(float(fields.get("timeout", 10))))

    async def do_wait(self, fields: Json) -> Json:
        text = str(fields.get("contains", ""))
        after = self._message(fields["after"]) if fields.get("after") else None
        person, place = self._person(fields), self._place(fields)
        timeout = float(fields.get("timeout", 10))
        return describe(await person.wait_for_message(place, lambda m: text in m.text, timeout, after=after))

    async def do_messages(self, fields: Json) -> Json:
        return {"messages": [describe(m) for m in self._person(fields).messages(self._place(fields))]}

    async def do_log(self, fields: Json) -> Json:
        log = self.server.log
        return {
            "requests": dict(Counter(str(r.status) for r in log.requests)),
            "invalid_requests": log.invalid_requests,
            "messages": len(log.messages),
            "bot_messages": len(log.bot_messages()),
            "interactions": len(log.interactions),
            "ack_latencies": log.ack_latencies(),
            "duplicates": [[describe(m) for m in same] for same in log.duplicates().values()],
            "faults": self.server.faults.struck,
        }

    async def do_fault(self, fields: Json) -> None:
        self.server.faults.add(Fault(**fields))

    async def do_random_faults(self, fields: Json) -> None:
        self.server.faults.random(**fields)

    async def do_clear_faults(self, fields: Json) -> None:
        self.server.faults.clear()

    async def do_gateway(self, fields: Json) -> None:
        gateway, what = self.server.gateway, fields["do"]
        if what == "close":
            await gateway.close(int(fields.get("code", 4000)))
        elif what == "drop":
            gateway.drop()
        elif what == "reconnect":
            await gateway.reconnect()
        elif what == "invalidate":
            await gateway.invalidate(resumable=bool(fields.get("value")))
        elif what == "silent":
            gateway.silent = bool(fields.get("value", True))
        else:
            raise ValueError(f"the gateway cannot {what}")
