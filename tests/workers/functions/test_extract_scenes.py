"""The moments of a page that are worth a picture."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prompts.registry import default_registry
from prompts.render import render
from prompts.safety.check import scan
from tests.workers.functions.told import variables_of
from workers.functions.extract_scenes import MOODS, ExtractScenes, SceneInputs
from workers.functions.parsing import ParseFailed
from workers.offline.pictures import moments

PAGE = """The lighthouse door bangs in the wind, and Marlow stands on the stairs with a lamp in his hand.

“You came,” he says. You think of nothing at all. It is late, and it is probably too late.

Behind him a green wave climbs the glass, and below it Maren holds the rope. The red boat burns on the black water, and
the smoke rises to the moon. You grip your brass key and run."""
FUNCTION = ExtractScenes()


def inputs(**changes: Any) -> SceneInputs:
    return SceneInputs.model_validate({"page_text": PAGE, "count": 3, **changes})


async def test_the_template_finds_what_can_be_seen() -> None:
    found = FUNCTION.offline(inputs()).scenes
    assert len(found) == 3
    everything = " ".join(scene.description for scene in found)
    assert "lamp in his hand" in everything
    assert "red boat burns" in everything
    assert "You came" not in everything
    assert {name for scene in found for name in scene.characters} == {"Marlow", "Maren"}
    assert all(scene.mood in MOODS for scene in found)


async def test_the_best_one_alone() -> None:
    (scene,) = FUNCTION.offline(inputs(count=1)).scenes
    assert len(scene.description.split()) >= 5


async def test_the_reader_is_the_protagonist() -> None:
    (scene,) = FUNCTION.offline(inputs(page_text="You open the door and lift your lamp.", count=1)).scenes
    assert scene.description == "The protagonist open the door and lift the protagonist’s lamp."


async def test_sentences_that_do_not_go_together_stay_apart() -> None:
    page = "A child plays in the garden by the red gate. A nude figure stands in the dark hall far away."
    (scene,) = FUNCTION.offline(inputs(page_text=page, rating="nsfw", count=1)).scenes
    assert not scan(scene.description).forbidden


async def test_the_template_keeps_within_the_rating() -> None:
    page = PAGE + " A nude figure stands in the red light by the window with a golden lamp and a silver sword."
    for scene in FUNCTION.offline(inputs(page_text=page)).scenes:
        assert scan(scene.description).needs == "sfw"


@given(st.text(min_size=1, max_size=600), st.integers(1, 3))
def test_any_page_has_a_moment(page: str, count: int) -> None:
    assert FUNCTION.offline(inputs(page_text=page, count=count, rating="nsfw")).scenes
    found = moments(page, count, "sfw")
    assert 1 <= len(found) <= count
    assert all(moment.description and moment.mood in MOODS for moment in found)


async def test_answers_of_models() -> None:
    scenes = [
        {"description": "An old man raises a lamp on the stairs", "characters": "Marlow", "mood": "Tense"},
        {"description": "An old man raises a lamp on the stairs", "characters": [], "mood": "calm"},
        {"description": "too short", "characters": [], "mood": "calm"},
        {"description": "A red boat on fire in a storm", "characters": ["Maren", "Maren", " "], "mood": "spooky"},
        {"description": "A nude figure by the window with a lamp", "characters": [], "mood": "calm"},
        {"description": "word " * 300},
    ]
    found = (await FUNCTION.parse(f"Here:\n```json\n{json.dumps({'scenes': scenes})}\n```", inputs())).scenes
    assert [scene.description[:12] for scene in found] == ["An old man r", "A red boat o", "word word wo"]
    assert [scene.characters for scene in found] == [["Marlow"], ["Maren"], []]
    assert [scene.mood for scene in found] == ["tense", "tense", "calm"]
    assert len(found[2].description.split()) <= 80
    assert len((await FUNCTION.parse(json.dumps({"scenes": scenes}), inputs(count=1))).scenes) == 1


@pytest.mark.parametrize(
    "answer", ["", "no", '{"scenes": []}', '{"scenes": [{"description": "nude child in the park"}]}']
)
async def test_answers_that_are_refused(answer: str) -> None:
    with pytest.raises(ParseFailed):
        await FUNCTION.parse(answer, inputs(rating="nsfw"))


async def test_the_prompt_reads_as_a_person_would_expect() -> None:
    variables = await variables_of(FUNCTION, inputs(title="The Lamp", rating="suggestive"))
    system, user = await render(default_registry().get("picture/extract_scenes"), variables)
    assert "mood: one of tense, mysterious, joyful, melancholy, romantic, wondrous, calm." in system.text
    assert user.text.startswith("Content rating: teen\nTitle: The Lamp\n")
    assert user.text.endswith("Choose at most 3 of its moments.")
