"""What is written about a persona: what fails, what deletion leaves, and what passes."""

from typing import Any

import pytest

from prompts.personas import load_personas
from prompts.registry import default_registry
from workers.craft.findings import CraftExamination
from workers.craft.settings import CraftSettings
from workers.craft.sheets import Fields, SheetFacts, examine_sheet
from workers.functions.persona.generate_persona import GenerateInputs, GeneratePersona, PersonaSheet
from workers.functions.persona.sheet_examiner import fields_of
from workers.offline import people

SETTINGS = CraftSettings()
WORDS = default_registry().get("persona/generate").words
BO: dict[str, str | tuple[str, ...]] = {
    "name": "Bo Abara",
    "tagline": "A baker who sings to the dough",
    "description": "Bo is 44 and bakes bread at three in the morning. The whole street wakes to the same old song.",
    "appearance": "A tall woman with flour up to her elbows and a burnt thumb",
    "personality": ("wry", "punctual", "soft on stray cats"),
    "interests": ("rye", "opera"),
    "greeting": "You are up early! Sit on the flour sacks. Do you want the crust or the middle?",
}


def examine(fields: Fields, **facts: Any) -> CraftExamination[Fields]:
    needed = facts.pop("needed", ("name", "description"))
    return examine_sheet(fields, SheetFacts(instructions=WORDS, needed=needed, **facts), SETTINGS)


def test_a_person_passes_unchanged() -> None:
    examined = examine(BO)
    assert (examined.output, examined.failed) == (BO, ())
    android = {
        **BO,
        "description": "Bo is a robot with a user manual, forty years old, who bakes. The users adore her.",
    }
    assert examine(android, told="a robot that bakes").failed == ()


@pytest.mark.parametrize("seed", range(12))
def test_people_of_the_trait_table_and_those_that_ship_pass(seed: int) -> None:
    made = PersonaSheet.model_validate(people.persona_of(["a baker", "tech", "fitness", ""][seed % 4], seed))
    assert examine(fields_of(made)).failed == ()
    shipped = load_personas()[seed % 3].card()
    fields = {name: shipped[name] for name in PersonaSheet.model_fields if shipped.get(name)}
    listed = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    assert examine(listed, needed=()).failed == ()


@pytest.mark.parametrize(
    ("field", "text", "check", "left"),
    [
        ("appearance",
         "Tall, with flour up to her elbows. A burnt thumb and a", "fragment", "Tall, with flour up to her elbows."),
        ("greeting", "Bo Abara: You are up early!", "labels", "You are up early!"),
        ("greeting", "Greeting: You are up early!", "labels", "You are up early!"),
        ("greeting", "As an AI, I can’t greet you.", "about_card", None),
        ("greeting", "Sure! Here is the greeting you asked for.", "about_card", None),
        ("scenario", "You meet at the oven. The user sits down.", "about_card", "You meet at the oven."),
        ("scenario", "This persona was made for you.", "about_card", None),
        ("scenario",
         "Everything fits together: work, looks, habits and speech belong to one person.", "instructions", None),
        ("appearance", "N/A", "missing", None),
        ("appearance", "…", "missing", None),
        ("tagline", "tagline", "missing", None),
        ("preferences", "Bo is 44 and bakes bread at three in the morning. The whole street wakes to the same song.",
         "twice", None),
        ("appearance", "She has brown hair. She has brown hair. She has brown hair.", "loop", "She has brown hair."),
        ("scenario", "Du triffst sie in der Bäckerei, wenn es noch dunkel ist, und sie gibt dir das erste Brot.",
         "language", None),
        ("interests", ("rye", "Rye", "opera"), "twice", ("rye", "opera")),
        ("personality", ("wry", "always in time because her own mother never was", "calm"), "entries", ("wry", "calm")),
        ("personality", ("none", "wry", "calm"), "entries", ("wry", "calm")),
        ("interests", ("rye", "but she loves opera", "rain"), "entries", ("rye", "rain")),
        ("greeting", "She is very sweet and loves all of her customers.", "greeting", None),
    ],
)  # fmt: skip
def test_what_does_not_belong_there_goes(field: str, text: Any, check: str, left: Any) -> None:
    examined = examine({**BO, field: text})
    assert check in {each.check for each in examined.failed}
    assert examined.passed
    assert examined.output.get(field) == left
    assert {name: value for name, value in examined.output.items() if name != field} == {
        name: value for name, value in BO.items() if name != field
    }


@pytest.mark.parametrize(
    "description", ["", "A baker.", "You invent people to talk with: one person, whole, with", "none"]
)
def test_without_a_description_it_is_nobody(description: str) -> None:
    examined = examine({**BO, "description": description})
    assert not examined.passed
    assert {"missing", "short"} & {each.check for each in examined.findings}


@pytest.mark.parametrize(
    "name", ["A very curious man, who has lost keys", "Bo, who bakes bread in the night", "My name is Bo"]
)
def test_a_name_is_a_name(name: str) -> None:
    assert "name" in {each.check for each in examine({**BO, "name": name}).findings}
    assert examine({**BO, "name": "Dr. Anna Maria de la Cruz"}).failed == ()


async def test_the_example_for_small_models_is_a_person() -> None:
    example = default_registry().get("persona/generate", "small").sections[2].source
    made = await GeneratePersona().parse(example, GenerateInputs())
    assert examine(fields_of(made)).failed == ()
    assert len(made.interests) == len(made.personality) == 3


def test_something_must_be_left() -> None:
    assert not examine({"appearance": "N/A"}, needed=()).passed
    assert examine({"appearance": "N/A", "tagline": "A baker who sings"}, needed=()).output == {
        "tagline": "A baker who sings"
    }


def test_other_languages_pass() -> None:
    german = {
        "name": "Bo", "description": "Bo ist 44 und backt um drei Uhr früh. Die ganze Straße wacht mit ihrem Lied auf.",
        "personality": ("pünktlich", "trocken"), "greeting": "Setz dich! Willst du den Kanten oder die Mitte?",
    }  # fmt: skip
    assert examine(german, language="de").failed == ()
    assert "language" in {each.check for each in examine(german, language="fr").failed}
    chinese = {
        "name": "小满", "description": "小满今年三十四岁，住在河边，每天清早四点起来做豆腐，一边磨豆子一边唱歌。",
        "interests": ("做豆腐和看雨天的河水", "老歌"),
    }  # fmt: skip
    assert examine(chinese, language="zh").failed == ()
