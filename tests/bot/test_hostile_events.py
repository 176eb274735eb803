"""Whatever is in an event, dispatching it ends in an answer or in a refusal that is final; never in an exception."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.events import (
    AccountRef,
    ButtonPress,
    Command,
    ConversationRef,
    Destination,
    EditedMessage,
    Event,
    IncomingFile,
    MenuPick,
    Reaction,
    Submit,
    TextMessage,
    UserRef,
)
from bot.hearing import is_unaddressed
from db.connection import rows
from db.models import InboxEventRow, OutboxRow, StoryRow
from db.permissions import ROLES
from tests.bot.playing import PREMISE
from tests.bot.world import Bot, command, event_of, running_bot
from tests.effort import times

ODD = st.text(
    st.one_of(
        st.characters(codec=None, exclude_categories=()),
        st.sampled_from("\0\ud800\udfff\u202e\ufeff\u2028\n\x7f\U0010ffff'\\%"),
    ),
    max_size=12,
) | st.builds(lambda c, n: c * n, st.sampled_from("aж\U0001f600\0\ud800"), st.sampled_from([161, 3000, 250_000]))
FILES = st.none() | st.builds(IncomingFile, name=ODD, mime=ODD, data=st.binary(max_size=40))
PAYLOADS = st.one_of(
    st.builds(Command, name=st.sampled_from(["story new", "help", "persona use"]) | ODD, rest=ODD, file=FILES,
              values=st.dictionaries(st.sampled_from(["premise", "genre"]) | ODD, ODD, max_size=2)),
    st.builds(ButtonPress, data=ODD),
    st.builds(Submit, form=ODD, values=st.dictionaries(ODD, ODD, max_size=2)),
    st.builds(TextMessage, text=ODD, addressed=st.booleans(), reply_to=ODD, file=FILES),
    st.builds(EditedMessage, text=ODD, message_id=ODD),
    st.builds(Reaction, emoji=ODD, message_id=ODD, added=st.booleans()),
    st.builds(MenuPick, name=ODD, message_id=ODD, author_is_bot=st.booleans(), text=ODD),
)  # fmt: skip
EVENTS = st.builds(
    Event,
    platform=st.just("console"),
    event_id=ODD.filter(bool),
    account=st.builds(AccountRef, kind=st.just("group"), external_id=ODD, name=ODD),
    user=st.builds(UserRef, external_id=ODD, name=ODD, language=ODD, role=st.sampled_from(ROLES)),
    conversation=st.builds(ConversationRef, chat_id=ODD, thread_id=ODD, kind=st.just("group")),
    destination=st.builds(
        Destination, chat_id=ODD, thread_id=ODD, user_id=ODD, kind=st.just("group"), pressed_message=ODD,
        handle=st.dictionaries(ODD, st.recursive(ODD | st.none(), lambda each: st.lists(each, max_size=2)), max_size=2),
    ),
    payload=PAYLOADS,
)  # fmt: skip


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as bot:
        yield bot


async def test_no_text_of_a_client_breaks_an_event(bot: Bot):
    drawn: list[Event] = []

    @settings(
        max_examples=times(25, 3000),
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(EVENTS)
    def draw(event: Event) -> None:
        drawn.append(event)

    await asyncio.to_thread(draw)
    assert len(drawn) > 20
    for event in drawn:
        outcome = await bot.router.dispatch(event)
        overheard = outcome.status == "ignored"
        assert outcome.status in {"answered", "working", "silent", "duplicate"} or (overheard and is_unaddressed(event))
        assert await InboxEventRow.filter(event_key=event.key).count() == (not overheard)
    told = await OutboxRow.filter(event_key__in=[event.key for event in drawn])
    assert not [row for row in told if row.payload.get("key") == "router.defect"], "cleaned, not apologised for"


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a\0b", "ab"), ("\ud83d\ude00", "\U0001f600"), ("a\ud800", "a\ufffd"), ("x" * 300_000, "x" * 200_000)],
)
def test_what_cannot_be_stored_is_taken_out_wherever_it_is(text: str, kept: str):
    event = event_of(TextMessage(text=text, file=IncomingFile(name="n")))
    assert isinstance(event.payload, TextMessage)
    assert event.payload.text == kept
    deep = Destination(chat_id="c", user_id="u", kind="dm", handle={"a": [{"b": [text]}]})
    assert deep.handle == {"a": [{"b": [kept]}]}


def test_long_ids_stay_apart_and_names_stay_in_their_line():
    one, other = (UserRef(external_id="7" * 5000 + end, name="Eve\u202e\ngnp.exe\0") for end in "ab")
    assert one.external_id != other.external_id
    assert len(one.external_id) <= 160
    assert one.name == "Evegnp.exe"


async def test_an_event_that_even_its_apology_breaks_is_recorded_once_and_final(bot: Bot):
    await rows(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22P05'; END $$"
    )
    await rows("CREATE TRIGGER refuse BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse()")
    try:
        outcome = await bot.router.dispatch(event := event_of(command("help")))
    finally:
        await rows("DROP FUNCTION refuse CASCADE")
    assert (outcome.status, outcome.final, outcome.done) == ("refused", True, True)
    assert "reference" in outcome.notice
    assert (await InboxEventRow.get(event_key=event.key)).error.startswith("router.defect")
    assert (await bot.router.dispatch(event)).status == "duplicate"


async def test_values_that_the_database_refuses_cost_the_person_an_apology_only(bot: Bot):
    await rows("ALTER TABLE stories ADD CONSTRAINT no_foxes CHECK (premise NOT LIKE '%fox%')")
    try:
        outcome = await bot.router.dispatch(event := event_of(command("story new: a fox")))
    finally:
        await rows("ALTER TABLE stories DROP CONSTRAINT no_foxes")
    assert outcome.status == "answered"
    assert (await OutboxRow.get(event_key=event.key)).payload["key"] == "router.defect"
    assert await StoryRow.all().count() == 0
    assert (await bot.router.dispatch(event_of(command(f"story new: {PREMISE}")))).status == "working"
