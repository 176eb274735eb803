"""What a model is asked of personas, and what is made of its answers."""

import json
import re

import pytest

from db.personas import PersonaCard
from prompts.registry import default_registry
from workers.craft.settings import CraftSettings
from workers.functions.examiners import Asked
from workers.functions.parsing import ParseFailed
from workers.functions.persona.generate_persona import ASKED, GenerateInputs, GeneratePersona, PersonaSheet
from workers.functions.persona.rewrite_persona import PersonaChanges, RewriteInputs, RewritePersona

ANSWER = {
    "name": "Bo Abara",
    "description": "Bo bakes bread at three in the morning, and sings to it.",
    "traits": ["wry"],
}


async def test_what_a_model_leaves_out_is_added():
    made = await GeneratePersona().parse(json.dumps(ANSWER), GenerateInputs(hint="a baker", seed=3))
    assert (made.name, made.description) == (ANSWER["name"], ANSWER["description"])
    assert len(made.personality) > 2, "one trait is too little"
    assert made.greeting
    assert PersonaCard.model_validate(made.card()).appearance


async def test_a_given_name_stays():
    made = await GeneratePersona().parse(json.dumps(ANSWER), GenerateInputs(name="Mira", seed=3))
    assert made.name == "Mira"


@pytest.mark.parametrize("answer", ["", "I cannot do that.", json.dumps({"name": "", "description": "x"})])
async def test_an_answer_without_a_person_is_no_answer(answer: str):
    with pytest.raises(ParseFailed):
        await GeneratePersona().parse(answer, GenerateInputs())


async def test_only_what_is_missing_is_asked_for_and_taken():
    card = {"name": "Mira", "greeting": "Hush.", "personality": ["calm"]}
    inputs = RewriteInputs(card=card, task="expand")
    asked = await RewritePersona().prepare(inputs)
    assert "greeting" not in asked["wanted"]
    assert "appearance" in asked["wanted"]
    answer = json.dumps({"greeting": "Hello!", "appearance": "Tall.", "personality": ["loud"]})
    found = await RewritePersona().parse(answer, inputs)
    assert found == PersonaChanges(appearance="Tall.")


async def test_a_description_is_written_anew_of_what_the_card_says():
    inputs = RewriteInputs(card={"name": "Mira Dahl", "tagline": "Repairs clocks", "personality": ["calm"]}, task="bio")
    made = RewritePersona().offline(inputs)
    assert made is not None
    assert "Mira Dahl: repairs clocks. Those who know Mira would say: calm." in made.description
    assert made.model_dump(exclude_defaults=True).keys() == {"description"}


ASKED_WITH = Asked(CraftSettings(), default_registry().get("persona/generate").words)
WHOLE = {
    "name": "Bo Abara",
    "description": "Bo bakes bread at three in the morning, and sings to it. Nobody on the street minds.",
    "personality": ["wry", "punctual"],
    "greeting": "Sit down on the flour sacks! Do you want the crust?",
}


def test_what_fails_of_somebody_made_up_is_as_the_trait_table_has_it() -> None:
    inputs = GenerateInputs(hint="a baker", seed=3)
    examiner = GeneratePersona().craft(inputs, ASKED_WITH)
    good = PersonaSheet.model_validate(WHOLE)
    assert examiner.examine(good).output is good
    spare = GeneratePersona().offline(inputs)
    bad = good.model_copy(update={"greeting": "As an AI, I can’t.", "personality": ["wry", "Wry"], "tagline": "N/A"})
    found = examiner.examine(bad)
    assert found.mended
    assert {each.check for each in found.failed} == {"missing", "about_card", "twice"}
    assert (found.output.greeting, found.output.personality) == (spare.greeting, spare.personality)
    assert (found.output.name, found.output.description) == (good.name, good.description)
    assert not examiner.examine(good.model_copy(update={"description": "A baker."})).passed
    assert examiner.shown('{"name": "Bo') == GeneratePersona().preview('{"name": "Bo') == ""


async def test_in_another_language_nothing_english_is_added() -> None:
    answer = {"name": "Bo", "description": "Bo ist 44 und backt um drei Uhr früh Brot. Die ganze Straße hört es."}
    inputs = GenerateInputs(hint="a baker", language="de", seed=3)
    made = await GeneratePersona().parse(json.dumps(answer), inputs)
    assert made.card() == answer
    assert GeneratePersona().craft(inputs, ASKED_WITH).examine(made).failed == ()


def test_what_fails_of_a_rewritten_card_stays_as_it_was() -> None:
    inputs = RewriteInputs(card={"name": "Mira", "personality": ["calm"]}, task="expand")
    examiner = RewritePersona().craft(inputs, ASKED_WITH)
    changes = PersonaChanges(appearance="Mira: Tall, in a grey coat.", scenario="The user meets Mira.", tagline="none")
    assert examiner.examine(changes).output == PersonaChanges(appearance="Tall, in a grey coat.")
    assert not examiner.examine(PersonaChanges(tagline="none")).passed
    bio = RewritePersona().craft(RewriteInputs(card={"name": "Mira"}, task="bio"), ASKED_WITH)
    assert not bio.examine(PersonaChanges(tagline="Repairs clocks in a cellar")).passed


def inputs_of_bio() -> RewriteInputs:
    return RewriteInputs(card={"name": "Mira"}, task="bio")


def test_only_what_is_wanted_is_asked_for() -> None:
    function = RewritePersona()
    bio = function.schema(inputs_of_bio())
    assert bio["required"] == list(bio["properties"]) == ["description"]
    expand = function.schema(RewriteInputs(card={"name": "Mira", "greeting": "Hush."}, task="expand"))
    assert {"appearance", "personality"} < set(expand["required"])
    assert "greeting" not in expand["properties"]
    assert expand["properties"]["personality"]["minItems"] == 3
    assert GeneratePersona().schema(GenerateInputs())["properties"]["greeting"]["minLength"] == 20
    longer = Asked(CraftSettings(sheet_chars=300))
    for made in (
        GeneratePersona().schema(GenerateInputs(), asked=longer),
        function.schema(inputs_of_bio(), asked=longer),
    ):
        assert made["properties"]["description"]["minLength"] == 300


LINES = """Name: Bo Abara
Who: A baker who sings to the dough
About: Bo is 44 and bakes bread at three in the morning. The whole street wakes to the same old song.
Looks: A tall woman with flour up to her elbows.
Is: wry, punctual, soft on stray cats
Likes: rye, opera, rain
Says: You are up early! Sit on the flour sacks. Do you want the crust?"""


async def test_a_small_model_writes_lines() -> None:
    inputs = GenerateInputs(hint="a baker", seed=3)
    assert re.fullmatch(GeneratePersona().pattern(inputs, ""), LINES)
    assert re.fullmatch(GeneratePersona().pattern(inputs, "Name:"), LINES.removeprefix("Name:"))
    assert re.fullmatch(GeneratePersona().pattern(inputs, "Name: Bo Abara"), LINES.removeprefix("Name: Bo Abara"))
    made = await GeneratePersona().parse(LINES, inputs)
    assert (made.name, made.interests) == ("Bo Abara", ["rye", "opera", "rain"])
    assert made.greeting.startswith("You are up early!")
    assert made.speaking_style, "what is not asked for is in the trait table"
    assert len(ASKED) == LINES.count("\n") + 1

    card = {"name": "Mira", "tagline": "Repairs clocks", "description": "x", "personality": ["calm"]}
    expand = RewriteInputs(card=card, task="expand")
    changes = await RewritePersona().parse("Looks: Tall, in a grey coat.\nIs: loud, late\nLikes: ducks; rain.", expand)
    assert changes == PersonaChanges(appearance="Tall, in a grey coat.", interests=["ducks", "rain"])
    assert RewritePersona().pattern(expand, "").startswith("Looks: ")
    bio = RewriteInputs(card=card, task="bio")
    told = "Mira repairs clocks in a cellar under the town hall. She is never late, and never early either, she says."
    assert (await RewritePersona().parse(told, bio)).description == told
    assert re.fullmatch(RewritePersona().pattern(bio, ""), told)
