"""Texts that were escaped once too often, or hold what is no text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from tests.effort import times
from workers.functions.mending import mend_output, mend_text
from workers.functions.parsing import ParseFailed


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"The door opens.\n\nBehind it is the sea.", "The door opens.\n\nBehind it is the sea."),
        (r"One.\r\nTwo.\nThree", "One.\nTwo.\nThree"),
        (r"no stop\n\nat all", "no stop\n\nat all"),
        (r"\"Come\", he says. \"It\'s late.\"", '"Come", he says. "It\'s late."'),
        ("The door opens.<0x0A><0x0A>Behind it is the sea.", "The door opens.\n\nBehind it is the sea."),
        ("Wait<0xE2><0x80><0xA6> now<0xF0><0x9F><0x98><0x80>\nyes", "Wait… now😀\nyes"),
        ("Bad byte <0xFF>.", "Bad byte ."),
        ("One.\r\nTwo.", "One.\nTwo."),
        ("A bell\x07 rings\x00.", "A bell rings."),
        ("Good evening.<|im_end|>\n<|im_start|>user\nHi", "Good evening."),
        ("lone \ud800 half", "lone ? half"),
    ],
)
def test_texts_become_what_was_meant(text: str, meant: str) -> None:
    assert mend_text(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "The file is in C:\\new\\notes.",
        'In Python, "\\n" ends a line:\n\nprint("a\\nb")',
        "He writes <0x0A> on the wall.\nNobody asks.",
        "A computer says:\nUSER: unknown",
        "👩\u200d🚀 she waves, 3 < 4",
        "",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert mend_text(text) == text


@settings(max_examples=times(30, 3000), deadline=None)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from('\\n"r<0xA>|im_end ')), max_size=80))
def test_mending_ends_and_leaves_nothing_to_mend(text: str) -> None:
    once = mend_text(text)
    assert "\x00" not in once
    once.encode()


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("You go in. " + "court " * 400, "You go in."),
        (
            "You go in. It is dark. " + "You wait for the sound to come again. " * 40 + "You wait fo",
            "You go in. It is dark.",
        ),
        ("The sea, the sea, " * 30, "The sea"),
        ("Ha" * 200, "Ha …"),
    ],
)
def test_a_loop_is_cut(text: str, kept: str) -> None:
    assert mend_text(text).startswith(kept)
    assert len(mend_text(text)) < len(kept) + 60


@pytest.mark.parametrize("text", ["Ha ha ha ha ha ha!", "Row, row, row your boat. " * 3, "—" * 60 + "\n\nThe end."])
def test_what_is_only_repeated_stays(text: str) -> None:
    assert mend_text(text) == text


class Answer(BaseModel):
    text: str = Field(min_length=1)
    names: list[str] = Field(default_factory=list)


def test_every_text_of_an_output_is_mended() -> None:
    assert mend_output(Answer(text=r"a.\n\nb", names=["\u200b", "x\x00"])) == Answer(text="a.\n\nb", names=["", "x"])
    with pytest.raises(ParseFailed, match="text"):
        mend_output(Answer(text="\u200b\u3164"))
