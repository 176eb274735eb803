"""The gate of one run of an AI function: its inputs, what is shown while it writes, and its output."""

import asyncio
import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel

from db import moderation
from db.moderation import ModerationPolicy, Rule, Stage, TextRefused
from prompts.safety.passages import finished, redacted, texts_of
from prompts.safety.rating import RATING_WORDS, RATINGS, Rating
from workers.moderation.moderator import Moderator, Terms
from workers.progress import Tracker
from workers.queue import Queue, outbox_channel

M = TypeVar("M", bound=BaseModel)
_SENTENCE: Final = re.compile(r"(?:[.!?…][\"'”’»)*]*\s|[。！？][」』”]?)")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Gated:
    """An AI function as its gate sees it: its name, and fields with rules of their own.

    Of ``material``, earlier texts, what goes beyond the terms is left out. ``unchecked`` is not read.
    """

    name: str
    material: frozenset[str] = frozenset()
    unchecked: frozenset[str] = frozenset()


class Gate:
    """Checks everything that goes into one run of a function and comes out of it."""

    def __init__(
        self,
        moderator: Moderator,
        policy: ModerationPolicy,
        queue: Queue,
        tracker: Tracker,
        function: Gated,
        rating: Rating,
    ) -> None:
        """``rating`` is the lowest of the story or persona, the place and the account."""
        self._moderator, self._policy, self._queue = moderator, policy, queue
        self._tracker, self._function = tracker, function
        self._without = function.unchecked
        self.terms = Terms(rating)
        self._context: list[str] = []
        self._cleared, self._refused = "", False
        self._checking: asyncio.Task[None] | None = None

    @property
    def rating_word(self) -> str:
        """What the prompt is told of the rating."""
        return RATING_WORDS[self.terms.rating]

    def lower(self) -> None:
        """Ask for less: nothing sexual at all."""
        self.terms = Terms("sfw", minors=self.terms.minors)

    async def admit(self, inputs: M) -> M:
        """Return the inputs that may be sent to a model. Raises `db.moderation.TextRefused`.

        Of the function's material (earlier texts), what goes beyond the terms is left out; anything else is refused.
        """
        data = inputs.model_dump()
        material = {name: data[name] for name in self._function.material if name in data}
        own = texts_of({name: each for name, each in data.items() if name not in material}, self._without)
        earlier = texts_of(material, self._without)
        self._context = [*own, *earlier]
        self.terms = await self._moderator.terms(self.terms.rating, self._context)
        for text in own:
            if (rule := await self._moderator.problem(text, self.terms)) is not None:
                raise await self._incident(rule, "input", [text])
        allowed = await self._moderator.fit(earlier, self.terms)
        if all(allowed.values()):
            return inputs
        return type(inputs).model_validate({**data, **redacted(material, allowed)})

    async def admit_text(self, text: str) -> None:
        """Raise `db.moderation.TextRefused` unless a stored text may reach a prompt."""
        self._context = [text]
        self.terms = await self._moderator.terms(self.terms.rating, self._context)
        if (rule := await self._moderator.problem(text, self.terms)) is not None:
            raise await self._incident(rule, "stored", [text])

    async def rating_of(self, text: str) -> Rating:
        """Return the lowest rating for which an admitted text may be shown."""
        for rating in RATINGS[: RATINGS.index(self.terms.rating)]:
            if await self._moderator.problem(text, Terms(rating, minors=self.terms.minors)) is None:
                return rating
        return self.terms.rating

    async def refuses(self, output: BaseModel) -> TextRefused | None:
        """Return why an output may not be stored or shown, None if it may."""
        texts = texts_of(output.model_dump(), self._without)
        terms = await self._moderator.terms(self.terms.rating, (*self._context, *texts))
        for text in texts:
            if (rule := await self._moderator.problem(text, terms)) is not None:
                return await self._incident(rule, "output", [text])
        return None

    def shown(self, text: str) -> str:
        """Return the part of an unfinished answer that is checked, and have more of it checked.

        It is checked by paragraphs; where the word list alone decides, the last one by sentences.
        """
        if not text.startswith(self._cleared):
            self._cleared, self._refused = "", False  # another engine began anew
        end = finished(text)
        if not self._moderator.classifiers and self.terms.rating == "sfw":
            end = max((match.end() for match in _SENTENCE.finditer(text, end)), default=end)
        if end > len(self._cleared) and not self._refused and (self._checking is None or self._checking.done()):
            self._checking = asyncio.create_task(self._check(text[:end], self._cleared))
        return self._cleared.rstrip()

    async def close(self) -> None:
        """Stop checking."""
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.wait([self._checking])

    async def _check(self, text: str, cleared: str) -> None:
        try:
            terms = await self._moderator.terms(self.terms.rating, (*self._context, text))
            problem = await self._moderator.problem(text[finished(cleared) :], terms)
        except Exception as e:  # noqa: BLE001 - the finished answer is checked again
            _log.warning("an unfinished answer cannot be checked: %s", type(e).__name__)
            problem = "rating"
        if self._cleared == cleared:
            self._cleared, self._refused = (text, False) if problem is None else (cleared, True)

    async def _incident(self, rule: Rule, stage: Stage, texts: Iterable[str]) -> TextRefused:
        refused = TextRefused(
            rule,
            stage=stage,
            field=self._function.name,
            texts=texts,
            rating=self.terms.rating,
        )
        job = self._tracker.job
        platforms = await moderation.note(
            refused,
            self._policy,
            source=f"job:{job.id}",
            account_id=job.account_id,
            user_id=job.user_id,
            conversation_id=job.conversation_id,
        )
        for platform in platforms:
            await self._queue.publish(outbox_channel(platform))
        return refused
