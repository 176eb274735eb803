"""What a model is asked of personas, and what is made of its answers."""

import json

import pytest

from db.personas import PersonaCard
from workers.functions.parsing import ParseFailed
from workers.functions.persona.generate_persona import GenerateInputs, GeneratePersona
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
