"""A person plays on Telegram: the real bot, a real worker, a strict Bot API server."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import pytest

from bot.stack.home import StackUrls
from tests.doubles.telegram import Message, TelegramServer
from tests.journeys.processes import Program, bot, serving, worker

PREMISE = "a keeper finds a door under the sea"


def page(message: Message) -> bool:
    """Whether a message shows a page with open choices."""
    return "1" in message.labels and "Retry" in message.labels


@dataclass(frozen=True)
class Service:
    """A bot that is connected to the platform, and a worker."""

    telegram: TelegramServer
    bot: Program


@pytest.fixture(scope="module")
async def service(
    request: pytest.FixtureRequest, shared_urls: StackUrls, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Service]:
    home = tmp_path_factory.mktemp("home")
    async with TelegramServer() as server:
        settings = {"TELEGRAM_TOKEN": server.token, "TELEGRAM_API_URL": server.api_url}
        program = bot(shared_urls, home, "telegram", **settings)
        async with serving(request, worker(shared_urls, home), program):
            yield Service(server, program)
        assert not [r for r in server.requests if r.status == 429], "ordinary play met flood control"


@pytest.fixture
def telegram(service: Service) -> TelegramServer:
    """The platform of a service that runs."""
    return service.telegram


async def test_a_story_from_the_first_page_to_an_own_action(telegram: TelegramServer):
    ann = telegram.person("ann")
    dm = ann.chat()
    said = await ann.say(dm, f"/story_new {PREMISE}")
    first = await ann.wait_for_message(dm, page, timeout=60, after=said)
    assert "keeper" in first.text
    first_text = first.text

    tap = await ann.tap(first, "2")
    await tap.answered(timeout=30)
    second = await ann.wait_for_message(dm, page, timeout=60, after=first)
    await ann.wait_until(first, lambda m: not m.labels)
    assert second.text != first_text
    assert "Back" in second.labels

    await ann.tap(second, "Back")
    home = await ann.wait_for_message(dm, page, timeout=60, after=second)
    assert home.text == first_text

    await ann.tap(home, "Retry")
    other = await ann.wait_for_message(dm, page, timeout=60, after=home)
    assert other.text != first_text

    await ann.tap(other, "Write your own")
    asked = await ann.wait_for_message(dm, lambda m: m.force_reply is not None, timeout=60, after=other)
    answer = await ann.say(dm, "I sing to the door until it hums back", reply_to=asked)
    own = await ann.wait_for_message(dm, page, timeout=60, after=answer)
    assert own.text != other.text

    stale = await ann.tap(first, "1", stale=True)
    told = await stale.answered(timeout=30)
    moved = await ann.wait_for_message(dm, "moved on", timeout=60, after=own)
    assert told is not None
    assert moved.labels == ["Go to the current page"]


async def test_a_persona_is_made_talked_with_written_into_a_file_and_read_again(telegram: TelegramServer):
    ben = telegram.person("ben")
    dm = ben.chat()
    asked = await ben.say(dm, "/persona_create name=Mira about=A keeper of clocks on the coast.")
    made = await ben.wait_for_message(dm, "Made.", timeout=60, after=asked)
    await ben.say(dm, "/persona_use Mira")
    await ben.wait_for_message(dm, "Say something to Mira", timeout=60, after=made)
    said = await ben.say(dm, "Hello! I am tired of the rain.")
    reply = await ben.wait_for_message(dm, lambda m: "Answer again" in m.labels, timeout=60, after=said)
    assert reply.text.startswith("Mira")
    before = reply.text
    # Whatever is done with the reply, it is done in its place.
    await ben.tap(reply, "Answer again")
    await ben.wait_until(reply, lambda m: "2/2 ▶" in m.labels, timeout=60)
    assert reply.text != before
    await ben.tap(reply, "◀")
    await ben.wait_until(reply, lambda m: m.text == before, timeout=60)
    await ben.tap(reply, "Continue")
    await ben.wait_until(reply, lambda m: "3/3 ▶" in m.labels, timeout=60)
    assert reply.text.startswith(before)
    await ben.tap(reply, "Edit")
    asked = await ben.wait_for_message(dm, lambda m: "Keep" in m.labels, timeout=60, after=reply)
    await ben.say(dm, "The rain is over.", reply_to=asked)
    await ben.wait_until(reply, "The rain is over.", timeout=60)
    asked = await ben.say(dm, "/message", reply_to=reply)
    panel = await ben.wait_for_message(dm, lambda m: "Hide" in m.labels, timeout=60, after=asked)
    await ben.tap(panel, "Hide")
    await ben.wait_until(reply, "nobody is told of it", timeout=60)
    await ben.say(dm, "/message unhide", reply_to=reply)
    await ben.wait_until(reply, lambda m: "Undo" in m.labels, timeout=60)
    await ben.tap(reply, "Undo")
    await ben.wait_until(reply, "You had said: “Hello! I am tired of the rain.”", timeout=60)
    assert reply.labels == []
    reset = await ben.say(dm, "/chat_reset")
    await ben.wait_for_message(dm, "forgotten", timeout=60, after=reset)
    files: list[bytes] = []
    for _ in range(2):
        asked = await ben.say(dm, "/persona_export Mira form=json")
        sent = await ben.wait_for_message(dm, lambda m: m.file is not None, timeout=60, after=asked)
        assert sent.file is not None
        files.append(sent.file.content)
        card = await ben.send_document(dm, "Mira.json", files[0], "/persona_import")
        await ben.wait_for_message(dm, "“Mira” is here.", timeout=60, after=card)
        gone = await ben.say(dm, "/persona_delete Mira")
        sure = await ben.wait_for_message(dm, lambda m: "Keep" in m.labels, timeout=60, after=gone)
        await ben.tap(sure, "Delete")
        await ben.wait_for_message(dm, "Mira is deleted", timeout=60, after=sure)
    assert files[0] == files[1]


async def test_a_group_in_which_the_bot_speaks_by_itself(telegram: TelegramServer):
    ann, cleo = telegram.person("ann"), telegram.person("cleo")
    group = telegram.group("Talkers", [ann, cleo], privacy=False)
    telegram.appoint(group, ann, owner=True)
    await cleo.say(group, "Between us: the tide is late.")
    asked = await ann.say(group, "/channel_set mode=keywords keywords=rain")
    await ann.wait_for_message(group, "answer messages with one of my keywords", timeout=60, after=asked)
    shown = await ann.say(group, "/channel_show")
    await ann.wait_for_message(group, "Keywords: rain", timeout=60, after=shown)
    await cleo.say(group, "The sun is out.")
    said = await cleo.say(group, "I am tired of the rain!")
    reply = await cleo.wait_for_message(group, lambda m: "Answer again" in m.labels, timeout=60, after=said)
    assert reply.reply_to is said


@pytest.mark.slow
async def test_three_people_and_two_personas_and_a_bot_that_dies_between_two_answers(service: Service):
    telegram, program = service.telegram, service.bot
    ann, ben, cleo = (telegram.person(name) for name in ("ann", "ben", "cleo"))
    group = telegram.group("Company", [ann, ben, cleo])
    telegram.appoint(group, ann, owner=True)

    def answer_of(name: str) -> Callable[[Message], bool]:
        return lambda m: m.text.startswith(name) and "Answer again" in m.labels

    await ann.say(group, "/persona_use Vex")
    asked = await ann.say(group, "/persona_add Marlow")
    told = await ann.wait_for_message(group, "Now here: Vex, Marlow Finch.", timeout=60, after=asked)
    said = await ann.say(group, "@storyfork_bot Good evening, everybody!")
    for name in ("Vex", "Marlow Finch"):
        await ann.wait_for_message(group, answer_of(name), timeout=60, after=said)
    said = await ben.say(group, "@storyfork_bot Vex and Marlow, tell me of the sea.")
    await ben.wait_for_message(group, answer_of("Vex"), timeout=60, after=said)
    await program.kill()
    await program.start()
    other = await ben.wait_for_message(group, answer_of("Marlow Finch"), timeout=60, after=said)
    said = await cleo.say(group, "Why is that?", reply_to=other)
    await cleo.wait_for_message(group, answer_of("Marlow Finch"), timeout=60, after=said)
    found = [m.text.split("\n")[0] for m in group.messages[told.id :] if "Answer again" in m.labels and not m.deleted]
    assert len(found) == 5
    assert [name.startswith("Marlow Finch") for name in found][4:] == [True]
