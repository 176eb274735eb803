"""Prompts that follow each other, or stand beside each other, begin alike: a model reads the beginning once."""

from itertools import pairwise, takewhile
from typing import Any

import pytest

from prompts.registry import default_registry
from prompts.render import render
from workers.functions.answer_as_persona import AnswerAsPersona, ChatTurn, PersonaInputs
from workers.functions.base import AiFunction
from workers.functions.suggest_choices import ChoicesInputs, SuggestChoices
from workers.functions.write_page import PAGES_STEP, RECENT_PAGES, PageInputs, PastPage, PathChoice, WritePage


def story(pages: int, choice: str = "", variant: int = 0) -> dict[str, Any]:
    path = [PathChoice(text=f"Choice {i} taken", kind="bold") for i in range(pages)]
    if choice:
        path[-1] = PathChoice(text=choice, kind="careful")
    return {
        "title": "The Door", "premise": "a door under the sea", "genre": "fantasy", "language": "en", "rating": "sfw",
        "seed": 1, "variant": variant, "page_number": pages + 1, "path": path,
        "pages": [PastPage(title=f"Page {i}", text=f"The text of page {i}. " * 20) for i in range(pages)],
    }  # fmt: skip


async def prompt(function: AiFunction[Any, Any], inputs: Any, *, shortened: int = 0) -> str:
    variables = await function.prepare(inputs)
    for _ in range(shortened):
        shorter = function.shrink(variables)
        assert shorter is not None
        variables = shorter
    messages = await render(default_registry().get(function.prompt), variables)
    return "\x1e".join(f"{message.role}: {message.text}" for message in messages)


def common(one: str, other: str) -> str:
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


async def test_the_branches_of_a_page_differ_from_the_choice_on() -> None:
    open_it = await prompt(WritePage(), PageInputs(**story(5, "Open the door")))
    turn_back = await prompt(WritePage(), PageInputs(**story(5, "Turn back")))
    assert common(open_it, turn_back).endswith("The text of page 4. \n\n> The player chose: ")
    assert len(open_it) - len(common(open_it, turn_back)) < 300


async def test_variants_of_a_page_have_the_same_prompt() -> None:
    first = await prompt(WritePage(), PageInputs(**story(3)))
    assert first == await prompt(WritePage(), PageInputs(**story(3, variant=2)))


async def test_the_last_page_begins_as_if_it_were_not() -> None:
    going_on = await prompt(WritePage(), PageInputs(**story(3)))
    last = await prompt(WritePage(), PageInputs(**story(3), ending=True))
    assert common(going_on, last).endswith("Write page 4.\nTh")


async def test_pages_are_left_out_several_at_a_time() -> None:
    variables = [await WritePage().prepare(PageInputs(**story(n))) for n in range(25)]
    kept = [len(each["recent_pages"]) for each in variables]
    assert kept[: RECENT_PAGES + PAGES_STEP] == list(range(RECENT_PAGES + PAGES_STEP))
    assert set(kept[RECENT_PAGES:]) == set(range(RECENT_PAGES, RECENT_PAGES + PAGES_STEP))


@pytest.mark.parametrize(("shortened", "breaks"), [(0, 4), (1, 5)])
async def test_the_next_page_follows_what_was_read_for_this_one(shortened: int, breaks: int) -> None:
    numbers = range(4, 25)
    prompts = [await prompt(WritePage(), PageInputs(**story(n)), shortened=shortened) for n in numbers]
    follows = [
        common(before, after).endswith(f"> The player chose: Choice {n - 1} taken\n\nThe ")
        for n, (before, after) in zip(numbers, pairwise(prompts), strict=False)
    ]
    assert follows.count(False) == breaks


async def test_less_is_left_until_nothing_is() -> None:
    variables = await WritePage().prepare(PageInputs(**story(9)))
    kept = [len(variables["recent_pages"])]
    while (shorter := WritePage().shrink(variables)) is not None:
        left = len(shorter["recent_pages"])
        assert shorter["recent_pages"] == variables["recent_pages"][kept[-1] - left :]
        variables = shorter
        kept.append(left)
    assert kept == [9, 5, 1, 0]


async def test_choices_of_two_pages_share_the_rules() -> None:
    one = await prompt(SuggestChoices(), ChoicesInputs(**story(2), page_text="A stair."))
    other = await prompt(SuggestChoices(), ChoicesInputs(**story(2), page_text="Cold air."))
    assert common(one, other).endswith("\n\nThe page:\n\n")


def turns(count: int) -> list[ChatTurn]:
    return [ChatTurn(role="assistant" if i % 2 else "user", text=f"Turn {i}. " * 5) for i in range(count)]


async def persona_prompt(history: list[ChatTurn], user: str = "Sam", shortened: int = 0) -> str:
    persona = {"name": "Marlow", "appearance": "old", "personality": ("dry",), "scenario": "A lamp room."}
    inputs = PersonaInputs(
        persona=persona, user_name=user, language="en", message=f"Turn {len(history)}. " * 5, history=history, seed=1,
        variant=0,
    )  # fmt: skip
    return await prompt(AnswerAsPersona(), inputs, shortened=shortened)


async def test_the_next_turn_of_a_chat_begins_with_the_whole_of_this_one() -> None:
    assert (await persona_prompt(turns(6))).startswith(await persona_prompt(turns(4)))


async def test_another_speaker_shares_rules_and_persona() -> None:
    one, other = await persona_prompt(turns(2), "Sam"), await persona_prompt(turns(2), "Kim")
    assert common(one, other).endswith("Scene: A lamp room.\n\nIf in doubt about the language, answer in English.\n"
                                       "You are talking with ")  # fmt: skip


async def test_a_chat_that_is_too_long_is_cut_at_the_same_place_for_several_turns() -> None:
    lengths = range(20, 40, 2)
    prompts = [await persona_prompt(turns(n), shortened=1) for n in lengths]
    breaks = sum(not after.startswith(before) for before, after in pairwise(prompts))
    assert breaks <= 2
    assert all(f"Turn {n}." in text and "Turn 0." not in text for n, text in zip(lengths, prompts, strict=True))


async def test_a_chat_can_be_shortened_until_only_the_last_message_is_left() -> None:
    variables: dict[str, Any] | None = {"history": [{"role": "user", "text": str(i)} for i in range(41)]}
    kept: list[int] = []
    while variables is not None:
        kept.append(len(variables["history"]))
        assert variables["history"][-1]["text"] == "40"
        variables = AnswerAsPersona().shrink(variables)
    assert kept == [41, 17, 9, 1]
