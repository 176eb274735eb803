"""Prompts that follow each other, or stand beside each other, begin alike: a model reads the beginning once."""

from itertools import pairwise, takewhile
from typing import Any

from tests.workers.functions.told import told, variables_of
from workers.functions.answer_as_persona import AnswerAsPersona, ChatTurn, PersonaInputs
from workers.functions.past import Recalled
from workers.functions.suggest_choices import ChoicesInputs, SuggestChoices
from workers.functions.write_page import PageInputs, PastPage, PathChoice, WritePage

SMALL = 2400
"""A window for a few pages only, in words."""


def story(pages: int, choice: str = "", variant: int = 0) -> dict[str, Any]:
    path = [PathChoice(text=f"Choice {i} taken", kind="bold") for i in range(pages)]
    if choice:
        path[-1] = PathChoice(text=choice, kind="careful")
    return {
        "title": "The Door", "premise": "a door under the sea", "genre": "fantasy", "language": "en", "rating": "sfw",
        "seed": 1, "variant": variant, "page_number": pages + 1, "path": path,
        "pages": [PastPage(title=f"Page {i}", text=f"The text of page {i}. " * 20) for i in range(pages)],
    }  # fmt: skip


def common(one: str, other: str) -> str:
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


async def test_the_branches_of_a_page_differ_from_the_choice_on() -> None:
    open_it = await told(WritePage(), PageInputs(**story(5, "Open the door")))
    turn_back = await told(WritePage(), PageInputs(**story(5, "Turn back")))
    assert common(open_it, turn_back).endswith("The text of page 4. \n\n> The player chose: ")
    assert len(open_it) - len(common(open_it, turn_back)) < 300


async def test_variants_of_a_page_have_the_same_prompt() -> None:
    first = await told(WritePage(), PageInputs(**story(3)))
    assert first == await told(WritePage(), PageInputs(**story(3, variant=2)))


async def test_the_last_page_begins_as_if_it_were_not() -> None:
    going_on = await told(WritePage(), PageInputs(**story(3)))
    last = await told(WritePage(), PageInputs(**story(3), ending=True))
    assert common(going_on, last).endswith("Write page 4.\nTh")


async def test_pages_become_summaries_several_at_a_time() -> None:
    variables = [await variables_of(WritePage(), PageInputs(**story(n)), SMALL) for n in range(40)]
    kept = [len(each["recent_pages"]) for each in variables]
    first = [n - shown for n, shown in enumerate(kept)]
    assert first == sorted(first)
    assert len(set(first)) <= 40 / 4
    assert min(kept[5:]) >= 5
    assert all(bool(each["summaries"]) == (at > 0) for each, at in zip(variables, first, strict=True))


async def test_the_next_page_follows_what_was_read_for_this_one() -> None:
    numbers = range(4, 40)
    prompts = [await told(WritePage(), PageInputs(**story(n)), SMALL) for n in numbers]
    follows = [
        common(before, after).endswith(f"> The player chose: Choice {n - 1} taken\n\nThe ")
        for n, (before, after) in zip(numbers, pairwise(prompts), strict=False)
    ]
    assert follows.count(False) <= 8


async def test_what_is_remembered_stands_behind_the_pages() -> None:
    inputs = PageInputs(**story(5))
    with_memory = inputs.model_copy(update={"memories": [Recalled(kind="fact", id=9, text="Bram lied.")]})
    plain, remembering = await told(WritePage(), inputs), await told(WritePage(), with_memory)
    assert common(plain, remembering).endswith("> The player chose: Choice 4 taken\n\n")
    assert "- Bram lied." in remembering


async def test_choices_of_two_pages_share_the_rules() -> None:
    one = await told(SuggestChoices(), ChoicesInputs(**story(2), page_text="A stair."))
    other = await told(SuggestChoices(), ChoicesInputs(**story(2), page_text="Cold air."))
    assert common(one, other).endswith("\n\nThe page:\n\n")


def turns(count: int) -> list[ChatTurn]:
    return [ChatTurn(role="assistant" if i % 2 else "user", text=f"Turn {i}. " * 5) for i in range(count)]


async def persona_prompt(history: list[ChatTurn], user: str = "Sam", size: int = 8192, **more: Any) -> str:
    persona = {"name": "Marlow", "appearance": "old", "personality": ("dry",), "scenario": "A lamp room."}
    inputs = PersonaInputs(
        persona=persona, user_name=user, language="en", message=f"Turn {len(history)}. " * 5, history=history, seed=1,
        variant=0, **more,
    )  # fmt: skip
    return await told(AnswerAsPersona(), inputs, size)


async def test_the_next_turn_of_a_chat_begins_with_the_whole_of_this_one() -> None:
    assert (await persona_prompt(turns(6))).startswith(await persona_prompt(turns(4)))


async def test_a_pause_stands_before_what_breaks_it_then_and_later() -> None:
    now = await persona_prompt(turns(4), later="three days later")
    assert now.endswith("(three days later)\n\n" + ("Turn 4. " * 5).strip())
    later = turns(6)
    later[4] = later[4].model_copy(update={"later": "three days later"})
    assert (await persona_prompt(later)).startswith(now), "the prompt only grows"


async def test_another_speaker_shares_rules_and_persona() -> None:
    one, other = await persona_prompt(turns(2), "Sam"), await persona_prompt(turns(2), "Kim")
    assert common(one, other).endswith("Scene: A lamp room.\n\nIf in doubt about the language, answer in English.\n"
                                       "You are talking with ")  # fmt: skip


async def test_a_chat_that_is_too_long_begins_at_the_same_place_for_several_turns() -> None:
    prompts = [await persona_prompt(turns(n), size=2400) for n in range(120, 220, 2)]
    breaks = sum(not after.startswith(before) for before, after in pairwise(prompts))
    assert breaks <= 8
    assert all("What was said between you before" in prompt for prompt in prompts)


async def test_what_a_persona_remembers_stands_before_the_message() -> None:
    memories = [Recalled(kind="fact", id=3, text="Sam has a dog.")]
    plain, remembering = await persona_prompt(turns(4)), await persona_prompt(turns(4), memories=memories)
    assert common(plain, remembering).endswith("user: ")
    assert "- Sam has a dog." in remembering
    assert remembering.endswith("Turn 4. Turn 4. Turn 4. Turn 4. Turn 4.")
