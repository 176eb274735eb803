"""What is played: premises, cards, and what people say; and pages that are good, to which the gate must say nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

from prompts.personas import load_personas
from prompts.yaml_text import parse_yaml
from tests.workers.craft.passages import good_pages, made_up
from workers.craft.pages import PageFacts
from workers.offline.story import position_of, suggest_choices, write_page
from workers.trials.cases import SAID, ChatCase, StoryCase, chat_cases, story_cases

PASSAGES: Final = 60
"""Good pages that are public-domain prose and made of it; the others are the offline writer's."""
_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is played: premises, pages of each, cards, and turns with each."""

    premises: int
    pages: int
    cards: int
    turns: int
    good: int = 300
    """Good pages that are shown to the gate."""


WHOLE: Final = Amount(40, 4, 10, 10)
MEDIUM: Final = Amount(6, 2, 6, 2)
QUICK: Final = Amount(2, 2, 2, 2, good=60)


def cards() -> list[dict[str, Any]]:
    """Return the ten cards: those that ship, and short ones."""
    more: list[dict[str, Any]] = parse_yaml((_FOLDER / "cards.yaml").read_text(encoding="utf-8"))
    return [*(card.model_dump(mode="json") for card in load_personas()), *more]


def stories(amount: Amount, language: str, seed: int) -> list[StoryCase]:
    """Return the stories to be played."""
    return story_cases(amount.premises, language=language, seed=seed)


def chats(amount: Amount, language: str, seed: int) -> list[ChatCase]:
    """Return the chats to be played, in the language as far as somebody wrote down what people say in it."""
    said: dict[str, list[str]] = parse_yaml((_FOLDER / "said.yaml").read_text(encoding="utf-8"))
    keys = Random(seed).sample([card["key"] for card in cards()], amount.cards)
    return chat_cases(keys, amount.turns, said=said.get(language, SAID), language=language, seed=seed)


def good(count: int, seed: int) -> Iterator[tuple[str, PageFacts]]:
    """Yield good English pages, with what each is examined against: six earlier pages, or as many as there are."""
    whole = good_pages()["en"]
    passages = [*whole, *made_up(max(0, min(PASSAGES, count // 5) - len(whole)))][: count // 5]
    for text in passages:
        # What is made of the same paragraphs would rightly be taken for a copy.
        yield text, PageFacts()
    left = count - len(passages)
    for case in story_cases(-(-left // 7), seed=seed):
        earlier: list[str] = []
        path: list[dict[str, str]] = []
        for number in range(1, min(7, left) + 1):
            told = {
                "premise": case.premise,
                "genre": case.genre,
                "seed": case.seed,
                "page_number": number,
                "path": path,
            }
            position = position_of(told)
            page = write_page(position)
            yield page.text, PageFacts(premise=case.premise, earlier=earlier[-6:], ending=page.ending)
            earlier.append(page.text)
            choice = suggest_choices(position, 3, page.text)[number % 3]
            path.append({"text": choice.text, "kind": choice.kind})
            left -= 1
