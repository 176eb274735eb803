"""The personas that ship."""

import re

from prompts.personas import Voice, default_voice, load_personas

SLOTS = {"user", "name", "echo", "noun", "trait", "interest"}


def lines(voice: Voice) -> list[str]:
    found: list[str] = []
    for name in Voice.model_fields:
        value = getattr(voice, name)
        if name == "feelings":
            found += [line for pool in value.values() for line in pool]
        elif name == "topics":
            found += [line for topic in value for line in topic.lines]
        else:
            found += value
    return found


def test_three_distinct_personas_and_marlow_first() -> None:
    cards = [shipped.card() for shipped in load_personas()]
    assert [card["key"] for card in cards] == ["marlow", "vex", "ilse"]
    assert len({card["greeting"] for card in cards}) == 3
    assert all(len(card["personality"]) >= 4 and len(card["interests"]) >= 4 for card in cards)


def test_voices_use_known_slots_and_share_no_line() -> None:
    voices = [card.voice for card in load_personas()] + [default_voice()]
    everything = [line for voice in voices for line in lines(voice)]
    assert len(everything) == len(set(everything))
    for line in everything:
        assert set(re.findall(r"\{(\w+)\}", line)) <= SLOTS, line


def test_every_voice_can_go_ten_turns_without_its_openers_running_out() -> None:
    for voice in [card.voice for card in load_personas()]:
        assert len(voice.openers) >= 11
        assert len(voice.questions) >= 11
        assert len(voice.fallbacks) >= 11


def test_cards_are_whole() -> None:
    wanted = {"appearance", "speaking_style", "scenario", "example_dialogue", "tagline", "rating"}
    assert all(wanted <= {name for name, value in shipped.card().items() if value} for shipped in load_personas())
