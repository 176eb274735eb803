"""What a model is told of a persona, for cards of every shape, in files that can be read in a diff.

After a change of wording: delete the file and run the test, which writes it anew (and fails once).
"""

from pathlib import Path
from typing import Any

import pytest

from db.personas.card import DepthPrompt, PersonaCard
from tests.workers.cards.made import PYGMALION, V1, V2, V2_DATA, V3
from tests.workers.functions.told import told, variables_of
from workers.cards.reading import read_root
from workers.craft.settings import CraftSettings
from workers.functions.answer_as_persona import AnswerAsPersona, ChatTurn, PersonaAnswer, PersonaInputs
from workers.functions.examiners import Asked
from workers.functions.past import ToldLore
from workers.functions.persona_card import drawn_card, told_card
from workers.pictures.request import VisualIdentity

FOLDER = Path(__file__).parent / "snapshots" / "cards"
OURS = PersonaCard(
    name="Mira", description="A keeper.", appearance="Grey eyes.", personality=("calm", "exact"), interests=("gates",),
    preferences="rain, no crowds", speaking_style="Short.", scenario="Dawn.",
    depth_prompt=DepthPrompt(text="Rain.", depth=0),
)  # fmt: skip
CARDS: dict[str, dict[str, Any]] = {
    "a name alone": {"name": "米拉"},
    "all fields of ours": OURS.stored(),
    "first standard": read_root(V1).stored(),
    "second standard": read_root(V2).stored(),
    "third standard": read_root(V3).stored(),
    "pygmalion": read_root(PYGMALION).stored(),
    "a system prompt in place of the rules": read_root(
        {**V2, "data": {**V2_DATA, "system_prompt": "You are {{char}}. Write as {{CHAR}}, to {{user}}."}}
    ).stored(),
    "a system prompt around the rules": read_root(
        {**V2, "data": {**V2_DATA, "system_prompt": "First.\n{{original}}\nThen {{original}}last."}}
    ).stored(),
    "macros everywhere": read_root({"data": {
        "name": "Mira",
        "description": "{{pick:red,green}} {{// no}}{{roll:d1}} {{random:{{user}}}} {{date}} {{setvar::x}}",
        "scenario": "{% if x %}{{ 7*7 }}{% endif %} <BOT> {{hidden_key:sea}}",
        "mes_example": "<START>\n<USER>: Hi\n<start>\n<BOT>: Ho",
    }}).stored(),
    "another release": {"name": "Mira", "visual": 3, "description": "Calm.", "greeting": ["x" * 200_000]},
}  # fmt: skip


def inputs(card: dict[str, Any], **more: Any) -> PersonaInputs:
    turns = [("assistant", "Early."), ("user", "Hello."), ("assistant", "Hm.")]
    history = [
        ChatTurn.model_validate({"role": role, "text": text, "id": at}) for at, (role, text) in enumerate(turns, 1)
    ]
    return PersonaInputs(
        persona=card, user_name="Sam", language="en", message="And now?", history=history, seed=1, variant=0,
        place="1:2", now="2025-11-09T16:05:00+00:00", **more,
    )  # fmt: skip


@pytest.mark.parametrize("name", CARDS)
async def test_what_a_model_is_told(name: str) -> None:
    text = (await told(AnswerAsPersona(), inputs(CARDS[name]))).replace("\x1e", "\n\n===== ") + "\n"
    file = FOLDER / f"{name.replace(' ', '_')}.txt"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        pytest.fail("written anew")
    assert text == file.read_text()


async def test_examples_are_left_out_first() -> None:
    blocks = "".join(f"<START>\n{{{{char}}}}: {f'Example {n}. ' * 60}\n" for n in range(6))
    card = OURS.model_copy(update={"example_dialogue": blocks}).stored()
    whole, small = [await variables_of(AnswerAsPersona(), inputs(card), size) for size in (8192, 1000)]
    assert whole["example_dialogue"].count("Mira:") == 6
    assert small.get("example_dialogue", "").count("Mira:") < 6
    assert {"description", "appearance", "interests", "preferences"} <= small.keys()


async def test_a_persona_goes_on_behind_its_own_words() -> None:
    said = inputs({"name": "Mira"}, begun="It is late, and the sea is calm.")
    *_, message, begun, asked = (await told(AnswerAsPersona(), said)).split("\x1e")
    assert (message, begun) == ("user: And now?", "assistant: It is late, and the sea is calm.")
    assert asked.startswith("user: (Sam says nothing yet. Go on as Mira")
    again = AnswerAsPersona().craft(said, Asked(CraftSettings())).examine(PersonaAnswer(text=said.begun))
    assert "earlier" in [finding.check for finding in again.failed]


async def test_an_author_s_note_stands_at_its_depth() -> None:
    for depth, place in ((0, 3), (1, 3), (2, 1), (3, 1), (4, 0)):
        messages = (
            await told(AnswerAsPersona(), inputs({"name": "Mira"}, note="{{user}} is wet.", note_depth=depth))
        ).split("\x1e")[1:]
        assert [at for at, text in enumerate(messages) if "Sam is wet." in text] == [place], messages


async def test_lore_says_what_its_macros_stand_for() -> None:
    lore = [ToldLore(id="lore:1", text="{{user}} fears {{pick:owls,bats}}.{{// x}}")]
    text = await told(AnswerAsPersona(), inputs({"name": "Mira"}, lore=lore, lore_varies=True))
    assert "Sam fears owls." in text or "Sam fears bats." in text


async def test_a_nickname_is_no_label_either() -> None:
    said = inputs({"name": "Mira", "nickname": "Mi"})
    for label in ("Mi: ", "**Mira:** ", "mira: "):
        assert (await AnswerAsPersona().parse(f"{label}Hello.", said)).text == "Hello."


def test_the_gate_knows_the_name_and_the_nickname() -> None:
    said = inputs({"name": "Seraphina Moon", "nickname": "Sera"})
    examiner = AnswerAsPersona().craft(said, Asked(CraftSettings()))
    found = examiner.examine(PersonaAnswer(text="My name is Seraphina Moon.\nSeraphina: Sera to you."))
    assert [finding.check for finding in found.failed] == ["own_label"]
    assert found.output.text == "My name is Seraphina Moon.\nSera to you."


def test_what_is_for_people_alone_reaches_no_model() -> None:
    told = PersonaCard.lenient(told_card(read_root(V3).stored()))
    assert (told.creator_notes, told.tags, told.creator, told.version, told.source, told.lorebook) == (
        "", (), "", "", None, None,
    )  # fmt: skip
    assert (told.system_prompt, told.nickname) == ("{{original}} Be brief.", "Mi")


def test_without_a_model_macros_are_no_words_either() -> None:
    card = {"name": "Bo", "personality": ["{{char}}-like"], "interests": ["{{// x}}chess"]}
    replies = [AnswerAsPersona().offline(inputs(card).model_copy(update={"variant": n})).text for n in range(8)]
    assert "{{" not in " ".join(replies)


def test_pictures_are_made_from_the_description_where_nothing_is_said_of_looks() -> None:
    card = {"name": "Mira", "description": "{{char}} has grey eyes.{{// x}}", "personality": ["{{char}}-like"]}
    assert VisualIdentity.of_card(drawn_card(card)).words == "Mira has grey eyes."
    assert drawn_card(card)["personality"] == ["Mira-like"]
    assert VisualIdentity.of_card(drawn_card({**card, "appearance": "Tall."})).words == "Tall."
    assert VisualIdentity.of_card(drawn_card({})).words == ""
