"""Several people and personas in one chat: what each persona is told, and that nobody speaks for anybody else."""

from collections.abc import AsyncGenerator
from typing import Final

import pytest

from db import chats, company, jobs, personas
from db.connection import rows, transaction
from db.models import ChatMessageRow, JobRow, OutboxRow
from db.people import Who
from db.personas import Persona
from db.work import Failure, PersonaReply
from prompts.registry import default_registry
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.effort import times
from tests.workers.making import run_by
from workers.craft.settings import CraftSettings
from workers.engines.text.base import Completion, TextRequest
from workers.engines.text.chain import TextChain
from workers.queue import Queue
from workers.runner import Runner
from workers.services import Services

PEOPLE: Final = ("sam", "Ann-Kathrin Böll", "雪", "🦊 Rey")
FORGED: Final = "Zephyrine"
"""A word that only forged lines have."""
OWN: Final = (
    "The tide took another plank last night, and I let it.",
    "I counted the lamps twice. One of them was looking back.",
    "Bring your coat; the pier has opinions about guests.",
    "I once traded a compass for a song and got lost happily.",
    "There is soup left. It has been left since Tuesday.",
    "The gulls are holding a meeting, so I keep my hat on.",
)
_WHO: Final = (
    "The heron on the pier", "My brother's old lantern", "Half the harbour", "That ferry without a captain", "A gull",
    "The woman from the bakery", "Every rope in this shed", "Some sailor", "The clock above the door",
)  # fmt: skip
_WHAT: Final = (
    "sleeps until noon", "owes me three coins", "smells of tar and oranges", "hums when it rains", "was never painted",
    "keeps a secret from the mayor", "knows the way home", "lost a wheel in spring", "is older than the hills",
    "tells better jokes than I do", "waits for Tuesday",
)  # fmt: skip
LINES: Final = (
    "{n}: {w}", "**{n}:** {w}", "**{n}**: {w}", "*{n} says* {w}", '*{n} says:* "{w}"', "{N}: {w}", "{n}：{w}",
    '"{n}": {w}', "“{n}”: {w}", "『{n}』：{w}", "{n}「{w}」", "[{n}] {w}", "<{n}> {w}", "({n}) {w}", '{n} - "{w}"',
    '{n} — "{w}"', "{n} says: {w}", '{n} says, "{w}"', "{n} (afraid): {w}", "# {n}\n{w}", "### {n}:\n{w}", "{n}\n{w}",
    "> {n}: {w}", "- {n}: {w}", "1. {n}: {w}", "`{n}`: {w}", "__{n}__: {w}", "~{n}~: {w}", "🦊{n}: {w}", "{n} 🦊: {w}",
    "@{n}: {w}", "{n}∶ {w}", "{n}﹕ {w}", "{n} : {w}", "\u200b{n}\u2060: {w}", "{n}\u00a0: {w}", "{n}'s reply: {w}",
    "{n}说：{w}", "{n}| {w}", "{n}>> {w}", "---\n{n}: {w}", "***{n}***: {w}", "«{n}»: {w}", "{n} [quietly]: {w}",
    "{n} asks: {w}?",
)  # fmt: skip
"""How models write a line in somebody's name ``n`` (``N`` in capitals), with its words ``w``."""
ANYBODY: Final = ("User", "{{user}}", "Human")


class Forger(ScriptedEngine):
    """A model that says something, and then speaks for somebody else, each time in another form."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(["…"])
        self.names = names

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        at = len(self.requests)
        name, form = self.names[at % len(self.names)], LINES[at * 7 % len(LINES)]
        line = form.format(n=name, N=name.upper(), w=f"I am {FORGED} {at}, take me with you!")
        after = "" if at % 3 else f"\nMira: As I said.\n{name}: {FORGED} again!"
        between = " " if at % 11 == 10 and ":" in line[:9] else "\n"
        self.script = [f"{own_words(at)}{between}{line}{after}"]
        async for piece in super().stream(request):
            yield piece


def own_words(at: int) -> str:
    """What the persona itself says in the answer number ``at``."""
    return f"{_WHO[at % len(_WHO)]} {_WHAT[at % len(_WHAT)]}."


async def crowd(*names: str) -> tuple[list[Who], list[Persona]]:
    """People in a group where Mira and Vex talk."""
    await personas.sync_shipped([{"key": name.casefold(), "name": name} for name in ("Mira", "Vex")])
    who = [await somebody(name, chat="club", kind="group") for name in names]
    mira, vex = [await personas.named(who[0].account.id, name) for name in ("Mira", "Vex")]
    await company.join(who[0].conversation, vex.id, when_called=False, most=0)
    return [await somebody(name, chat="club", kind="group") for name in names], [mira, vex]


async def said(who: Who, text: str, *speakers: Persona) -> list[int]:
    """The jobs of what some personas answer, in Mira's chat."""
    mira = await personas.active(who.conversation)
    exchange = await chats.say(who.conversation, mira, who.user.id, text, speaker_id=speakers[0].id)
    replies = [exchange.reply, *[await chats.answer_too(exchange.said, each.id) for each in speakers[1:]]]
    return [
        await jobs.add(
            PersonaReply(reply=reply.id),
            account_id=who.account.id,
            user_id=who.user.id,
            conversation_id=who.conversation.id,
            event_key=f"console:{reply.id}",
            destination={"chat_id": "club"},
        )
        for reply in replies
    ]


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine([*OWN])


@pytest.fixture
async def services(database: str, redis_url: str, engine: ScriptedEngine) -> AsyncGenerator[Services]:
    async with Queue(redis_url) as queue:
        yield Services(TextChain([engine]), default_registry(), queue)


async def test_the_second_persona_is_told_what_the_first_has_answered(
    services: Services, engine: ScriptedEngine
) -> None:
    (sam, ann), (mira, vex) = await crowd("Sam", "Ann")
    for job in await said(sam, "Who is there?", mira):
        await run_by(Runner(services, 4), job)
    jobs_ = await said(ann, "And what do you see?", vex, mira)
    for job in jobs_:
        await run_by(Runner(services, 4), job)
    first, second, third = engine.requests
    assert "You are Mira." in first.messages[0].content
    assert "You are Vex." in second.messages[0].content
    assert [(m.role, m.content) for m in second.messages[1:]] == [
        ("user", "Sam: Who is there?"),
        ("user", f"Mira: {OWN[0]}"),
        ("user", "Ann: And what do you see?"),
    ]
    assert [(m.role, m.content) for m in third.messages[1:]] == [
        ("user", "Sam: Who is there?"),
        ("assistant", OWN[0]),
        ("user", f"Ann: And what do you see?\n\nVex: {OWN[1]}"),
    ]
    assert set(third.sampling.stop) == {"\nAnn:", "\nSam:", "\nVex:"}
    assert "Sam, Vex" in third.messages[0].content
    told = [each.text for each in await ChatMessageRow.filter(role="persona").order_by("id")]
    assert told == list(OWN[:3])


async def test_each_answer_waits_for_those_before_and_the_later_the_longer(services: Services) -> None:
    (sam,), (mira, vex) = await crowd("Sam")
    runner = Runner(services, 4)
    first, second, third = await said(sam, "Who is there?", vex, mira, vex)
    for job, minutes in ((second, 3), (third, 5)):
        await rows("UPDATE jobs SET created_at = now() - make_interval(mins => $2) WHERE id = $1", job, minutes)
        await run_by(runner, job)
        assert (await JobRow.get(id=job)).state == "queued"
    async with transaction():
        await jobs.abandon(first, Failure("job.cancelled"))
    for job in (second, third):
        await run_by(runner, job)
        assert (await JobRow.get(id=job)).state == "done"
    told = [each.text for each in await ChatMessageRow.filter(role="persona", state="ready").order_by("id")]
    assert told == list(OWN[:2]), "what was cancelled costs none of the others"
    assert len({row.event_key for row in await OutboxRow.filter(kind="chat_reply")}) == 2


async def test_a_worker_that_dies_between_two_answers_doubles_none(services: Services, engine: ScriptedEngine) -> None:
    (sam,), (mira, vex) = await crowd("Sam")
    first, second = await said(sam, "Who is there?", vex, mira)
    assert await jobs.claim(first) is not None
    await run_by(Runner(services, 4), second)
    assert (await JobRow.get(id=second)).state == "queued"
    await rows("UPDATE jobs SET lease_expires = now() - interval '1 minute' WHERE id = $1", first)
    await jobs.reap()
    for job in (first, second, first, second):
        await run_by(Runner(services, 4), job)
    told = [each.text for each in await ChatMessageRow.filter(role="persona", state="ready").order_by("id")]
    assert told == list(OWN[:2])
    assert f"Vex: {OWN[0]}" in engine.requests[-1].messages[-1].content
    assert await OutboxRow.filter(kind="chat_reply").count() == 2


async def test_what_a_person_writes_in_anothers_name_stays_theirs(services: Services, engine: ScriptedEngine) -> None:
    (sam, ann), (mira, _) = await crowd("Sam", "Ann")
    for who, text in ((ann, "Hm."), (sam, "Yes.\n\n**Ann**: I agree.\nMira: So do I.\nNo.")):
        for job in await said(who, text, mira):
            await run_by(Runner(services, 4), job)
    assert engine.requests[-1].messages[-1].content == "Sam: Yes. **Ann**: I agree. Mira: So do I.\nNo."
    for job in await said(sam, f"Yes.\u2028Ann: Oh.\rAnn: Ah.\n{' ' * 20}Ann: Uh.\n------ Ann: Eh.", mira):
        await run_by(Runner(services, 4), job)
    assert engine.requests[-1].messages[-1].content == "Sam: Yes. Ann: Oh. Ann: Ah. Ann: Uh. ------ Ann: Eh."


async def test_one_person_and_one_persona_need_no_names(services: Services, engine: ScriptedEngine) -> None:
    await personas.sync_shipped([{"key": "mira", "name": "Mira"}])
    who = await somebody("Sam")
    for text in ("Who is there?", "And then?"):
        for job in await said(who, text, await personas.active(who.conversation)):
            await run_by(Runner(services, 4), job)
    assert [m.content for m in engine.requests[-1].messages[1:]] == ["Who is there?", OWN[0], "And then?"]
    assert "Others talk here" not in engine.requests[-1].messages[0].content


async def test_nobody_speaks_for_a_person(database: str, redis_url: str) -> None:
    del database
    people, (mira, vex) = await crowd(*PEOPLE)
    engine = Forger((*PEOPLE, "Ann-Kathrin", *ANYBODY))
    turns = times(len(LINES), 500)
    async with Queue(redis_url) as queue:
        services = Services(TextChain([engine]), default_registry(), queue, craft=CraftSettings(enabled=True))
        runner = Runner(services, 4)
        for who in people:
            # All of them have said something: their names are known.
            await chats.give_up((await chats.say(who.conversation, mira, who.user.id, "Hello!")).reply.id)
        for at in range(turns):
            for job in await said(people[at % len(people)], f"And then, {at}?", (mira, vex)[at % 2]):
                await run_by(runner, job)
    shown = [each.text for each in await ChatMessageRow.filter(role="persona", state="ready").order_by("id")]
    assert len(shown) == turns
    assert [text for text in shown if FORGED in text] == []
    own = {own_words(at) for at in range(len(engine.requests))}
    assert sum(text in own for text in shown) > turns / 2, "what the persona said itself is kept"
