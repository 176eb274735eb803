"""Replies that tell what their reader does are cut or refused; what people say of each other passes."""

import pytest

from workers.craft.others import tells_of_reader, without_reader


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("You take my hand and you say that you love me. You feel afraid.", ""),
        ('I laugh. You take my hand, and you walk to the door. You feel afraid. "Come!"', 'I laugh. "Come!"'),
        ('Sam nods and smiles. "I love you," Sam says.', ""),
        ("I laugh. *Sam's eyes widen*", "I laugh."),
        ("*your heart beats fast* Come in.", "Come in."),
        ("I wait. Sam replied: I don't know.", "I wait."),
    ],
)
def test_what_the_reader_does_goes(text: str, left: str) -> None:
    assert tells_of_reader(text, "Sam")
    assert without_reader(text, "Sam") == left


@pytest.mark.parametrize(
    "text",
    [
        "You say that you love me, yet you steal my corn.",
        "You take the rope, you step over the wall, you open the lock. Easy.",
        "You look tired. You said you would come. You know me.",
        "You take my hand? You feel afraid? You say nothing?",
        "Sam smiles at nobody, they say. Prove them wrong.",
        "Sam, you old fox! My brother nods and smiles.",
        "*your hat falls into the sea*",
        "“You take my hand. You feel afraid. You say yes,” the song goes.",
        "When you feel alone, you take my hand.",
        "Sam said he would come. Did you?",
    ],
)
def test_what_is_said_to_somebody_stays(text: str) -> None:
    assert not tells_of_reader(text, "Sam")


def test_a_name_that_is_a_word_is_none() -> None:
    assert not tells_of_reader("will nods in the wind", "will")
    assert not tells_of_reader("I wait.", "")
