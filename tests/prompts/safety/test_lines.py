"""Lines that are judged together: what one of them says is found in the whole, and what none says is not believed."""

import random
from importlib.resources import files

import yaml

from prompts.safety.check import Finding, scan
from prompts.safety.lines import MANY, as_one, groups, mergeable
from prompts.safety.lookalikes import AS_CYRILLIC, LIKE_CAPITAL, ORNAMENTAL
from prompts.safety.passages import PASSAGE
from tests.effort import times

CLEAN = Finding(minors=False, needs="sfw", forbidden=False)
ORDINARY = [
    "the gate opens",
    "at dawn",
    "she is",
    "12",
    "a",
    "x",
    "14 years",
    "old",
    "times",
    "Zoë",
    "girl",
    "un",
    "dress",
]


def terms() -> list[str]:
    """Words and phrases of all lists, written out, and pieces of them."""
    lists = yaml.safe_load((files("prompts") / "safety" / "terms.yaml").read_text("utf-8"))
    found: list[str] = []
    for value in lists.values():
        found += [each for each in value if isinstance(each, str)]
    plain = [each.replace("*", "").replace("#", "12").replace("<thing>", "ship") for each in found]
    return [each for each in plain if each.strip()]


def test_what_a_line_says_is_found_in_the_whole():
    dice, known = random.Random(5), terms()

    def piece() -> str:
        word = dice.choice(known)
        pieces = (word[: dice.randint(1, len(word))], word[dice.randrange(len(word)) :], " ".join(word), word[::-1])
        return dice.choice((*pieces, word, word, dice.choice(ORDINARY)))

    clean: list[str] = ORDINARY.copy()
    for _ in range(times(250, 20_000)):
        line = " ".join(piece() for _ in range(dice.randint(1, 4))).strip()
        if not mergeable(line):
            continue
        if scan(line) == CLEAN:
            clean.append(line)
            continue
        around = [dice.choices(clean[-200:], k=dice.randint(1, 3)) for _ in range(2)]
        assert scan(as_one([*around[0], line, *around[1]])) != CLEAN, (around, line)
    assert len(clean) > len(ORDINARY)


def test_only_plain_lines_are_joined_in_their_order_up_to_a_passage():
    plain = [f"Line {n} of the list, and more." for n in range(2 * MANY)]
    found = list(groups([*plain, "ch-ild", *plain]))
    assert [line for group in found for line in group] == [*plain, "ch-ild", *plain]
    assert ["ch-ild"] in found
    assert len(found) < 12
    assert max(len(as_one(group)) for group in found) <= PASSAGE
    assert list(groups(plain[:MANY])) == [[line] for line in plain[:MANY]]


def test_what_may_be_in_disguise_stands_alone():
    for line in ("ch-ild", "ch1ld", "chiiild", "nude!", "n.u.d.e", "don't", "сhild", "a|b", "@", "12th"):
        assert not mergeable(line), line
    for line in ("The gate opens.", "Élodie, 12", "门在黎明打开", "a b c"):
        assert mergeable(line), line


def test_japanese_and_chinese_letters_are_plain_but_for_those_that_look_like_others() -> None:
    blocks = ((0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FFF))
    disguises = LIKE_CAPITAL.keys() | ORNAMENTAL.keys() | AS_CYRILLIC.keys()
    codes = {code for first, last in blocks for code in range(first, last + 1)}
    assert {code for code in codes if mergeable(chr(code))} == codes - disguises
    assert not any(mergeable(chr(beside)) for first, last in blocks for beside in (first - 1, last + 1))
