"""What is counted for the variants of a prompt's test."""

from typing import Final

import pytest

from db import chat_turns, chats, personas, prompt_tests, votes
from db.connection import row
from db.errors import BadInput, NotFound
from db.people import Who
from db.prompts_in_force import in_force
from tests.db.test_chat_turns import MIRA, turn
from tests.db.world import somebody

NAME: Final = "persona/answer"
pytestmark = pytest.mark.usefixtures("database")


async def running() -> tuple[Who, dict[str, int], int]:
    """Somebody who tests a prompt: the ids of its variants by label, and of the test."""
    await personas.sync_shipped([MIRA])
    who = await somebody()
    made, _ = await prompt_tests.add_variant(
        who.account.id, NAME, "Be brief.", 50, user_id=who.user.id, verdict="checked"
    )
    test = await prompt_tests.latest(who.account.id, NAME)
    control = await row("SELECT id FROM prompt_variants WHERE label = 'A'")
    assert test is not None
    assert control is not None
    return who, {"A": control["id"], "B": made}, test.id


async def another(who: Who, reply: int, text: str, variant: int, *, continues: bool = False) -> int:
    """Another variant of a reply, written by one of the prompt's."""
    start = chat_turns.go_on if continues else chat_turns.again
    made = (await start(who.conversation, reply)).reply.id
    await chats.attach_reply(made, text)
    await prompt_tests.note_text(variant, page_id=None, message_id=made)
    return made


async def test_a_text_counts_once_and_is_written_again_only_if_somebody_asked_for_another() -> None:
    who, variants, test = await running()
    for label, what in (("A", "again"), ("A", "nothing"), ("B", "continued"), ("B", "edited"), ("B", "in vain")):
        reply = (await turn(who, what, label)).reply.id
        await prompt_tests.note_text(variants[label], page_id=None, message_id=reply)
        await prompt_tests.note_text(variants[label], page_id=None, message_id=reply)
        now = f"{label} to {what}"
        match what:
            case "again":
                second = await another(who, reply, "Other.", variants["A"])
                await another(who, second, "Third.", variants["A"])
            case "continued":
                await another(who, reply, f"{now}, and more", variants["B"], continues=True)
            case "edited":
                mine = await chat_turns.edit(who.conversation, reply, who.user.id, "Mine.", "checked")
                await another(who, mine.id, "Mine. And more.", variants["B"], continues=True)
            case "in vain":
                await chats.give_up((await chat_turns.go_on(who.conversation, reply)).reply.id)
            case _:
                pass
    found = {each.label: (each.texts, each.rerolls) for each in await prompt_tests.results(who.account.id, test)}
    # Of three texts for one message two were not good enough; two of B's are continuations.
    assert found == {"A": (4, 2), "B": (5, 0)}


async def test_of_each_person_one_vote_counts_for_each_text_the_last_one() -> None:
    who, variants, test = await running()
    reply = (await turn(who, "hello")).reply.id
    await prompt_tests.note_text(variants["B"], page_id=None, message_id=reply)
    for up in (True, True, False):
        await votes.vote(who.account.id, who.user.id, "reply", reply, up=up)
    await votes.vote(who.account.id, (await somebody("ben")).user.id, "reply", reply, up=True)
    _, found = await prompt_tests.results(who.account.id, test)
    assert (found.up, found.down) == (1, 1)
    with pytest.raises(NotFound):
        await votes.vote((await somebody("ben")).account.id, who.user.id, "reply", reply, up=True)


async def test_a_conversation_keeps_its_variant_while_the_test_runs() -> None:
    who, _, _ = await running()
    units = [f"conversation:{number}" for number in range(60)]

    async def drawn() -> dict[str, str]:
        found = {unit: (await in_force(who.account.id, NAME, unit=unit)).drawn for unit in units}
        return {unit: each.label for unit, each in found.items() if each is not None}

    first = await drawn()
    assert set(first.values()) == {"A", "B"}
    assert await drawn() == first
    await prompt_tests.add_variant(who.account.id, NAME, "Be long.", 45, user_id=who.user.id, verdict="checked")
    later = await drawn()
    assert {unit for unit in units if later[unit] != first[unit]} == {unit for unit in units if later[unit] == "C"}
    with pytest.raises(BadInput):
        await prompt_tests.add_variant(who.account.id, NAME, "x", 1, user_id=who.user.id, verdict="checked")
    await prompt_tests.end(who.account.id, NAME)
    assert await drawn() == {}
