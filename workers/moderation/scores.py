"""What a model's labels and scores mean for us."""

from collections.abc import Mapping
from typing import Final

from prompts.safety.rating import Rating
from workers.moderation.base import Assessment, ClassifierFailed

NSFW_SCORE: Final = 0.5
SUGGESTIVE_SCORE: Final = 0.2
MINORS_SCORE: Final = 0.1
"""From these scores on a text is nsfw, is suggestive, sexualises minors; the last errs on refusing."""
_MINORS: Final = frozenset({"s3", "csam"})
_SEXUAL: Final = frozenset({"s", "sex", "sexual", "nsfw", "explicit", "erotic", "porn", "pornography", "adult"})
_SEPARATORS: Final = str.maketrans("/_-", "   ")


def is_minors(label: str) -> bool:
    """Return whether a label stands for sexual content with minors."""
    words = label.lower().translate(_SEPARATORS).split()
    sexual = any(word in _SEXUAL for word in words)
    return any(word in _MINORS for word in words) or (sexual and any(w.startswith(("minor", "child")) for w in words))


def is_sexual(label: str) -> bool:
    """Return whether a label stands for sexual content of any kind."""
    words = label.lower().translate(_SEPARATORS).split()
    negated = any(word in {"not", "non", "no", "safe"} for word in words)
    return is_minors(label) or (not negated and any(word in _SEXUAL for word in words))


def assessment(scores: Mapping[str, float]) -> Assessment:
    """Return what scores mean. Raises `ClassifierFailed` if no label is about sexual content."""
    sexual = [score for label, score in scores.items() if is_sexual(label)]
    if not sexual:
        raise ClassifierFailed("none of its labels is about sexual content")
    if any(not 0 <= score <= 1 for score in sexual):
        raise ClassifierFailed("its scores are no probabilities")
    minors = max((score for label, score in scores.items() if is_minors(label)), default=0.0)
    highest = max(sexual)
    rating: Rating = "nsfw" if highest >= NSFW_SCORE else "suggestive" if highest >= SUGGESTIVE_SCORE else "sfw"
    return Assessment(rating, minors=minors >= MINORS_SCORE)
