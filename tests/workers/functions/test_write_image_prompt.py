"""Prompts for pictures: whatever a model answers, what is drawn is long enough, clean, and within its rating."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.errors import BadInput
from prompts.pictures import styles
from prompts.registry import default_registry
from prompts.render import render
from prompts.safety.check import refusal, scan
from prompts.safety.passages import texts_of
from tests.workers.functions.told import variables_of
from workers.functions.parsing import ParseFailed
from workers.functions.write_image_prompt import ImagePromptInputs, WriteImagePrompt, estimate_tokens
from workers.moderation.moderator import Moderator

MARLOW: dict[str, Any] = {
    "name": "Marlow Finch",
    "appearance": "A weathered man of about sixty with a white beard and a navy jersey",
    "personality": ["patient", "dry", "stubborn", "kind"],
    "interests": ["weather", "old ships", "tea"],
    "preferences": "stormy skies",
    "visual": {
        "words": "weathered man, sixty, short white beard, pale grey eyes (left one scarred), navy jersey",
        "seed": 4,
    },
}
SCENE = "Marlow lifts the lamp at the broken window while the wave runs up the stairs. “Hold on!” he shouts."
GOOD = (
    "An old keeper raises a brass lamp beside a shattered window, one arm braced against the iron frame, his soaked "
    "jersey clinging to his shoulders, jaw set and eyes narrowed against the spray, a green wave bursting up the "
    "spiral stairs behind him, scattered charts and a tin mug floating on the water, cold blue night outside cut by "
    "the single yellow beam, seen from a low viewpoint a few steps below, strong diagonals from the stairs to the "
    "lamp, rain streaks and flying foam frozen in the light, deep shadows in the corners, a tense and urgent mood"
)
FUNCTION = WriteImagePrompt()


def inputs(**changes: Any) -> ImagePromptInputs:
    return ImagePromptInputs.model_validate({"scene": SCENE, "persona": MARLOW, "style": "cinematic", **changes})


@dataclass(frozen=True)
class Case:
    """An answer of a model, and what must and must not stand in the prompt that comes of it."""

    name: str
    answer: str
    wanted: tuple[str, ...] = ("raises a brass lamp",)
    unwanted: tuple[str, ...] = ()
    negative: str = "flat light"
    changes: dict[str, Any] = field(default_factory=dict[str, Any])


CASES = [
    Case("json", json.dumps({"prompt": GOOD, "negative": "dry clothes"}), negative="dry clothes"),
    Case("fenced", f"```json\n{json.dumps({'prompt': GOOD, 'negative': 'x'})}\n```"),
    Case("no negative", json.dumps({"prompt": GOOD})),
    Case(
        "reasoning before", f"<think>They want a lamp.</think>{json.dumps({'prompt': GOOD})}", unwanted=("They want",)
    ),
    Case("prose", GOOD),
    Case("prose with talk", f"Sure! Here is your prompt:\n{GOOD}", unwanted=("Sure", "your prompt")),
    Case(
        "labels",
        f"**Prompt:** {GOOD}\n\n**Negative prompt:** dry clothes",
        unwanted=("Prompt", "**"),
        negative="dry clothes",
    ),
    Case(
        "talk before labels",
        f"I thought of this.\nPrompt: {GOOD}\nNegative: cars",
        unwanted=("I thought",),
        negative="cars",
    ),
    Case(
        "weights and tags",
        json.dumps({"prompt": f"(masterpiece:1.4), ((best)), [x|y], <lora:evil:0.8>, {GOOD}"}),
        wanted=("asterpiece", "best"),
        unwanted=("(", ")", ":1.4", "lora", "[", "|", "<"),
    ),
    Case("markdown", json.dumps({"prompt": f"# **{GOOD}**\n- _more_ `code`"}), unwanted=("#", "*", "`", "_", "\n")),
    Case("too short", json.dumps({"prompt": " ".join(GOOD.split()[:30])})),
    Case("too long", json.dumps({"prompt": f"{GOOD}, " * 6})),
    Case("repeats the identity", json.dumps({"prompt": f"{MARLOW['visual']['words']}, {GOOD}"})),
    Case("a negative that says too much", json.dumps({"prompt": GOOD, "negative": "a, " * 300})),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_answers_of_models(case: Case) -> None:
    found = await FUNCTION.parse(case.answer, inputs(**case.changes))
    identity = MARLOW["visual"]["words"]
    assert found.source == "ai"
    assert found.style == "cinematic"
    assert 100 <= found.words <= 200
    assert found.words == len(found.prompt.split())
    assert found.tokens == estimate_tokens(found.prompt) >= found.words
    assert found.prompt.startswith(f"{identity}, ")
    assert found.prompt.count(identity) == 1
    body = found.prompt.removeprefix(identity)
    assert all(word in body for word in case.wanted)
    assert not [word for word in case.unwanted if word in body]
    assert found.negative.startswith(styles()["cinematic"].negative)
    assert case.negative in found.negative
    assert len(found.negative.split()) < 60


@pytest.mark.parametrize(
    ("answer", "changes"),
    [
        ("", {}),
        ("I cannot help with that.", {}),
        ("{", {}),
        ('{"prompt": 3}', {}),
        (json.dumps({"prompt": f"{GOOD}, nude"}), {}),
        (json.dumps({"prompt": f"{GOOD}, nude"}), {"rating": "suggestive"}),
        (json.dumps({"prompt": f"{GOOD}, in lingerie"}), {"rating": "sfw"}),
        (json.dumps({"prompt": f"{GOOD}, nude child"}), {"rating": "nsfw"}),
    ],
)
async def test_answers_that_are_refused(answer: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ParseFailed):
        await FUNCTION.parse(answer, inputs(**changes))


async def test_the_rating_allows_what_it_allows() -> None:
    found = await FUNCTION.parse(json.dumps({"prompt": f"{GOOD}, in lingerie"}), inputs(rating="suggestive"))
    assert "lingerie" in found.prompt


@pytest.mark.parametrize("style", list(styles()))
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"persona": {}},
        {"scene": "", "portrait": True},
        {"scene": "", "persona": {}},
        {"scene": "word " * 700, "context": "more " * 900},
        {"persona": {"visual": {"words": "red hair, " * 70}}},
        {"persona": {"appearance": 3, "personality": "a, b", "interests": {"x": 1}}},
    ],
)
async def test_the_template_always_writes_enough(style: str, changes: dict[str, Any]) -> None:
    given = inputs(style=style, **changes)
    found = FUNCTION.offline(given)
    assert found.source == "template"
    assert 100 <= found.words <= 200
    assert found.negative == styles()[style].negative
    assert refusal(given.rating, found.prompt) is None


@given(st.text(max_size=300), st.text(max_size=200), st.text(max_size=100))
def test_the_template_writes_from_anything(scene: str, looks: str, trait: str) -> None:
    given = inputs(scene=scene, persona={"appearance": looks, "personality": [trait], "interests": trait})
    found = FUNCTION.offline(given)
    assert found.source == "template"
    assert 100 <= found.words <= 200


async def test_the_template_keeps_within_the_rating() -> None:
    scene = "A lamp burns on the table. A nude figure stands by the window. Rain falls on the garden."
    found = FUNCTION.offline(inputs(scene=scene, persona={}))
    assert "lamp burns" in found.prompt
    assert scan(found.prompt).needs == "sfw"
    allowed = FUNCTION.offline(inputs(scene=scene, persona={}, rating="nsfw"))
    assert "nude figure" in allowed.prompt


async def test_the_template_shows_who_and_where() -> None:
    found = FUNCTION.offline(inputs())
    assert "lifts the lamp at the broken window" in found.prompt
    assert "patient, dry and stubborn" in found.prompt
    assert "Stormy skies." in found.prompt
    assert found == FUNCTION.offline(inputs())


async def test_a_face_stays_the_same() -> None:
    identity = MARLOW["visual"]["words"]
    for scene in ("He mends a net.", "He sleeps in a chair.", ""):
        assert FUNCTION.offline(inputs(scene=scene)).prompt.startswith(identity)
        assert (await FUNCTION.parse(GOOD, inputs(scene=scene))).prompt.startswith(identity)


@pytest.mark.parametrize(
    "changes",
    [
        {"scene": "a nude schoolgirl"},
        {"persona": {"appearance": "a girl of 15 years of age"}, "scene": "nude"},
        {"persona": {"visual": {"words": "loli"}}, "preferences": "sexy"},
        {"context": "she is 14.", "scene": "undressed by the window", "rating": "nsfw"},
    ],
)
async def test_sexual_content_about_minors_is_refused_before_anything_is_asked(changes: dict[str, Any]) -> None:
    texts, moderator = texts_of(inputs(**changes).model_dump()), Moderator()
    terms = await moderator.terms("nsfw", texts)
    assert [problem for text in texts if (problem := await moderator.problem(text, terms))]


def test_scenes_that_are_too_long_are_refused() -> None:
    with pytest.raises(BadInput):
        FUNCTION.validate(inputs(scene="x" * 4001))


async def test_the_prompt_reads_as_a_person_would_expect() -> None:
    variables = await variables_of(FUNCTION, inputs(context="A storm has come up."))
    system, user = await render(default_registry().get("picture/write_image_prompt"), variables)
    assert "{" not in user.text
    assert system.text.startswith("You write prompts for an image model.")
    assert user.text.startswith("Content rating: general\nStyle: Film still. Describe one frame of a film;")
    assert MARLOW["visual"]["words"] in user.text
    assert f"Scene: {SCENE}" in user.text
    assert "Appearance" not in user.text
    assert user.text.endswith(
        f"Write the prompt for a picture of this scene, {variables['least_words']} to {variables['most_words']} words."
    )


async def test_context_is_left_out_where_it_does_not_fit() -> None:
    given = inputs(context="It rains on the harbour. " * 20)
    assert len((await variables_of(FUNCTION, given))["context"].split()) == 100
    small = await variables_of(FUNCTION, given, 600)
    assert len(small["context"].split()) < 100
    assert small["scene"] == SCENE
