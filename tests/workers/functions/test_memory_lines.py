"""What small models are asked for of the past: lines and sentences, read as what larger ones write as JSON."""

import re

import pytest

from workers.functions.extract_scenes import ExtractScenes, SceneInputs
from workers.functions.memory.extract_facts import ExtractFacts, FactInputs, FactLine, KnownFact
from workers.functions.memory.extract_plot import ExtractPlot, PlotInputs
from workers.functions.memory.summarise import LabelledText, SummariseInputs, SummariseNarration
from workers.functions.parsing import ParseFailed

LINES = [
    FactLine(speaker="Sam", text="I live in Brest with my sister Anna. I am afraid of dogs."),
    FactLine(speaker="Vex", text="I promise I will bring the map on Friday."),
]
INPUTS = FactInputs(lines=LINES, names=["Sam"], known=[KnownFact(about="Sam", fact="Sam has a sister called Anna.")])


async def test_facts_are_lines_that_stand_in_what_was_said() -> None:
    answer = "\n".join([
        "Sam: lives in Brest with a sister called Anna.",
        "- Vex: will bring the map on Friday.",
        "Sam: I'm afraid of dogs.",
        "Sam: I promise to bring the map on Friday.",
    ])  # fmt: skip
    found = (await ExtractFacts().parse(answer, INPUTS)).facts
    assert [(each.about, each.fact, each.line) for each in found] == [
        ("Sam", "Sam lives in Brest with a sister called Anna.", 1),
        ("Vex", "Vex will bring the map on Friday.", 2),
        ("Sam", "Sam: I'm afraid of dogs.", 1),
    ]
    german = FactInputs(lines=[FactLine(speaker="Sam", text="Ich wohne mit meiner Schwester in Brest.")])
    (fact,) = (await ExtractFacts().parse("Sam: Ich wohne mit meiner Schwester in Brest.", german)).facts
    assert fact.fact == "Sam: Ich wohne mit meiner Schwester in Brest."
    assert (await ExtractFacts().parse("Sam: works as a famous astronaut in space.", INPUTS)).facts == []
    assert (await ExtractFacts().parse("Sam: has a sister called Anna.", INPUTS)).facts == [], "known already"


@pytest.mark.parametrize(
    "answer", ["", "This is a tale of a harbour.", '{"facts": [{"about": "name", "fact": "one sentence"}]}']
)
async def test_what_is_no_fact_is_none(answer: str) -> None:
    try:
        assert (await ExtractFacts().parse(answer, INPUTS)).facts == []
    except ParseFailed:
        assert "{" not in answer


def test_facts_are_about_those_who_are_there() -> None:
    pattern = ExtractFacts().pattern(INPUTS, "")
    assert re.fullmatch(pattern, "Sam: lives in Brest.\nVex: will bring the map.")
    assert not re.fullmatch(pattern, "Anna: lives in Brest.")
    assert ExtractFacts().pattern(FactInputs(lines=[FactLine(text="The door opens.")]), "") == ""


async def test_of_a_plot_a_small_model_tells_the_outline() -> None:
    inputs = PlotInputs(pages=["Mira waits at the mill. Where is the key? You open the door, and Mira smiles at you."])
    notes = await ExtractPlot().parse("You found Mira at the mill. The door is open now.", inputs)
    assert notes.outline == "You found Mira at the mill. The door is open now."
    offline = ExtractPlot().offline(inputs)
    assert (notes.threads, notes.characters) == (offline.threads, offline.characters)
    assert re.fullmatch(ExtractPlot().pattern(inputs, ""), notes.outline)


async def test_a_summary_does_not_speak_of_itself() -> None:
    inputs = SummariseInputs(passages=[LabelledText(text="The door opens.")])
    told = "Here is a summary of the story: The story begins with a door. The door opened. Summarise this in 100 words."
    assert (await SummariseNarration().parse(told, inputs)).text == "The door opened."
    with pytest.raises(ParseFailed):
        await SummariseNarration().parse("The story begins with a door.", inputs)
    assert re.fullmatch(SummariseNarration().pattern(inputs, ""), "The old door opened. You went into the hall.")


async def test_a_moment_is_a_sentence() -> None:
    inputs = SceneInputs(page_text="You kneel in the snow.", count=2)
    told = "A traveller kneels in deep snow with an iron key in one hand."
    (scene,) = (await ExtractScenes().parse(told, inputs)).scenes
    assert (scene.description, scene.characters) == (told, [])
    assert re.fullmatch(ExtractScenes().pattern(inputs, "A"), told.removeprefix("A"))
