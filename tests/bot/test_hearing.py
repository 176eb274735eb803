"""Whether a message that nobody addressed to the bot is answered: by mode, keywords, chance and quiet hours."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.hearing import Overheard, answers, is_quiet, lot, names_any, zone_of
from db.channels import ChannelSettings

NOON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
TOLD = ChannelSettings(1, told=True)


def heard(text: str, event_id: str = "m1.2") -> Overheard:
    return Overheard("telegram", "1", "", event_id, text)


@pytest.mark.parametrize(
    ("mode", "text", "answered"),
    [
        ("mention", "anything", False),
        ("always", "anything", True),
        ("always", " \n ", False),
        ("always", " /roll 2d6", False),
        ("keywords", "who has the lamp?", True),
        ("keywords", "who has the lamps?", False),
    ],
)
def test_modes(mode: str, text: str, answered: bool):
    settings = replace(TOLD, mode=mode, keywords=("lamp",))  # type: ignore[arg-type]
    assert answers(settings, heard(text), NOON) is answered


def test_what_is_edited_may_have_been_answered_whatever_it_says_now():
    edit = replace(heard("nothing of note"), edited=True)
    settings = replace(TOLD, mode="keywords", keywords=("lamp",), quiet_from=0, quiet_to=1439)
    assert answers(settings, edit, NOON)
    assert not answers(replace(settings, mode="mention"), edit, NOON)
    assert not answers(replace(settings, told=False), edit, NOON)


@pytest.mark.parametrize("mode", ["always", "keywords", "probability"])
def test_no_mode_holds_before_the_channel_was_told(mode: str):
    settings = replace(TOLD, mode=mode, keywords=("lamp",), chance=100, told=False)  # type: ignore[arg-type]
    assert not answers(settings, heard("a lamp"), NOON)


def test_the_chance_is_decided_by_the_message_alone():
    lots = [lot(f"telegram:m1.{number}") for number in range(2000)]
    assert lots == [lot(f"telegram:m1.{number}") for number in range(2000)]
    assert 350 < sum(each < 20 for each in lots) < 450
    settings = replace(TOLD, mode="probability", chance=20)
    for number in range(50):
        message = heard("hello", f"m1.{number}")
        assert answers(settings, message, NOON) is (lots[number] < 20)
    assert all(answers(replace(settings, chance=100), heard("hello", f"m{n}"), NOON) for n in range(50))


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("lamp", "LAMP!", True),
        ("lamp", "clamp", False),
        ("lamp", "lamp_post", False),
        ("lamp", "lamp-post", True),
        ("lamp oil", "some Lamp Oil, please", True),
        ("lamp oil", "a lamp\n oil", True),
        ("lamp", "the __lamp__", True),
        ("lamp", "lamp__post", False),
        ("don't", "Don’t go", True),
        ("straße", "In der STRASSE", True),
        ("café", "un cafe\u0301 noir", True),
        ("cafe", "un café", False),
        ("ключ", "Где Ключ?", True),
        ("ключ", "ключи", False),
        ("مفتاح", "أين مفتاح؟", True),
        ("مفتاح", "مفتاحي", False),
        ("की", "की ओर", True),
        ("क", "की ओर", False),
        ("鍵", "鍵はどこ", True),
        ("ランプ", "そのランプを", True),
        ("กุญแจ", "หากุญแจไม่เจอ", True),
        ("กุญแ", "หากุญแจไม่เจอ", True),
        ("열쇠", "열쇠 어디", True),
        ("c++", "I write c++ here", True),
        ("ﬁre", "FIRE", True),
        ("🔥", "that is 🔥🔥", True),
        ("", "anything", False),
        ("lamp", "x" * 4000 + " lamp", False),
    ],
)
def test_keywords_are_whole_words_of_any_script(keyword: str, text: str, found: bool):
    assert names_any(text, ("unrelated", keyword)) is found


def test_a_hostile_text_is_searched_in_no_time():
    assert not names_any("a" * 200_000, tuple("a" * n for n in range(1, 31)))


@pytest.mark.parametrize(
    ("hours", "zone", "at", "quiet"),
    [
        ((22 * 60, 7 * 60), "UTC", "21:59", False),
        ((22 * 60, 7 * 60), "UTC", "22:00", True),
        ((22 * 60, 7 * 60), "UTC", "06:59", True),
        ((22 * 60, 7 * 60), "UTC", "07:00", False),
        ((9 * 60, 17 * 60), "UTC", "08:59", False),
        ((9 * 60, 17 * 60), "UTC", "09:00", True),
        ((9 * 60, 17 * 60), "UTC", "17:00", False),
        ((22 * 60, 7 * 60), "Asia/Tokyo", "13:30", True),
        ((22 * 60, 7 * 60), "-03:30", "01:29", False),
        ((22 * 60, 7 * 60), "-03:30", "01:30", True),
        ((22 * 60, 7 * 60), "+05:45", "16:15", True),
        ((22 * 60, 7 * 60), "Nowhere/Gone", "23:00", True),
        ((0, 0), "UTC", "00:00", False),
    ],
)
def test_quiet_hours(hours: tuple[int, int], zone: str, at: str, quiet: bool):
    settings = replace(TOLD, mode="always", quiet_from=hours[0], quiet_to=hours[1], quiet_zone=zone)
    now = datetime.fromisoformat(f"2026-01-05T{at}:00+00:00")
    assert is_quiet(settings, now) is quiet
    assert answers(settings, heard("hello"), now) is not quiet


def test_the_hours_follow_summer_time():
    settings = replace(TOLD, quiet_from=22 * 60, quiet_to=7 * 60, quiet_zone="Europe/Berlin")
    assert not is_quiet(settings, datetime(2026, 1, 5, 6, 30, tzinfo=UTC))
    assert is_quiet(settings, datetime(2026, 1, 5, 5, 30, tzinfo=UTC))
    assert not is_quiet(settings, datetime(2026, 7, 5, 5, 30, tzinfo=UTC))


def test_an_unknown_zone_is_utc():
    assert zone_of("../etc/passwd") is UTC
