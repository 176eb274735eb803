"""Replies that think aloud about their task, or are packed in something: cut or refused; what only looks so passes."""

import pytest

from workers.craft.replies import ReplyFacts, examine_reply
from workers.craft.settings import CraftSettings

SETTINGS = CraftSettings()
SAID = "The door is closed."


def mended(text: str, message: str = "") -> str | None:
    """Return what is shown of a reply, None if it is refused."""
    found = examine_reply(text, ReplyFacts(name="Bo", user="Sam", message=message), SETTINGS)
    return found.output if found.passed else None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The user asks about the door. I need to answer as Bo.", None),
        ("In this roleplay, I am Bo, and the user is Sam. I should respond in character.", None),
        (f"Okay, so the user wants me to play Bo. {SAID}", SAID),
        (f"As Bo, I would say that the door is open. {SAID}", SAID),
        (f"{SAID} (Note: I have kept the reply short and in character.)", SAID),
        ("I hope this helps!", None),
        ("I hope that answers your question. Let me know if you need anything else.", None),
        (f"{SAID} If you have any other questions, feel free to ask!", SAID),
        ('{"reply": "The door is closed."}', SAID),
        ('{"name": "Bo", "text": "The door is closed."}', SAID),
        (f"<p>{SAID}</p>", SAID),
        (f"{SAID}\n[Continue]", SAID),
        (f"{SAID}\n\nOptions:\nA) Open it\nB) Leave", SAID),
        ("Bob: How are you?\nVex: I am well.", None),
        ("Bob: How are you?\nBo: I am well.", None),
        (f"Title: The Door\n{SAID}", SAID),
        (f"{SAID}</s>", SAID),
        ("Choose one:\n- Open it\n- Leave", None),
        (f"Bo's response: {SAID}", SAID),
    ],
)
def test_what_is_no_part_of_a_reply_goes(text: str, shown: str | None) -> None:
    assert mended(text) == shown


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("The user is always right, they told us at the help desk.", "Who is right, the user or the clerk?"),
        ("I need to answer as many letters as I can before dusk.", ""),
        ("I must answer the door. (Note: the key is under the mat.)", ""),
        ("In this village, I am the baker.", ""),
        ("I hope this helps. Now run!", ""),
        ('{"hp": 3, "mood": "grim"}', ""),
        ('{"text": "hello"}', "Say hello in JSON"),
        ("I would write it so: `<b>hello</b>`", ""),
        ("[He hands you a rope.]", ""),
        ("What I need from the market:\n- bread\n- salt", ""),
        ("Options:\nA) Soup\nB) Bread", "What are my options?"),
        ("Rumour: I am dead. I am not.", ""),
        ("Title: The Door\nO door, be closed!", "Write a poem about the door"),
        ("Bo's answers are the best answers.", ""),
    ],
)
def test_what_only_looks_so_stays(text: str, message: str) -> None:
    assert mended(text, message) == text
