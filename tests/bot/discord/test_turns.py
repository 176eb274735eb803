"""Discord while another process leads: the client stays able to send, and listens again when it leads again."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress

from bot.events import Event, TextMessage
from bot.messages import Message
from bot.platforms.base import Outcome
from bot.platforms.discord import DiscordPlatform
from tests.bot.discord.conftest import Connected, Notes
from tests.doubles.discord import DiscordServer
from tests.topics import product_topics


class Switch:
    """The turns as a test wants them."""

    def __init__(self) -> None:
        self.on, self.off = asyncio.Event(), asyncio.Event()
        self.proof = math.inf

    def proof_left(self) -> float:
        return self.proof

    async def while_leading(self, body: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self.on.wait()
            task = asyncio.ensure_future(body())
            try:
                await self.off.wait()
            finally:
                task.cancel()
                await asyncio.wait([task])

    def turn(self, *, on: bool) -> None:
        for event, state in ((self.on, on), (self.off, not on)):
            (event.set if state else event.clear)()


class Refusing(Notes):
    """Commits nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[str] = []

    async def dispatch(self, event: Event) -> Outcome:
        self.refused.append(event.key)
        return Outcome("refused", "Not now.")


async def test_a_process_that_may_not_lead_any_more_refuses_nothing(server: DiscordServer):
    """Its successor reads the message from the history: a person must not be answered and told that nobody took it."""
    notes, turns = Refusing(), Switch()
    platform = DiscordPlatform(
        server.token, product_topics().commands, api_url=server.api_url, gateway_url=server.gateway_url
    )
    running = asyncio.create_task(platform.run(notes, turns))
    ann, ben = server.person("ann"), server.person("ben")
    turns.turn(on=True)
    await server.ready(timeout=20)
    turns.proof = 0.0
    await ann.say(ann.dm(), "one")
    async with asyncio.timeout(20):
        while not notes.refused:
            await asyncio.sleep(0.02)
    turns.proof = math.inf
    await ben.say(ben.dm(), "two")
    async with asyncio.timeout(20):
        while not [m for m in ben.dm().messages.values() if m.author.bot]:
            await asyncio.sleep(0.02)
    assert not [m for m in ann.dm().messages.values() if m.author.bot]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_client_that_lost_its_turn_sends_and_listens_again_later(server: DiscordServer):
    notes, turns = Notes(), Switch()
    platform = DiscordPlatform(
        server.token, product_topics().commands, api_url=server.api_url, gateway_url=server.gateway_url
    )
    running = asyncio.create_task(platform.run(notes, turns))
    ann = server.person("ann")
    for number, said in enumerate(("one", "two", "three"), 1):
        turns.turn(on=True)
        await server.ready(timeout=20)
        await ann.say(ann.dm(), said)
        event = await notes.event()
        assert isinstance(event.payload, TextMessage)
        assert event.payload.text == said
        turns.turn(on=False)
        async with asyncio.timeout(20):
            while server.gateway.connected_shards():
                await asyncio.sleep(0.02)
        assert platform.connected
        connected = Connected(server, platform, notes)
        await platform.deliver(connected.delivery(event, number=number), Message(f"Heard {said}."))
        assert [m.text for m in ann.dm().messages.values() if m.author.bot][-1] == f"Heard {said}."
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
