"""Choices for pages of other writers come from the pages' own sentences."""

import pytest

from workers.functions.suggest_choices import ChoicesInputs, SuggestChoices
from workers.offline.page_choices import choices_from_page, quoted_choices

PAGE = (
    "You push the gate open. The stone is cold to the touch, and for a moment the silence of the night holds. "
    "A brass key lies on the altar. Behind it, the old lantern swings in the wind. Somebody has left a letter."
)
GERMAN = (
    "Du öffnest das Tor. Ein Messingschlüssel liegt auf dem Altar. Hinter ihm schwankt die alte Laterne im Wind. "
    "„Wer ist da?“, ruft jemand. Auf der Treppe liegt ein Brief ohne Siegel."
)
JAPANESE = "あなたは門を開ける。真鍮の鍵が祭壇の上にある。古いランタンが風に揺れている。階段に手紙が落ちている。"


def test_things_that_can_be_acted_on_are_taken() -> None:
    choices = choices_from_page(PAGE)
    assert len(choices) >= 2
    for choice in choices:
        assert any(noun in choice.text for noun in ("gate", "key", "altar", "lantern", "letter", "stone")), choice
    assert not any(word in choice.text for choice in choices for word in ("touch", "moment", "silence", "wind"))


@pytest.mark.parametrize("page", ["The stone is cold to the touch.", "You wait. And wait for the end of the night."])
def test_what_nobody_can_act_on_is_no_choice(page: str) -> None:
    assert not any(word in choice.text for choice in choices_from_page(page) for word in ("touch", "the end"))


@pytest.mark.parametrize("page", [GERMAN, JAPANESE])
def test_in_other_languages_sentences_are_quoted(page: str) -> None:
    choices = quoted_choices(page, 3)
    assert len(choices) == 3
    assert all(choice.text.strip("“”") in page for choice in choices)
    assert len({choice.kind for choice in choices}) == 3
    assert "ruft" not in "".join(choice.text for choice in choices)


def test_the_function_asks_for_the_storys_language() -> None:
    story = {
        "title": "", "premise": "ein Wächter", "genre": "", "language": "de", "rating": "sfw", "seed": 1, "variant": 0,
        "page_number": 5, "path": [], "pages": [],
    }  # fmt: skip
    offered = SuggestChoices().offline(ChoicesInputs.model_validate({**story, "page_text": GERMAN, "count": 3}))
    assert [choice.text.strip("“”") in GERMAN for choice in offered.choices] == [True] * 3
