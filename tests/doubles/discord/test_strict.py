"""What the server refuses, as Discord does: one case each, sent without a library that would refuse it first."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.doubles.discord import DiscordServer, Interaction, Message, RateLimits, Settings
from tests.doubles.discord.rules import Json

V2 = 1 << 15


def button(**changes: Any) -> Json:
    return {"type": 2, "style": 1, "label": "Go", "custom_id": "go"} | changes


def row(*components: Json) -> Json:
    return {"type": 1, "components": list(components)}


def select(**changes: Any) -> Json:
    return {"type": 3, "custom_id": "s", "options": [{"label": "A", "value": "a"}]} | changes


def text_input(**changes: Any) -> Json:
    return {"type": 4, "custom_id": "t", "label": "Text", "style": 1} | changes


def modal(*fields: Json, **changes: Any) -> Json:
    rows = [row(f | {"custom_id": f"{f['custom_id']}{n}"}) for n, f in enumerate(fields)]
    return {"custom_id": "m", "title": "Form", "components": rows} | changes


@dataclass
class Case:
    """A body and how it is refused."""

    name: str
    body: Json
    status: int = 400
    code: int = 50035
    at: str = ""
    """Path in the tree of errors, with dots."""
    error: str = ""
    """The error's code there."""
    files: list[str] = field(default_factory=list[str])


MESSAGES = [
    Case("too long", {"content": "x" * 2001}, at="content", error="BASE_TYPE_MAX_LENGTH"),
    Case("empty", {"content": "  \n"}, code=50006),
    Case("nothing", {}, code=50006),
    Case("no text", {"content": ["x"]}, at="content", error="STRING_TYPE_CONVERT"),
    Case(
        "long description of a file",
        {"content": "x", "attachments": [{"id": 0, "description": "x" * 1025}]},
        at="attachments.0.description",
    ),
    Case("six rows", {"components": [row(button(custom_id=str(n))) for n in range(6)]}, at="components"),
    Case(
        "six buttons",
        {"components": [row(*(button(custom_id=str(n)) for n in range(6)))]},
        at="components.0.components",
    ),
    Case("empty row", {"components": [row()]}, at="components.0.components"),
    Case("long label", {"components": [row(button(label="x" * 81))]}, at="components.0.components.0.label"),
    Case("long id", {"components": [row(button(custom_id="x" * 101))]}, at="components.0.components.0.custom_id"),
    Case("no id", {"components": [row(button(custom_id=None))]}, at="components.0.components.0.custom_id"),
    Case("same id", {"components": [row(button(), button())]}, at="components", error="COMPONENT_CUSTOM_ID_DUPLICATED"),
    Case("no label", {"components": [row(button(label=""))]}, at="components.0.components.0.label"),
    Case(
        "bad emoji", {"components": [row(button(emoji={"name": "smile"}))]}, at="components.0.components.0.emoji.name"
    ),
    Case("id and url", {"components": [row(button(style=5, url="https://x"))]}, at="components.0.components.0"),
    Case("bad style", {"components": [row(button(style=9))]}, at="components.0.components.0.style"),
    Case("text without v2", {"components": [{"type": 10, "content": "x"}]}, at="components.0.type"),
    Case("no options", {"components": [row(select(options=[]))]}, at="components.0.components.0.options"),
    Case(
        "26 options",
        {"components": [row(select(options=[{"label": str(n), "value": str(n)} for n in range(26)]))]},
        at="components.0.components.0.options",
    ),
    Case("wide select", {"components": [row(select(), button())]}, at="components.0.components"),
    Case(
        "long placeholder",
        {"components": [row(select(placeholder="x" * 151))]},
        at="components.0.components.0.placeholder",
    ),
    Case("v2 with content", {"flags": V2, "content": "x", "components": [{"type": 10, "content": "x"}]}, at="flags"),
    Case("41 parts", {"flags": V2, "components": [{"type": 10, "content": "x"}] * 41}, at="components"),
    Case("4001 characters", {"flags": V2, "components": [{"type": 10, "content": "x" * 2001}] * 2}, at="components"),
    Case(
        "no such file", {"flags": V2, "components": [{"type": 13, "file": {"url": "attachment://x"}}]}, at="attachments"
    ),
    Case("eleven embeds", {"embeds": [{"title": "x"}] * 11}, at="embeds"),
    Case("long description", {"embeds": [{"description": "x" * 4097}]}, at="embeds.0.description"),
    Case("long field", {"embeds": [{"fields": [{"name": "x", "value": "x" * 1025}]}]}, at="embeds.0.fields.0.value"),
    Case("long embeds", {"embeds": [{"description": "x" * 3001}] * 2}, at="embeds", error="MAX_EMBED_SIZE_EXCEEDED"),
    Case("long nonce", {"content": "x", "nonce": "x" * 26}, at="nonce", error="NONCE_TYPE_TOO_LONG"),
    Case("unknown reply", {"content": "x", "message_reference": {"message_id": "5"}}, at="message_reference"),
    Case(
        "both mentions",
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
        at="allowed_mentions",
    ),
]

COMMANDS = [
    Case("capital", {"name": "Story", "description": "x"}, at="0.name", error="APPLICATION_COMMAND_INVALID_NAME"),
    Case("space", {"name": "a b", "description": "x"}, at="0.name"),
    Case("long name", {"name": "x" * 33, "description": "x"}, at="0.name"),
    Case("no description", {"name": "a", "description": ""}, at="0.description"),
    Case("long description", {"name": "a", "description": "x" * 101}, at="0.description"),
    Case(
        "26 options",
        {
            "name": "a",
            "description": "x",
            "options": [{"type": 3, "name": f"o{n}", "description": "x"} for n in range(26)],
        },
        at="0.options",
    ),
    Case(
        "26 choices",
        {
            "name": "a",
            "description": "x",
            "options": [
                {
                    "type": 3,
                    "name": "o",
                    "description": "x",
                    "choices": [{"name": str(n), "value": "v"} for n in range(26)],
                }
            ],
        },
        at="0.options.0.choices",
    ),
    Case(
        "required after optional",
        {
            "name": "a",
            "description": "x",
            "options": [
                {"type": 3, "name": "o", "description": "x"},
                {"type": 3, "name": "p", "description": "x", "required": True},
            ],
        },
        at="0.options.1",
    ),
    Case(
        "deep nesting",
        {
            "name": "a",
            "description": "x",
            "options": [
                {"type": 1, "name": "s", "description": "x", "options": [{"type": 1, "name": "t", "description": "x"}]}
            ],
        },
        at="0.options.0.options.0.type",
    ),
    Case(
        "mixed",
        {
            "name": "a",
            "description": "x",
            "options": [{"type": 1, "name": "s", "description": "x"}, {"type": 3, "name": "t", "description": "x"}],
        },
        at="0.options",
    ),
    Case(
        "8001 characters",
        {
            "name": "a",
            "description": "x",
            "options": [
                {
                    "type": 3,
                    "name": f"o{n}",
                    "description": "x" * 100,
                    "choices": [{"name": f"{k:0100}", "value": f"{k:0100}"} for k in range(20)],
                }
                for n in range(2)
            ],
        },
        at="0",
        error="APPLICATION_COMMAND_TOO_LARGE",
    ),
    Case("menu with description", {"name": "A b", "type": 3, "description": "x"}, at="0.description"),
]

CALLBACKS = [
    Case("long content", {"type": 4, "data": {"content": "x" * 2001}}, at="data.content"),
    Case("empty", {"type": 4, "data": {}}, code=50006),
    Case("deferral with flags", {"type": 5, "data": {"flags": V2}}, at="data.flags"),
    Case("update of nothing", {"type": 7, "data": {"content": "x"}}, at="type"),
    Case("choices for a command", {"type": 8, "data": {"choices": []}}, at="type"),
    Case("long title", {"type": 9, "data": modal(text_input(), title="x" * 46)}, at="data.title"),
    Case("value over the limit", {"type": 9, "data": modal(text_input(value="xx", max_length=1))}),
    Case("no fields", {"type": 9, "data": modal()}, at="data.components"),
    Case("six fields", {"type": 9, "data": modal(*[text_input()] * 6)}, at="data.components"),
    Case(
        "long value",
        {"type": 9, "data": modal(text_input(value="x" * 4001))},
        at="data.components.0.components.0.value",
    ),
    Case(
        "long field label",
        {"type": 9, "data": modal(text_input(label="x" * 46))},
        at="data.components.0.components.0.label",
    ),
]


class Caller:
    """Sends requests as the bot."""

    def __init__(self, server: DiscordServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.channel = server.guild("Readers").text_channel("general")

    async def call(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bot {token or self.server.token}"}
        async with self.session.request(method, self.server.api_url + path, json=body, headers=headers) as response:
            assert response.status == 204 or response.headers["Content-Type"] == "application/json"
            return response.status, None if response.status == 204 else await response.json()

    async def post(self, **body: Any) -> Message:
        status, message = await self.call("POST", f"/channels/{self.channel.id}/messages", body)
        assert status == 200, message
        return self.channel.messages[int(message["id"])]


@pytest_asyncio.fixture(scope="module")
async def caller() -> AsyncIterator[Caller]:
    settings = Settings(rate_limits=RateLimits.off())
    async with DiscordServer(settings) as server, aiohttp.ClientSession() as session:
        found = Caller(server, session)
        status, _ = await found.call("PUT", f"/applications/{server.world.bot.id}/commands", [command("a")])
        assert status == 200
        yield found


def command(name: str, **changes: Any) -> Json:
    option = {"type": 3, "name": "o", "description": "x", "autocomplete": True}
    return {"name": name, "description": "x", "options": [option]} | changes


def expect(case: Case, status: int, answer: Any) -> None:
    assert (status, answer["code"]) == (case.status, case.code), answer
    node = answer.get("errors", {})
    for key in case.at.split(".") if case.at else ():
        assert key in node, (case.at, answer)
        node = node[key]
    if case.error:
        assert case.error in {e["code"] for e in node["_errors"]}, answer


@pytest.mark.parametrize("case", MESSAGES, ids=lambda c: c.name)
async def test_messages(caller: Caller, case: Case) -> None:
    before = len(caller.channel.messages)
    expect(case, *await caller.call("POST", f"/channels/{caller.channel.id}/messages", case.body))
    assert len(caller.channel.messages) == before


@pytest.mark.parametrize("case", COMMANDS, ids=lambda c: c.name)
async def test_commands(caller: Caller, case: Case) -> None:
    path = f"/applications/{caller.server.world.bot.id}/commands"
    expect(case, *await caller.call("PUT", path, [case.body]))
    assert [c["name"] for c in caller.server.commands] == ["a"]


@pytest.mark.parametrize("count", [100, 101])
async def test_how_many_commands(caller: Caller, count: int) -> None:
    guild = caller.server.guild("Readers")
    path = f"/applications/{caller.server.world.bot.id}/guilds/{guild.id}/commands"
    status, _ = await caller.call("PUT", path, [command(f"c{n}") for n in range(count)])
    assert status == (200 if count == 100 else 400)


async def _asked(caller: Caller) -> Interaction:
    return await caller.server.person("alice").slash(caller.channel, "a", o="x")


def _callback(interaction: Interaction) -> str:
    return f"/interactions/{interaction.id}/{interaction.token}/callback"


@pytest.mark.parametrize("case", CALLBACKS, ids=lambda c: c.name)
async def test_callbacks(caller: Caller, case: Case) -> None:
    interaction = await _asked(caller)
    expect(case, *await caller.call("POST", _callback(interaction), case.body))
    assert interaction.ack is None


async def test_many_choices(caller: Caller) -> None:
    alice = caller.server.person("alice")
    asking = asyncio.create_task(alice.autocomplete(caller.channel, "a", "o", "x"))
    await asyncio.sleep(0)
    path = _callback(caller.server.interactions[-1])
    choices = [{"name": str(n), "value": str(n)} for n in range(26)]
    status, answer = await caller.call("POST", path, {"type": 8, "data": {"choices": choices}})
    assert (status, answer["code"]) == (400, 50035)
    status, _ = await caller.call("POST", path, {"type": 8, "data": {"choices": choices[:25]}})
    assert status == 204
    assert len(await asking) == 25


async def test_where_the_bot_may_not(caller: Caller) -> None:
    hall = caller.server.guild("Readers").text_channel("hall")
    path = f"/channels/{hall.id}/messages"
    hall.deny("SEND_MESSAGES")
    status, answer = await caller.call("POST", path, {"content": "x"})
    assert (status, answer["code"]) == (403, 50013)
    hall.deny("VIEW_CHANNEL")
    status, answer = await caller.call("GET", path)
    assert (status, answer["code"]) == (403, 50001)
    hall.allow("VIEW_CHANNEL", "SEND_MESSAGES")
    status, _ = await caller.call("POST", path, {"content": "x"})
    assert status == 200
    hall.delete()
    status, answer = await caller.call("POST", path, {"content": "x"})
    assert (status, answer["code"]) == (404, 10003)


async def test_others_and_missing_messages(caller: Caller) -> None:
    alice = caller.server.person("alice")
    hers = await alice.say(caller.channel, "mine")
    path = f"/channels/{caller.channel.id}/messages"
    status, answer = await caller.call("PATCH", f"{path}/{hers.id}", {"content": "x"})
    assert (status, answer["code"]) == (403, 50005)
    status, answer = await caller.call("DELETE", f"{path}/{hers.id}")
    assert (status, answer["code"]) == (403, 50013)
    status, answer = await caller.call("PATCH", f"{path}/5", {"content": "x"})
    assert (status, answer["code"]) == (404, 10008)
    gone = await caller.post(content="soon gone")
    assert (await caller.call("DELETE", f"{path}/{gone.id}"))[0] == 204
    assert (await caller.call("GET", f"{path}/{gone.id}"))[1]["code"] == 10008
    assert gone.deleted


async def test_v2_cannot_be_taken_back(caller: Caller) -> None:
    message = await caller.post(flags=V2, components=[{"type": 10, "content": "x"}])
    path = f"/channels/{caller.channel.id}/messages/{message.id}"
    status, answer = await caller.call("PATCH", path, {"flags": 0, "content": "plain"})
    assert (status, answer["code"]) == (400, 50035)
    old = await caller.post(content="plain")
    path = f"/channels/{caller.channel.id}/messages/{old.id}"
    status, _ = await caller.call("PATCH", path, {"flags": V2, "components": [{"type": 10, "content": "x"}]})
    assert status == 400
    changed: Json = {"flags": V2, "content": None, "components": [{"type": 10, "content": "x"}]}
    assert (await caller.call("PATCH", path, changed))[0] == 200
    assert old.text == "x"


async def test_tokens_and_unknown_routes(caller: Caller) -> None:
    status, answer = await caller.call("GET", "/users/@me", token="wrong")
    assert (status, answer["code"]) == (401, 0)
    status, answer = await caller.call("GET", "/nowhere")
    assert (status, answer["code"]) == (404, 0)
    hook = f"/webhooks/{caller.server.world.bot.id}"
    status, answer = await caller.call("POST", f"{hook}/nonsense", {"content": "x"})
    assert (status, answer["code"]) == (401, 50027)
    interaction = await _asked(caller)
    status, answer = await caller.call("POST", f"{hook}/{interaction.token}", {"content": "x"})
    assert (status, answer["code"]) == (404, 10015)
    assert (await caller.call("POST", _callback(interaction), {"type": 9, "data": modal(text_input())}))[0] == 204
    status, answer = await caller.call("PATCH", f"{hook}/{interaction.token}/messages/@original", {"content": "x"})
    assert (status, answer["code"]) == (404, 10008)
    status, answer = await caller.call("POST", _callback(interaction), {"type": 5})
    assert (status, answer["code"]) == (400, 40060)
    assert caller.server.log.invalid_requests >= 2


async def test_thread_names(caller: Caller) -> None:
    path = f"/channels/{caller.channel.id}/threads"
    for name, wanted in (("", 400), ("x" * 101, 400), ("x" * 100, 201)):
        status, _ = await caller.call("POST", path, {"name": name, "type": 11})
        assert status == wanted
    dm = caller.server.person("alice").dm()
    status, answer = await caller.call("POST", f"/channels/{dm.id}/threads", {"name": "x", "type": 11})
    assert (status, answer["code"]) == (400, 50024)


async def test_pings_follow_allowed_mentions(caller: Caller) -> None:
    alice = caller.server.person("alice")
    loud = await caller.post(content=f"<@{alice.id}> @everyone")
    assert (loud.pings, loud.pings_everyone) == ({alice.id}, True)
    quiet = await caller.post(content=f"<@{alice.id}> @everyone", allowed_mentions={"parse": []})
    assert (quiet.pings, quiet.pings_everyone) == (set(), False)
