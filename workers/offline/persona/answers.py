"""Which facts answer a question, the best first, and whether they say yes or no."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from workers.offline.persona.facts import CardFact
from workers.offline.persona.kinds import MessageRead
from workers.offline.persona.words import plain_words, stem, word_set

ENOUGH: Final = 2.5
ENOUGH_OF_OTHERS: Final = 3.5
ENOUGH_AGAIN: Final = 3.0
"""What a fact must be worth to be said: of something that has nothing to do with the persona, or once more, more."""
_RARE: Final = 2
_ASKED_SHARE: Final = 0.6
_GENERAL: Final = frozenset(
    map(
        stem,
        word_set(
            "like love enjoy hate dislike afraid fear believe want know ever last first favourite favorite often "
            "prefer care feel see good best live work people day time today find look old start"
        ),
    )
)
"""What is asked of anything: it does not say what a question is about."""
_OWN: Final = ("I ", "I'", "My ")
_ALL: Final = frozenset(map(stem, word_set("family relative parent sibling")))
_DENYING: Final = frozenset(map(stem, word_set("hate dislike afraid fear mind scared")))


def ranked(read: MessageRead, facts: Sequence[CardFact]) -> list[tuple[float, CardFact]]:
    """Return the facts that may answer, with what they are worth, the best first."""
    common = Counter(word for fact in facts for word in fact.words)
    least = ENOUGH if read.about == "persona" or read.kind in ("tell", "statement") else ENOUGH_OF_OTHERS
    valued = [(worth(read, fact, common), fact) for fact in facts]
    found = [(value, fact) for value, fact in valued if value >= least]
    return sorted(found, key=lambda each: -each[0])


def worth(read: MessageRead, fact: CardFact, common: Counter[str]) -> float:
    """Return how well a fact answers a question: words, what is asked about a person, fields of things."""
    shared = (read.words - _GENERAL) & fact.words
    of_user = "user" in fact.aspects
    if of_user != (read.about == "user") and not (of_user and shared):
        return 0
    if (
        read.kind == "yesno"
        and read.aspect == "family"
        and not (shared or read.topics & fact.topics or _ALL & read.words)
    ):
        # Who asks for a sister does not ask for a grandmother.
        return 0
    if read.kind == "how_many" and not (fact.gives("how_many") and (shared or read.aspect in fact.aspects)):
        return 0
    own = of_user or fact.text.startswith(_OWN) or fact.source not in ("lore", "memory")
    value = sum(3.0 if common[word] <= _RARE else 2.0 for word in shared)
    value += 0.5 * len((read.words & _GENERAL) & fact.words)
    if own and (read.about != "other" or read.kind == "tell"):
        value += 3.0 if read.aspect and read.aspect in fact.aspects else 0
        value += (2.0 if of_user else 1.0) * len(read.aspects & fact.aspects - {read.aspect})
        value += 1.5 * len(read.topics & fact.topics)
        if read.aspect == "likes" and read.topics and not (shared or read.topics & fact.topics):
            # Somebody's favourite food is none of the other things that they like.
            return 0
    else:
        value += 0.5 * len(read.topics & fact.topics)
    asked = read.words & fact.asked
    if asked and len(asked) >= _ASKED_SHARE * max(len(read.words), len(fact.asked)):
        value += 8
    if read.past and shared and fact.past:
        value += 0.0 if fact.negative else 1.5
    if value and fact.gives(read.kind):
        value += 1.5
    if value and fact.source == "voice" and not shared and not (read.topics & fact.topics):
        return 0
    return value


def _kin(read: MessageRead, fact: CardFact) -> bool:
    """Return whether a fact of the family has to do with those whom a question names, if it names any."""
    return bool(_ALL & read.words or read.topics & fact.topics)


def says(read: MessageRead, fact: CardFact) -> str:
    """Return "yes" or "no" if a fact plainly answers a question so, else "yesno": it only has to do with it."""
    core = read.words - _GENERAL
    if not core or not core <= fact.words or fact.own or fact.text.startswith("I once "):
        return "yesno"
    if not fact.text.startswith(_OWN) and "likes" not in fact.aspects:
        return "yesno"
    refuses = "dislikes" in fact.aspects or "fears" in fact.aspects
    if fact.negative and not refuses:
        return "yesno"
    return "yes" if bool(read.words & _DENYING) == refuses else "no"


def options_known(read: MessageRead, facts: Sequence[CardFact]) -> tuple[int, CardFact] | None:
    """Return which of the options that a question leaves a card speaks for, and the fact that does."""
    for at, option in enumerate(read.options):
        words = frozenset(map(stem, option.lower().split())) - _GENERAL
        for fact in facts:
            if words and words <= fact.words and not fact.negative and fact.source != "voice":
                return at, fact
    return None


def after(said: str, facts: Sequence[CardFact]) -> list[CardFact]:
    """Return the facts that go on from what was said last: what stands behind it, or shares its words."""
    told = plain_words(said)
    last = [at for at, fact in enumerate(facts) if plain_words(fact.text) in told]
    if not last:
        return []
    at = last[-1]
    here = facts[at]
    near = [fact for fact in facts[at + 1 : at + 4] if fact.source == here.source and not fact.own]
    kin = [fact for fact in facts if fact is not here and fact not in near and len(fact.words & here.words) >= 2]
    return near + kin
