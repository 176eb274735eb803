"""Decides about passages: by the word list, which no classifier overrules where minors are concerned, and by these."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from db.moderation import Rule
from prompts.safety.check import Finding, scan
from prompts.safety.lines import as_one, groups
from prompts.safety.passages import passages, short_whole
from prompts.safety.rating import Rating, exceeds, highest
from workers.moderation.base import Assessment, ClassifierFailed, TextClassifier
from workers.moderation.cache import HashedCache

TIMEOUT_SECONDS: Final = 30.0
"""A classifier that takes longer has not consented."""
_INLINE: Final = 1000
"""Longer texts are searched in a thread: about 2 ms per 1,000 characters."""
_AT_ONCE: Final = 5_000
"""Characters, with some for each text, that are searched inline before others have their turn: about 10 ms."""
_PER_TEXT: Final = 100
"""What a short text costs besides its characters, in characters."""
_CUT_INLINE: Final = 100_000
"""Longer texts are cut into passages in a thread."""
_NOTHING: Final = Finding(minors=False, needs="sfw", forbidden=False)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a call may contain. ``minors``: somebody young is in it, so that nothing sexual is allowed."""

    rating: Rating
    minors: bool = False


@dataclass(frozen=True, slots=True)
class _Opinion:
    """What the classifiers together say; ``sure`` is False if one of them failed."""

    assessment: Assessment
    sure: bool


@dataclass
class Moderator:
    """Assesses passages. ``classifiers`` must all consent; without any, nothing for adults is allowed."""

    classifiers: Sequence[TextClassifier] = ()
    _findings: HashedCache[Finding] = field(default_factory=HashedCache[Finding])
    _opinions: HashedCache[_Opinion] = field(default_factory=HashedCache[_Opinion])
    _searched: int = 0

    @property
    def servers(self) -> list[str]:
        """The servers to which texts are sent to be judged."""
        found = (getattr(classifier, "server", "") for classifier in self.classifiers)
        return [server for server in found if isinstance(server, str) and server]

    async def terms(self, rating: Rating, texts: Iterable[str]) -> Terms:
        """Return what is allowed where ``rating`` is and ``texts`` are all that is in play.

        With somebody young among them it is sfw, as for pictures. For nsfw somebody must be said to be of age, and a
        classifier must be there to consent.
        """
        adults = False
        for text in texts:
            for group in await _grouped(text):
                if len(group) > 1 and await self._finding(as_one(group)) == _NOTHING:
                    continue
                for each in group:
                    found = await self._finding(each)
                    if found.minors:
                        return Terms("sfw", minors=True)
                    adults = adults or found.adults
        if rating == "nsfw" and not (self.classifiers and adults):
            return Terms("suggestive")
        return Terms(rating)

    async def problem(self, text: str, terms: Terms) -> Rule | None:
        """Return which rule refuses a text, None if it may pass."""
        if (whole := short_whole(text)) is not None and (await self._finding(whole)).forbidden:
            return "minors"
        for group in await _grouped(text):
            # Without a word of the list in any of them, lines are judged as the passage that they make together.
            as_passage = len(group) > 1 and await self._finding(as_one(group)) == _NOTHING
            for passage in ["\n".join(group)] if as_passage else group:
                finding = _NOTHING if as_passage else await self._finding(passage)
                if (rule := await self._refuses(passage, terms, finding)) is not None:
                    return rule
        return None

    async def fit(self, texts: Iterable[str], terms: Terms) -> dict[str, bool]:
        """Return of every passage of some texts whether it may pass."""
        every = dict.fromkeys([each for text in texts for each in await _cut(text)])
        return {each: await self._refuses(each, terms, await self._finding(each)) is None for each in every}

    async def _refuses(self, passage: str, terms: Terms, finding: Finding) -> Rule | None:
        if finding.forbidden or (terms.minors and finding.needs == "nsfw"):
            return "minors"
        opinion = await self._opinion(passage) if self.classifiers else None
        if opinion is None:
            return "rating" if exceeds(finding.needs, terms.rating) else None
        if opinion.assessment.minors:
            return "minors"
        # Without their consent only what the word list takes for harmless passes.
        allowed = terms.rating if opinion.sure else "sfw"
        # The list's suggestive words are a hint that they may overrule; its explicit ones are not.
        needs = opinion.assessment.rating if opinion.sure and finding.needs != "nsfw" else finding.needs
        if exceeds(needs, allowed) or exceeds(opinion.assessment.rating, allowed):
            return "minors" if terms.minors and needs == "nsfw" else "rating"
        return None

    async def _finding(self, passage: str) -> Finding:
        if (known := self._findings.get(passage)) is None:
            known = scan(passage) if len(passage) < _INLINE else await asyncio.to_thread(scan, passage)
            self._findings.put(passage, known)
        # A document may have 100,000 lines: between them leases are renewed and others are served.
        self._searched += len(passage) + _PER_TEXT
        if self._searched > _AT_ONCE:
            self._searched = 0
            await asyncio.sleep(0)
        return known

    async def _opinion(self, passage: str) -> _Opinion:
        if (known := self._opinions.get(passage)) is not None:
            return known
        found = [await self._ask(classifier, passage) for classifier in self.classifiers]
        sure = [each for each in found if each is not None]
        opinion = _Opinion(
            Assessment(highest(*(each.rating for each in sure)), any(each.minors for each in sure)),
            sure=len(sure) == len(found),
        )
        if opinion.sure:  # what failed is asked again
            self._opinions.put(passage, opinion)
        return opinion

    async def _ask(self, classifier: TextClassifier, passage: str) -> Assessment | None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await classifier.assess(passage)
        except (ClassifierFailed, TimeoutError) as e:
            _log.warning("classifier %s gives no result: %s", classifier.name, e)
        except Exception as e:  # noqa: BLE001 - it may be a package's; its message may quote the text
            _log.warning("classifier %s gives no result: %s", classifier.name, type(e).__name__)
        return None

    async def close(self) -> None:
        """Close the classifiers, even if one of them fails to."""
        results = await asyncio.gather(*(each.close() for each in self.classifiers), return_exceptions=True)
        for classifier, result in zip(self.classifiers, results, strict=True):
            if isinstance(result, Exception):
                _log.warning("classifier %s cannot be closed: %s", classifier.name, type(result).__name__)


async def _cut(text: str) -> list[str]:
    """Return the passages of a text."""
    return passages(text) if len(text) <= _CUT_INLINE else await asyncio.to_thread(passages, text)


async def _grouped(text: str) -> list[list[str]]:
    """Return the passages of a text, short ones that may be searched together in groups."""
    found = await _cut(text)
    if len(text) <= _CUT_INLINE:
        return list(groups(found))
    return await asyncio.to_thread(lambda: list(groups(found)))
