"""Buttons and drafts that outlive a release, forms with optional and prefilled fields, numbers from clients."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import pytest

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.base import CommandSpec, Parameter
from bot.compose import Composer
from bot.context import Context, Enquiry
from bot.events import ButtonPress, Payload, Submit, TextMessage
from bot.messages import Field, Form
from bot.router import Router
from bot.routes.base import TextRoute
from bot.topics import PRODUCT, Topic, Topics
from bot.views.base import ViewServices
from db import conversations
from db.errors import UserError
from db.models import DraftRow, JobRow, StoryRow
from db.permissions import EVERYBODY
from prompts.registry import default_registry
from tests.bot.world import FIELD_BY_FIELD, Bot, command, event_of, press, running_bot, say
from workers.queue import Queue


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


class Recorder:
    """A topic whose button and command record what they were given."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        form = FormSpec(
            "Roll",
            (
                Field("dice", "Which dice?"),
                Field("note", "A note", required=False),
                Field("luck", "Luck", required=False),
            ),
            self.present,
        )
        self.topic = Topic(
            "dice",
            (
                CommandSpec(
                    "roll dice",
                    "Roll dice",
                    self.command,
                    (Parameter("sides", "How many", int, required=True),),
                    permission=EVERYBODY,
                ),
            ),
            (ActionSpec("roll", self.roll, (Arg("table"),), form=form, permission=EVERYBODY),),
        )

    async def present(self, context: Context, table: int) -> Mapping[str, str]:
        del context, table
        return {"dice": "d6", "note": "for luck"}

    async def command(self, context: Context, values: dict[str, Any]) -> None:
        self.done.append(values)
        await context.notice("rolled")

    async def roll(self, context: Context, values: Mapping[str, str], table: int) -> None:
        self.done.append((table, dict(values)))
        await context.notice("rolled")


def with_topics(bot: Bot, queue: Queue, *topics: Topic) -> Bot:
    """The same bot after an update that brought other topics, in this order."""
    bot.topics = Topics()
    for topic in topics:
        bot.topics.add(topic, "test")
    bot.around = ViewServices(bot.topics.commands, bot.topics.forms, default_registry(), queue)
    bot.composer = Composer(bot.topics.views, bot.around)
    capabilities = {"console": FIELD_BY_FIELD}
    bot.router = Router(bot.topics, bot.composer, default_registry(), queue, capabilities, lambda _e, _o: None)
    return bot


async def test_a_button_and_a_draft_made_before_a_command_was_added_still_do_what_they_did(bot: Bot, redis_url: str):
    dice, other = Recorder(), Recorder()
    other.topic = Topic(
        "early",
        (
            CommandSpec(
                "aaa", "First of all", other.command, (Parameter("x", "X", required=True),), permission=EVERYBODY
            ),
        ),
    )
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, *PRODUCT, dice.topic)
        await bot.does(command("roll dice"))
        dialog = await bot.router.form_for(event_of(command("roll dice"), name="bob"))
        assert isinstance(dialog, Form)
        with_topics(bot, queue, other.topic, dice.topic, *reversed(PRODUCT))
        await bot.does(say("20"))
        await bot.does(Submit(form=dialog.action, values={"sides": "6"}), name="bob")
    assert dice.done == [{"sides": 20}, {"sides": 6}]
    assert other.done == []
    assert await DraftRow.all().count() == 0


async def test_fields_are_prefilled_kept_cleared_and_skipped(bot: Bot, redis_url: str):
    dice = Recorder()
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, *PRODUCT, dice.topic)
        first = await bot.answer(await bot.does(press("roll", 7)))
        assert first.asks is not None
        assert (first.asks.label, first.asks.value) == ("Which dice?", "d6")
        assert [b.word for row in first.buttons for b in row] == ["keep"]
        second = await bot.answer(await bot.does(press("keep_field", "dice")))
        assert second.asks is not None
        assert second.asks.value == "for luck"
        assert [b.word for row in second.buttons for b in row] == ["keep", "clear"]
        third = await bot.answer(await bot.does(press("skip_field", "note")))
        assert [b.word for row in third.buttons for b in row] == ["skip"]
        twice = await bot.answer(await bot.does(press("skip_field", "note")))
        assert "answered that question already" in twice.body
        assert dice.done == []
        await bot.does(press("skip_field", "luck"))
        assert dice.done == [(7, {"dice": "d6", "note": "", "luck": ""})]
        gone = await bot.answer(await bot.does(press("keep_field", "luck")))
        assert "no longer open" in gone.body


async def test_a_dialog_hands_in_what_it_asks_and_no_more(bot: Bot, redis_url: str):
    dice = Recorder()
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, *PRODUCT, dice.topic)
        await bot.does(Submit(form="1.roll.7", values={"luck": "", "forged": "x"}))
        assert dice.done == [(7, {"dice": "d6", "note": "for luck", "luck": ""})]
        for values in ({"dice": " "}, {"dice": "6" * 1001}):
            refused = await bot.answer(await bot.does(Submit(form="1.roll.7", values=values)))
            assert "reference" not in refused.body
        await bot.does(Submit(form="1.fill.imagine", values={"prompt": "a door", "picture": "what?", "seed": "9"}))
        assert len(dice.done) == 1
    assert (await JobRow.get()).parameters["prompt"] == "a door"
    assert {"source", "seed"}.isdisjoint((await JobRow.get()).parameters)


async def test_a_required_field_cannot_be_skipped(bot: Bot, redis_url: str):
    dice = Recorder()
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, *PRODUCT, dice.topic)
        await bot.does(press("roll", 7))
        refused = await bot.answer(await bot.does(press("skip_field", "dice")))
        assert "must be filled in" in refused.body
        assert await DraftRow.all().count() == 1
        whole = await bot.router.form_for(event_of(press("roll", 7), name="bob"))
        assert isinstance(whole, Form)
        assert [(f.name, f.value, f.required) for f in whole.fields] == [
            ("dice", "d6", True),
            ("note", "for luck", False),
            ("luck", "", False),
        ]


async def test_keeping_nothing_does_not_fill_in_a_required_field(bot: Bot):
    await bot.does(command("persona use"))
    forged = await bot.answer(await bot.does(press("keep_field", "name")))
    assert "must be filled in" in forged.body
    assert await DraftRow.all().count() == 1


@pytest.mark.parametrize(
    "draft",
    [
        {},
        {"form": "1.fill.3", "values": {}, "index": 0},
        {"form": "fill:3"},
        {"form": ["1.fill.imagine"], "values": None},
        {"form": "1.fill.imagine", "values": ["prompt"], "present": "x"},
        {"form": "1.fill.imagine", "values": {"prompt": 7}, "present": {"prompt": None}},
    ],
)
async def test_a_draft_of_another_release_never_costs_an_answer(bot: Bot, draft: dict[str, Any]):
    await bot.does(command("persona use"))
    await DraftRow.all().update(content=draft)
    answer = await bot.answers(await bot.does(say("a door")))
    assert not any("reference" in message.body for message in answer)
    assert await DraftRow.all().count() == 0


@pytest.mark.parametrize("values", [{"story": 3, "private": False, "self": 1}, {"key": "x"}, {"thing": object()}])
async def test_whatever_an_error_carries_the_person_is_answered(bot: Bot, redis_url: str, values: dict[str, Any]):
    async def refuse(context: Context) -> None:
        del context
        error = UserError("form.required")
        error.values = values
        raise error

    async with Queue(redis_url) as queue:
        with_topics(
            bot, queue, *PRODUCT, Topic("broken", actions=(ActionSpec("broken", refuse, permission=EVERYBODY),))
        )
        answer = await bot.answer(await bot.does(press("broken")))
    assert ("reference" in answer.body) == ("thing" in values)


@pytest.mark.parametrize("names", [(), ("Dice",), ("dice", "dice"), ("a.b",)])
def test_a_form_has_fields_that_buttons_can_name(names: tuple[str, ...]):
    with pytest.raises(ValueError, match="names of fields"):
        FormSpec("Roll", tuple(Field(name, "?") for name in names))


def test_no_form_has_more_fields_than_every_platform_can_ask():
    fields = [Field(f"f{n}", "?") for n in range(6)]
    assert len(FormSpec("Roll", tuple(fields[:5])).fields) == 5
    with pytest.raises(ValueError, match="6 fields; the limit is 5"):
        FormSpec("Roll", tuple(fields))
    parameters = tuple(Parameter(f"p{n}", "P", required=n < 6) for n in range(9))
    with pytest.raises(ValueError, match="requires more than 5"):
        CommandSpec("roll", "Roll", run_nothing, parameters, permission=EVERYBODY)


async def run_nothing(context: Context, values: dict[str, Any]) -> None:
    """Never run."""


@pytest.mark.parametrize("value", ["²", "--5", "1.5", "٣", "1e3", "9" * 30, "0x10", "1_000", "five"])
async def test_a_number_that_is_none_is_told(bot: Bot, value: str):
    answer = await bot.answer(await bot.does(command("imagine: a door", seed=value)))
    assert "must be" in answer.body
    assert "reference" not in answer.body


@pytest.mark.parametrize("odd", ["\0", "\ud800", "\udfff\0"])
async def test_what_the_database_cannot_keep_is_no_defect(bot: Bot, odd: str):
    events: list[Payload] = [
        command(f"story new: a {odd}door"),
        command("story continue", story=f"{odd}x"),
        command("persona use", name=f"no{odd}body"),
        say(f"{odd}hello"),
        say("hello", reply_to=odd),
        ButtonPress(data=odd),
        Submit(form="1.fill.persona use", values={"name": odd}),
    ]
    for payload in events:
        answers = await bot.answers(await bot.does(payload))
        assert not any("reference" in answer.body for answer in answers), payload
    assert (await StoryRow.get()).premise in {"a door", "a \ufffddoor"}


@pytest.mark.parametrize("kind", ["id", "number"])
async def test_no_packed_number_makes_a_defect(bot: Bot, kind: str):
    await bot.does(command("story new: a door"))
    for spec in bot.topics.actions:
        if not any(arg.kind == kind for arg in spec.args):
            continue
        for number in (0, 1, 2**31 - 1):
            args = ("story new" if arg.kind == "name" else number for arg in spec.args)
            pressed = press(spec.verb, *args)
            for payload in (pressed, Submit(form=pressed.data, values={"text": "é" * 5000})):
                assert "reference" not in str(await bot.router.form_for(event_of(payload)))
                answers = await bot.answers(await bot.does(payload))
                assert not any("reference" in answer.body for answer in answers), payload


async def test_a_defect_in_a_handler_is_a_defect_not_an_old_button(bot: Bot, redis_url: str):
    async def broken(context: Context, table: int) -> None:
        del context, table
        raise LookupError("a bug")

    async with Queue(redis_url) as queue:
        with_topics(
            bot,
            queue,
            *PRODUCT,
            Topic("broken", actions=(ActionSpec("broken", broken, (Arg("table"),), permission=EVERYBODY),)),
        )
        answer = await bot.answer(await bot.does(press("broken", 1)))
    assert "reference" in answer.body


async def test_suggestions_that_are_none_are_worth_no_error(bot: Bot, redis_url: str):
    async def suggest(enquiry: Enquiry, prefix: str) -> Any:
        del enquiry, prefix
        return ["d6", 20]

    parameter = Parameter("dice", "Which", completes=suggest)
    topic = Topic("dice", (CommandSpec("roll", "Roll", Recorder().command, (parameter,), permission=EVERYBODY),))
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, topic)
        assert await bot.router.complete(event_of(command("roll")), "dice", "") == []


async def test_a_suggestion_ends_between_two_characters_that_people_see(bot: Bot, redis_url: str):
    async def suggest(enquiry: Enquiry, prefix: str) -> list[tuple[str, str]]:
        del enquiry, prefix
        return [("A " + "👨‍👩‍👧‍👦" * 20, "7"), ("x", "y" * 101)]

    parameter = Parameter("dice", "Which", completes=suggest)
    topic = Topic("dice", (CommandSpec("roll", "Roll", Recorder().command, (parameter,), permission=EVERYBODY),))
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, topic)
        (found,) = await bot.router.complete(event_of(command("roll")), "dice", "")
    assert found == ("A " + "👨‍👩‍👧‍👦" * 13 + "…", "7")


async def test_a_package_takes_the_plain_text_of_conversations_in_its_mode(bot: Bot, redis_url: str):
    heard: list[str] = []

    async def begin(context: Context, values: dict[str, Any]) -> None:
        del values
        await conversations.set_mode(context.conversation_id, "dice")
        await context.notice("form.cancelled")

    async def hear(context: Context, message: TextMessage) -> bool:
        heard.append(message.text)
        await context.notice("form.cancelled")
        return True

    topic = Topic(
        "dice",
        (CommandSpec("roll", "Roll", begin, permission=EVERYBODY),),
        routes=(TextRoute("dice", hear, permission=EVERYBODY),),
    )
    async with Queue(redis_url) as queue:
        with_topics(bot, queue, *PRODUCT, topic)
        await bot.does(command("roll"))
        await bot.does(say("six"))
        with_topics(bot, queue, *PRODUCT)
        assert (await bot.router.dispatch(event_of(say("who are you?")))).status == "working"
    assert heard == ["six"]
    with pytest.raises(ValueError, match="not a mode"):
        TextRoute("Dice", hear, permission=EVERYBODY)
