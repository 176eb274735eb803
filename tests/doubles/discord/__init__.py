"""A strict local Discord: REST API v10 and gateway on one port of 127.0.0.1, for the real, unmodified client library.

Start it in the event loop of a test (or as a process of its own: ``python -m tests.doubles.discord --port 0``)::

    server = DiscordServer()                       # DiscordServer(Settings(shards=2, message_content=True))
    await server.start()                           # or: async with DiscordServer() as server:
    env = {
        "DISCORD_TOKEN": server.token,
        "DISCORD_API_URL": server.api_url,         # http://127.0.0.1:PORT/api/v10
        "DISCORD_GATEWAY_URL": server.gateway_url, # ws://127.0.0.1:PORT/gateway
    }
    ...                                            # start the bot
    await server.ready(timeout=20)                 # a session has identified and got READY
    await server.commands_synced(timeout=20)       # the bot has registered its commands

Places and people (ids are snowflakes, ``.id`` is an int)::

    guild = server.guild("Readers")                # made on first use, found by name then
    channel = guild.text_channel("general")        # likewise; also guild.thread(channel, "name")
    alice = server.person("alice")                 # likewise; joins a guild when she first acts in it
    dm = alice.dm()                                # her direct messages with the bot
    guild.make_admin(alice)                        # gives her every permission in the guild
    alice.dms_open = False                         # the bot gets 50007
    channel.deny("SEND_MESSAGES")                  # the bot gets 50013; "VIEW_CHANNEL": 50001; allow() undoes

What a person does. An action that Discord's own client would refuse raises ``Refused`` (its text says why)::

    i = await alice.slash(channel, "story new", premise="a door")  # -> Interaction; checked by the schema
    choices = await alice.autocomplete(channel, "story continue", "story", "ab")  # -> list[Choice(name, value)]
    i = await alice.message_command(channel, "Rewrite", message)    # context menu
    i = await alice.click(message, "Open the door")                 # a button, by label, custom_id or label's beginning
    i = await alice.select(message, custom_id, ["value", …])        # a select menu
    i = await alice.submit(i_with_modal, {"label or custom_id": "text"})
    m = await alice.say(channel, "hello", mention_bot=False, reply_to=None)          # -> Message

What comes of it::

    ack = await i.acknowledged(timeout=3.0)  # -> Ack(type, latency, ephemeral); NotAcknowledged when the 3 s passed
    m = await i.answered(timeout=10.0)       # -> Message: the response once it is there (no placeholder)
    i.ack, i.response, i.followups, i.modal, i.ephemeral, i.failed  # as they are now
    i.expire()                               # the token's 15 minutes are over

    m = await alice.wait_for_message(channel, lambda m: "door" in m.content, timeout=10.0, after=None, from_bot=True)
    alice.messages(channel)                  # what she sees there now: list[Message], oldest first
    await alice.wait_until(lambda: bool, timeout=10.0)   # any condition, looked at whenever something changes

``Message``: ``id, channel, author, content, text (content, text displays and embeds together), buttons, selects,
embeds, attachments, nonce, flags, loading, ephemeral, edits (list[Edit]), deleted, reference, pings (ids of users)``.
``Button``: ``label, custom_id, disabled, style, url``; ``message.button("label or custom_id")``; a stale press, as two
fast fingers make it: ``alice.press(message, button_seen_before)``. A message object is live: it changes with edits.

The log::

    server.log.requests            # Request(method, path, route, status, at, seconds, code, fault)
    server.log.messages            # every message ever made, of the bot and of people
    server.log.interactions        # every interaction
    server.log.bot_messages(channel=None)
    server.log.duplicates()        # {key: [messages]} of bot messages that stand more than once in a channel
    server.log.ack_latencies()     # seconds, one per acknowledged interaction
    server.log.invalid_requests    # answers 401, 403, 429: Discord bans an address at 10,000 in 10 minutes

Faults (kinds in ``faults.py``)::

    server.faults.add(Fault("error_after", status=502, route="POST /channels/*/messages", times=1))
    server.faults.add(Fault("rate_limit", retry_after=0.5, route="PATCH /webhooks/*/*/messages/*"))
    server.faults.add(Fault("delay_before", seconds=3.2, route="POST /interactions/*/*/callback"))
    server.faults.random(seed=7, probability=0.05, kinds=("error_before", "error_after", "drop_before", "drop_after"))
    server.faults.clear()
    await server.gateway.close(code=4000)           # every connection; resumable
    await server.gateway.reconnect()                # op 7
    await server.gateway.invalidate(resumable=False)
    server.gateway.silent = True                    # alive, answers heartbeats, but brings no events

Rate limits are on as at Discord; ``Settings(rate_limits=RateLimits.off())`` switches them off for benchmarks.
The client finds the gateway through ``GET /gateway/bot``; after an invalidated session discord.py uses
``discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY``, which the bot therefore has to point at ``gateway_url``.
A GET of a message carries no nonce (it is in the answer to the create and in MESSAGE_CREATE only), unless
``Settings(history_nonce=True)``.
"""

from tests.doubles.discord.faults import Fault, Faults
from tests.doubles.discord.interactions import Ack, Choice, Interaction, NotAcknowledged
from tests.doubles.discord.log import Log, Request
from tests.doubles.discord.messages import Button, Edit, Message, Select
from tests.doubles.discord.person import Person, Refused
from tests.doubles.discord.places import Channel, Guild, User
from tests.doubles.discord.ratelimit import RateLimits
from tests.doubles.discord.server import DiscordServer, Settings

__all__ = [
    "Ack",
    "Button",
    "Channel",
    "Choice",
    "DiscordServer",
    "Edit",
    "Fault",
    "Faults",
    "Guild",
    "Interaction",
    "Log",
    "Message",
    "NotAcknowledged",
    "Person",
    "RateLimits",
    "Refused",
    "Request",
    "Select",
    "Settings",
    "User",
]
