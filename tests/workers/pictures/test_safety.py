"""Before a picture is drawn, and after."""

import pytest

from db.errors import NotAllowed
from prompts.safety.rating import Rating
from workers.pictures.safety import Clearance, SafetySettings, Verdict, check_prompt, verdict


def test_the_lowest_rating_counts() -> None:
    assert check_prompt("a castle", rating="nsfw", allowance="nsfw", classifier=True).rating == "nsfw"
    assert check_prompt("a castle", rating="nsfw", allowance="sfw", classifier=True).rating == "sfw"
    assert check_prompt("a castle", rating="suggestive", allowance="nsfw", classifier=True).rating == "suggestive"


def test_without_a_classifier_nsfw_is_off_and_strict_means_nothing() -> None:
    assert check_prompt("a castle", rating="nsfw", allowance="nsfw", classifier=False).rating == "suggestive"
    with pytest.raises(NotAllowed) as refused:
        check_prompt("a nude adult", rating="nsfw", allowance="nsfw", classifier=False)
    assert refused.value.key == "picture.refused_rating"
    with pytest.raises(NotAllowed) as refused:
        check_prompt("a castle", rating="sfw", allowance="sfw", classifier=False, settings=SafetySettings(strict=True))
    assert refused.value.key == "picture.no_classifier"


def test_young_people_are_always_drawn_harmless() -> None:
    found = check_prompt("a child in the park", rating="nsfw", allowance="nsfw", classifier=True)
    assert found == Clearance("sfw", minors=True)
    with pytest.raises(NotAllowed) as refused:
        check_prompt("a card of somebody aged 15", "nude", rating="nsfw", allowance="nsfw", classifier=True)
    assert refused.value.key == "picture.refused_minors"


@pytest.mark.parametrize(
    ("clearance", "unsafe", "action"),
    [
        (Clearance("sfw"), 0.0, "show"),
        (Clearance("sfw"), 0.4, "hide"),
        (Clearance("sfw"), 0.7, "refuse"),
        (Clearance("suggestive"), 0.4, "show"),
        (Clearance("suggestive"), 0.7, "hide"),
        (Clearance("suggestive"), 0.95, "refuse"),
        (Clearance("nsfw"), 0.1, "show"),
        (Clearance("nsfw"), 0.99, "hide"),
        (Clearance("sfw", minors=True), 0.1, "show"),
        (Clearance("sfw", minors=True), 0.25, "refuse"),
        (Clearance("sfw"), None, "show"),
        (Clearance("suggestive"), None, "hide"),
        (Clearance("nsfw"), None, "refuse"),
        (Clearance("nsfw"), float("nan"), "refuse"),
        (Clearance("nsfw"), -1.0, "refuse"),
    ],
)
def test_what_the_classifier_decides(clearance: Clearance, unsafe: float | None, action: Verdict) -> None:
    assert verdict(clearance, unsafe) == action


def test_strict_refuses_what_nobody_looked_at() -> None:
    assert verdict(Clearance("sfw"), None, SafetySettings(strict=True)) == "refuse"


@pytest.mark.parametrize(
    ("rating", "unsafe", "young", "expected"),
    [
        ("nsfw", 0.9, 0.0, "hide"),
        ("nsfw", 0.9, 0.3, "refuse"),
        ("nsfw", 0.0, 0.9, "refuse"),
        ("suggestive", 0.1, 0.5, "refuse"),
        ("sfw", 0.1, 0.9, "show"),  # a picture of a child
        ("sfw", 0.25, 0.9, "refuse"),
        ("sfw", 0.25, float("nan"), "refuse"),
    ],
)
def test_somebody_young_in_the_picture(rating: Rating, unsafe: float, young: float, expected: str) -> None:
    assert verdict(Clearance(rating), unsafe, young=young) == expected
