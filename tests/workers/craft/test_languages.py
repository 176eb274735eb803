"""Good texts in every language that is offered: public-domain prose recast for "you", choices and replies. All pass."""

import pytest

from prompts.languages import LANGUAGES
from tests.workers.craft.passages import good_texts
from workers.craft.choices import ChoiceFacts, ExaminedChoice, examine_choices
from workers.craft.pages import PageFacts, examine_page, shown_page
from workers.craft.replies import ReplyFacts, examine_reply
from workers.craft.settings import CraftSettings

SETTINGS = CraftSettings()
OTHERS = [tag for tag in LANGUAGES if tag != "en"]


def checks(findings: tuple[object, ...]) -> list[str]:
    return [getattr(each, "check", "") for each in findings]


@pytest.mark.parametrize("language", OTHERS)
def test_good_pages_pass(language: str) -> None:
    pages = good_texts(language).pages
    assert len(pages) >= 8
    failed = {
        at: found
        for at, page in enumerate(pages)
        if (found := checks(examine_page(page, PageFacts(language=language, earlier=pages[:at]), SETTINGS).failed))
    }
    assert failed == {}
    # While it is written, all of it is shown that is whole.
    assert shown_page(pages[0], PageFacts(language=language), SETTINGS) == pages[0].strip()


@pytest.mark.parametrize("language", OTHERS)
def test_good_choices_pass(language: str) -> None:
    texts = good_texts(language)
    assert len(texts.choices) >= 4
    kinds = ("bold", "careful", "curious")
    facts = ChoiceFacts(page="\n\n".join(texts.pages), language=language)
    failed = [
        (offered, found)
        for offered in texts.choices
        if (
            found := checks(
                examine_choices(
                    [ExaminedChoice(text, kind) for text, kind in zip(offered, kinds, strict=True)], facts, SETTINGS
                ).failed
            )
        )
    ]
    assert failed == []


@pytest.mark.parametrize("language", OTHERS)
def test_good_replies_pass(language: str) -> None:
    replies = good_texts(language).replies
    assert len(replies) >= 4
    facts = [
        ReplyFacts(name="Vex", user="Sam", language=language, message="?", earlier=replies[:at])
        for at in range(len(replies))
    ]
    failed = [
        (reply, found)
        for reply, each in zip(replies, facts, strict=True)
        if (found := checks(examine_reply(reply, each, SETTINGS).failed))
    ]
    assert failed == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_page_in_another_language_does_not(language: str) -> None:
    page = good_texts(language).pages[0]
    for asked in {"en", "de", "ja"} - {language}:
        assert "language" in checks(examine_page(page, PageFacts(language=asked), SETTINGS).failed)
