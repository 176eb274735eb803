"""Entries of lorebooks that have a depth stand in the history of a chat."""

from typing import Any

from tests.workers.functions.told import variables_of
from workers.functions.answer_as_persona import AnswerAsPersona, ChatTurn, PersonaInputs
from workers.functions.past import ToldLore


async def history(depths: dict[str, int | None], roles: str = "uauau", message: str = "And now?") -> list[Any]:
    """Return the turns of a prompt; a role is ``u`` or ``a``."""
    inputs = PersonaInputs(
        persona={"name": "Mira"}, user_name="Sam", language="en", message=message, seed=1, variant=0,
        history=[
            ChatTurn(role="user" if role == "u" else "assistant", text=f"Message {at}.", id=at + 1)
            for at, role in enumerate(roles)
        ],
        lore=[ToldLore(id=f"lore:{text}", text=text, volatile=True, depth=depth) for text, depth in depths.items()],
        lore_varies=True,
    )  # fmt: skip
    turns = (await variables_of(AnswerAsPersona(), inputs))["history"]
    return [turn["text"] for turn in turns]


def place(texts: list[Any], words: str) -> tuple[int, bool]:
    """Return in which turn words stand, and whether before what was said there."""
    (at,) = [at for at, text in enumerate(texts) if words in text]
    said = texts[at].find("Message") if "Message" in texts[at] else texts[at].find("And now?")
    return at, said == -1 or texts[at].index(words) < said


async def test_an_entry_stands_before_as_many_messages_as_its_depth_says() -> None:
    depths = {"The sea is green.": 2, "Bells ring.": 3, "Owls see.": None, "Rain falls.": 1, "Frost bites.": 0}
    texts = await history(depths)
    assert len(texts) == 6
    assert place(texts, "The sea is green.") == (4, True)
    # Before the persona's words, in the turn of the person before them.
    assert place(texts, "Bells ring.") == (2, False)
    assert [place(texts, words) for words in ("Owls see.", "Rain falls.", "Frost bites.")] == 3 * [(5, True)]
    assert texts[3] == "Message 3."


async def test_a_depth_beyond_what_is_told_is_before_the_oldest() -> None:
    assert place(await history({"The sea is green.": 90}), "The sea is green.") == (0, True)
    texts = await history({"The sea is green.": 90}, roles="aua")
    assert ("The sea is green." in texts[0], texts[1], len(texts)) == (True, "Message 0.", 5)


async def test_without_a_history_a_depth_is_before_the_message() -> None:
    assert place(await history({"The sea is green.": 7}, roles=""), "The sea is green.") == (0, True)


async def test_entries_of_one_depth_stand_together_in_their_order() -> None:
    texts = await history({"First.": 4, "Second.": 4, "Third.": 2})
    assert place(texts, "First.")[0] == place(texts, "Second.")[0] == 2
    assert texts[2].index("First.") < texts[2].index("Second.")
    assert place(texts, "Third.") == (4, True)
