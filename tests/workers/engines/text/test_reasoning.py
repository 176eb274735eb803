"""Thoughts of a model are hidden, its answer is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.text.reasoning import MARKS, TOKENS, ReasoningFilter, opens_reasoning


def shown(text: str, start_inside: bool = False, size: int = 1) -> tuple[str, int, bool]:
    hide = ReasoningFilter(start_inside)
    answer = "".join(hide.push(text[at : at + size]) for at in range(0, len(text), size))
    inside = hide.inside
    return answer + hide.flush(), hide.hidden, inside


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Hello.", "Hello."),
        ("  \n Hello.\n", "  \n Hello.\n"),
        ("", ""),
        (" \n", " \n"),
        ("<think>hm</think>\n\nHello.", "Hello."),
        ("\n<think>\nhm <b> </thin </think>Hello.", "Hello."),
        ("<thinking>a</think></thinking> Hi", "Hi"),
        ("<reasoning>a</reasoning>Hi", "Hi"),
        ("[THINK]a[/THINK]Hi", "Hi"),
        ("<think></think><think>again</think>Hi", "Hi"),
        ("<think>a</think> <thinking>b</thinking> Hi <think>x</think>", "Hi <think>x</think>"),
        ("He wrote <think> on the wall.\n<think>he</think>", "He wrote <think> on the wall.\n<think>he</think>"),
        ("<thinner than air", "<thinner than air"),
        ("<p>Hi</p>", "<p>Hi</p>"),
        ("<think>never ends", ""),
        ("<think>never ends</thin", ""),
        ("<thi", ""),
        ("<think>a</think>\n", ""),
        ("<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>Hi", "Hi"),
        ("<|channel|>final<|message|>Hi <|channel|>", "Hi <|channel|>"),
        ("<|channel>thought\nhm<channel|>Hi", "Hi"),
    ],
)
def test_blocks_before_the_answer(text: str, answer: str, size: int) -> None:
    found, hidden, _ = shown(text, size=size)
    assert found == answer
    assert hidden == len(text) - len(answer)


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize(
    ("text", "answer"),
    [("hm</think>\nHi", "Hi"), ("<think>hm</think>Hi", "Hi"), ("hm", ""), ("a</thinking> <think>b</think>Hi", "Hi")],
)
def test_the_prompt_began_the_block(text: str, answer: str, size: int) -> None:
    assert shown(text, start_inside=True, size=size)[:2] == (answer, len(text) - len(answer))


def test_inside() -> None:
    hide = ReasoningFilter()
    states = [(hide.push(piece), hide.inside) for piece in ("<thi", "nk>a", "b</thi", "nk>", " ", "So", " be")]
    assert states == [("", False), ("", True), ("", True), ("", False), ("", False), ("So", False), (" be", False)]
    assert ReasoningFilter(start_inside=True).inside


PARTS = [*(mark for pair in MARKS for mark in pair), "<", "thi", " ", "word", "nk>"]


@given(st.lists(st.sampled_from(PARTS)), st.data())
def test_pieces_make_no_difference(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    start_inside = data.draw(st.booleans())
    whole = shown(text, start_inside, size=max(1, len(text)))
    assert shown(text, start_inside, size=data.draw(st.integers(1, 9))) == whole
    assert whole[1] + len(whole[0]) == len(text)


def test_prompts_that_end_inside_a_block() -> None:
    assert opens_reasoning("<|im_start|>assistant\n<think>\n")
    assert not opens_reasoning("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not opens_reasoning("<|im_start|>assistant\n")


def test_every_mark_can_be_seen() -> None:
    for mark in (mark for pair in MARKS for mark in pair if mark):
        assert mark in TOKENS or any(mark.startswith(token) for token in TOKENS)
