"""Personas of the trait table: always one, always an adult, and no two alike."""

import itertools

import pytest

from db.personas import PersonaCard
from prompts.safety.check import scan
from workers.offline.people import PEOPLE, hint_of, persona_of, trait_table, traits_of

HINTS = ("", "fitness", "tech", "fashion", "a baker who sings", "zzz")


@pytest.mark.parametrize("hint", HINTS[1:])
@pytest.mark.parametrize("first", [0, 1_234_567])
def test_no_two_of_two_hundred_share_more_than_a_third_of_their_traits(hint: str, first: int):
    made = [set(traits_of(hint, seed).values()) for seed in range(first, first + 200)]
    assert all(len(traits) == 12 for traits in made)
    assert max(len(one & other) for one, other in itertools.combinations(made, 2)) <= 4


@pytest.mark.parametrize("hint", HINTS)
def test_whatever_is_asked_for_a_whole_person_comes(hint: str):
    for seed in (0, 1, 17, 4_913, PEOPLE - 1, 2**62):
        made = persona_of(hint, seed)
        card = PersonaCard.model_validate(made)
        assert len(card.personality) == 4
        assert all((card.tagline, card.description, card.appearance, card.speaking_style, card.scenario, card.greeting))
        assert "{" not in str(list(made.values()))
        assert scan("\n".join(map(str, made.values()))).needs == "sfw"
        assert made == persona_of(hint, seed)


def test_a_name_is_kept_and_words_lead_to_a_hint():
    assert persona_of("tech", 5, " Ada Lovelace ")["name"] == "Ada Lovelace"
    assert hint_of("somebody who codes and paints", 1) == "tech"
    assert hint_of("A BAKER", 1) == "food"
    assert {hint_of("", seed) for seed in range(60)} == set(trait_table().hints)


def test_the_table_says_nothing_twice():
    table = trait_table()
    pools = [table.first, table.second, table.third, table.fourth, table.pastime, table.love, table.place]
    for hint in table.hints.values():
        said = [trait for pool in (*pools, hint.work, hint.passion) for trait in pool]
        assert len(said) == len(set(said)), [trait for trait in said if said.count(trait) > 1]
