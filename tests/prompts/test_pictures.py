"""Styles, sizes and qualities: the files are whole, and harmless."""

from prompts.pictures import nearest_size, negatives, phrases, qualities, quality, size, sizes, style, styles
from prompts.safety.check import scan
from prompts.safety.rating import RATINGS


def test_defaults_stand_first_and_stand_in_for_the_unknown() -> None:
    assert style("no such style") is next(iter(styles().values()))
    assert (size("").width, size("").height) == (1024, 1024)
    assert quality("gone").key == "standard"


def test_sizes_are_about_a_megapixel() -> None:
    assert all(0.9 < each.width * each.height / 2**20 < 1.1 for each in sizes().values())
    assert nearest_size(1920, 1080).key == "cinema"
    assert nearest_size(300, 300).key == "square"
    assert nearest_size(9, 16).key == "phone"


def test_better_quality_takes_more_steps() -> None:
    assert qualities()["draft"].steps < qualities()["standard"].steps < qualities()["hd"].steps
    few = qualities()["draft"].few_step
    assert few is not None
    assert few.steps == 4


def test_every_rating_has_its_negative_prompt() -> None:
    assert set(negatives().ratings) == set(RATINGS)
    for rating in ("suggestive", "nsfw"):
        assert {"child", "underage"} <= set(negatives().ratings[rating].split(", "))
    assert "nude" in negatives().ratings["sfw"]


def test_what_is_added_to_prompts_is_harmless() -> None:
    for each in styles().values():
        for text in (each.words, *each.finish):
            assert scan(text).needs == "sfw", text
            assert not scan(text).minors, text
    found = phrases()
    for text in (*found.subjects, *found.compositions, *found.details, *(mood.light for mood in found.moods)):
        assert scan(text).needs == "sfw", text
        assert not scan(text).minors, text
