"""A picture that somebody sends: described by a model that sees, told to the persona, gone; or said to be unseen."""

import base64
import io
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from db import chats, jobs, personas, pictures
from db.connection import row
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.sent_pictures import SENT, with_picture
from db.work import PersonaReply
from prompts.personas import load_personas
from tests.db.world import somebody
from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer
from tests.workers.making import run_by
from tests.workers.steps.test_card_portraits import Judge
from workers.engines.text.chain import TextChain
from workers.engines.text.remote import RemoteEngine
from workers.runner import Runner
from workers.services import Services

EYES = "eyes"


@pytest.fixture
async def server() -> AsyncGenerator[OpenAIServer]:
    server = OpenAIServer(text="A grey cat sleeps on a sill beside a red pot.", models=(MODEL, EYES))
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def seeing(services: Services, server: OpenAIServer) -> AsyncGenerator[Services]:
    """A worker whose remote model understands pictures; the persona answers without a model."""
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, eyes=EYES)
    yield replace(services, text=TextChain([engine]))
    await engine.close()


def photo() -> bytes:
    notes, out = PngInfo(), io.BytesIO()
    notes.add_text("GPS", "48.1 N canary")
    Image.new("RGB", (64, 48), "grey").save(out, "PNG", pnginfo=notes)
    return out.getvalue()


async def sent(data: bytes, text: str = "my cat") -> int:
    """A person has sent a picture; returns the job of the reply."""
    await personas.sync_shipped([shipped.card() for shipped in load_personas()])
    who = await somebody()
    persona = await personas.active(who.conversation)
    picture = await pictures.attach(who.account.id, who.user.id, who.conversation.id, data)
    reply = (await chats.say(who.conversation, persona, who.user.id, with_picture(text))).reply
    return await jobs.add(
        PersonaReply(reply=reply.id, picture=picture), account_id=who.account.id, user_id=who.user.id,
        conversation_id=who.conversation.id, event_key="console:1", destination={"chat_id": "c"},
    )  # fmt: skip


async def told() -> tuple[str, bool]:
    """What stands in the chat of who has sent it, and whether they are told that nobody looked."""
    said = await ChatMessageRow.get(role="user")
    return said.text, (await OutboxRow.get()).payload["unseen"]


def shown(server: OpenAIServer) -> list[dict[str, Any]]:
    return [request for request in server.requests if request["model"] == EYES]


async def test_what_is_on_it_is_told_to_the_persona_and_the_picture_is_gone(seeing: Services, server: OpenAIServer):
    job = await sent(photo())
    await run_by(Runner(seeing, 4), job)
    assert (await JobRow.get(id=job)).state == "done"
    assert await told() == (f"my cat\n[Sends a picture: {server.text}]", False)
    assert await row("SELECT FROM pictures") is None
    [request] = shown(server)
    text, image = request["messages"][-1]["content"]
    assert 'these words: "my cat"' in text["text"]
    png = base64.b64decode(image["image_url"]["url"].partition(",")[2])
    assert Image.open(io.BytesIO(png)).size == (64, 48)
    assert b"canary" not in png, "metadata goes nowhere"
    replies = [request for request in server.requests if request["model"] == MODEL]
    assert "A grey cat sleeps" in str(replies[0]["messages"])
    assert "base64" not in str(replies)


@pytest.mark.parametrize("data", [b"no picture", b"", b"\x89PNG\r\n\x1a\n broken"])
async def test_what_is_no_picture_is_unseen(seeing: Services, server: OpenAIServer, data: bytes):
    await run_by(Runner(seeing, 4), await sent(data))
    assert await told() == ("my cat\n[Sends a picture that cannot be seen here.]", True)
    assert shown(server) == []


async def test_without_a_model_that_sees_it_is_unseen(services: Services):
    await run_by(Runner(services, 4), await sent(photo(), ""))
    assert await told() == ("[Sends a picture that cannot be seen here.]", True)
    assert await row("SELECT FROM pictures") is None


@pytest.mark.parametrize(("judge", "looked"), [(Judge(0.1), 1), (Judge(0.9), 0), (Judge(None), 0)])
async def test_the_classifier_decides_whether_a_server_is_shown_it(
    seeing: Services, server: OpenAIServer, judge: Judge, looked: int
):
    await run_by(Runner(replace(seeing, picture_classifier=judge), 4), await sent(photo()))
    assert len(shown(server)) == looked
    assert (await told())[1] is (looked == 0)


async def test_a_server_that_fails_leaves_it_unseen(seeing: Services, server: OpenAIServer):
    server.faults.extend([Fault(status=400, error={"message": "image input is not supported"})] * 3)
    await run_by(Runner(seeing, 4), await sent(photo()))
    assert (await told())[1] is True


async def test_what_may_not_be_said_there_is_unseen(seeing: Services, server: OpenAIServer):
    server.text = "They have sex on the beach, naked and moaning."
    await run_by(Runner(seeing, 4), await sent(photo()))
    said, unseen = await told()
    assert (unseen, "naked" in said) == (True, False)


async def test_words_that_only_look_like_a_picture_stay(seeing: Services, server: OpenAIServer):
    job = await sent(photo(), f"I write {SENT} often")
    await run_by(Runner(seeing, 4), job)
    assert (await told())[0] == f"I write {SENT} often\n[Sends a picture: {server.text}]"


async def test_a_run_that_begins_anew_looks_no_second_time(seeing: Services, server: OpenAIServer):
    job = await sent(photo())
    await row("UPDATE chat_messages SET text = 'my cat\n[Sends a picture: a cat]' WHERE role = 'user'")
    await run_by(Runner(seeing, 4), job)
    assert await told() == ("my cat\n[Sends a picture: a cat]", False)
    assert shown(server) == []


async def test_words_that_were_changed_meanwhile_stay_as_they_are(seeing: Services, server: OpenAIServer):
    job = await sent(photo())
    await row("UPDATE chat_messages SET text = 'my dog' WHERE role = 'user'")
    await run_by(Runner(seeing, 4), job)
    assert await told() == ("my dog", True)
    assert shown(server) == []
