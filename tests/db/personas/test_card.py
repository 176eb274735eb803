"""The one model of cards: those that ship, those that are stored, and what other programs make of a field."""

from typing import Any

import pytest
from pydantic import ValidationError

from db.personas.card import MAX_GREETINGS, MAX_TEXT, DepthPrompt, PersonaCard
from prompts.personas import load_personas


@pytest.mark.parametrize("shipped", load_personas(), ids=lambda shipped: shipped.key)
def test_a_shipped_card_has_no_field_that_the_model_does_not_know(shipped: Any) -> None:
    card = shipped.card()
    assert set(card) <= set(PersonaCard.model_fields)
    stored = PersonaCard.model_validate(card).stored()
    assert {name: card[name] for name in stored} == stored
    assert set(card) - set(stored) == {"rating"}  # what is at its default is left out


def test_what_is_stored_is_read_as_it_was() -> None:
    card = PersonaCard(
        name="Mira", personality=("calm",), depth_prompt=DepthPrompt(text="Rain.", depth=2), lorebook={"entries": []},
        translated_notes={"de": "Notizen"}, source={"spec": "chara_card_v2"},
    )  # fmt: skip
    assert PersonaCard.model_validate(card.stored()) == card
    assert (card.called, card.model_copy(update={"nickname": "Mi"}).called) == ("Mira", "Mi")


@pytest.mark.parametrize(
    ("field", "given", "read"),
    [
        ("version", 1.5, "1.5"),
        ("description", None, ""),
        ("description", ["a", "b"], "a\nb"),
        ("description", "a\0b\ud800", "ab?"),
        ("alternate_greetings", "Hello.", ("Hello.",)),
        ("tags", ["a", None, 3, ""], ("a", "3")),
        ("talkativeness", "0.5", 0.5),
        ("talkativeness", "much", None),
        ("rating", "18+", "sfw"),
        ("lorebook", [], None),
        ("translated_notes", None, {}),
    ],
)
def test_fields_are_read_tolerantly(field: str, given: object, read: object) -> None:
    assert getattr(PersonaCard.model_validate({"name": "Mira", field: given}), field) == read


def test_a_stored_card_of_another_release_is_still_somebody() -> None:
    assert PersonaCard.lenient({"name": "Mira", "tags": 3, "visual": "x", "description": "Calm."}) == PersonaCard(
        name="Mira", tags=("3",), description="Calm."
    )
    assert PersonaCard.lenient({}).name == "?"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("description", "x" * (MAX_TEXT + 1)),
        ("alternate_greetings", ["x"] * (MAX_GREETINGS + 1)),
    ],
)
def test_what_exceeds_a_bound_is_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        PersonaCard.model_validate({"name": "Mira", field: value})
    assert refused.value.errors()[0]["loc"][0] == field
