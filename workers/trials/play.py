"""Plays a trial: real jobs by the real workflows, in a database that holds nothing else."""

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any, Final, TypeVar

from db import chats, jobs, personas, stories, usage
from db.chats import Exchange
from db.connection import transaction
from db.jobs import Job
from db.people import Who, resolve
from db.usage import FunctionRun
from db.work import BranchingPage, Imagine, JobParameters, PersonaReply
from workers.functions.engine import CallContext, FunctionEngine
from workers.functions.write_image_prompt import SCENE_LIMIT, ImagePromptInputs, WriteImagePrompt
from workers.progress import Tracker
from workers.runner import Runner
from workers.services import Services
from workers.trials.cases import ChatCase, StoryCase

T = TypeVar("T")
PLATFORM: Final = "console"


class TrialFailed(Exception):
    """A job of a trial did not end well; the message says why."""

    loggable = True


@dataclass(frozen=True, slots=True)
class PlayedPage:
    """A page as a reader gets it, and how it and its choices came about. ``taken`` is the choice that led to it."""

    title: str
    text: str
    ending: bool
    choices: tuple[str, ...]
    taken: str
    runs: tuple[FunctionRun, ...]


@dataclass(frozen=True, slots=True)
class PlayedReply:
    """A reply as a person gets it, what it answers, and how it came about."""

    persona: str
    said: str
    text: str
    runs: tuple[FunctionRun, ...]


class TrialPlayer:
    """Plays stories and chats on a worker's services, each by somebody new."""

    def __init__(self, services: Services) -> None:
        """The database is connected and has its tables; shipped personas are there."""
        self._services = services
        self._runner = Runner(services, 1)
        self._numbers = count(1)

    async def story(self, case: StoryCase, pages: int) -> list[PlayedPage]:
        """Play a story: which choice is taken depends on its seed. It may end earlier. Raises `TrialFailed`."""
        who, played = await self._somebody(case.language), list[PlayedPage]()
        dice = Random(case.seed)  # noqa: S311  drawn again by the same seed
        async with transaction():
            move = await stories.create(
                account_id=who.account.id,
                owner_id=who.user.id,
                conversation_id=who.conversation.id,
                premise=case.premise,
                genre=case.genre,
                language=case.language,
                verdict="checked",
                seed=case.seed,
            )
        taken = ""
        while True:
            runs = await self._done(who, BranchingPage(page=move.page.id))
            found = await stories.page(who.account.id, move.page.id)
            if found is None or found[1].state != "ready":
                raise TrialFailed(f"page {move.page.number} was not written")
            story, page, choices = found
            texts = tuple(choice.text for choice in choices)
            played.append(PlayedPage(page.title, page.text, page.ending, texts, taken, runs))
            if len(played) == pages or page.ending or not choices:
                return played
            choice = dice.choice(choices)
            taken = choice.text
            async with transaction():
                move = await stories.choose(who.account.id, who.user.id, page.id, story.revision, choice.position)

    async def chats(self, cases: Sequence[ChatCase], parallel: int = 1) -> list[list[PlayedReply]]:
        """Play chats turn by turn, up to ``parallel`` replies at a time. Raises `TrialFailed`.

        Messages are stored in the order of the cases: their ids are the seeds of the replies.
        """
        people = [await self._somebody(case.language) for case in cases]
        played: list[list[PlayedReply]] = [[] for _ in cases]
        for turn in range(max((len(case.messages) for case in cases), default=0)):
            asked = [
                (at, await self._say(people[at], case.persona, case.messages[turn]))
                for at, case in enumerate(cases)
                if turn < len(case.messages)
            ]
            replies = await together(parallel, [self._reply(people[at], exchange) for at, exchange in asked])
            for (at, _), reply in zip(asked, replies, strict=True):
                played[at].append(reply)
        return played

    async def _say(self, who: Who, persona: str, text: str) -> Exchange:
        async with transaction():
            found = await personas.named(who.account.id, persona)
            return await chats.say(who.conversation, found, who.user.id, text, "checked")

    async def _reply(self, who: Who, exchange: Exchange) -> PlayedReply:
        runs = await self._done(who, PersonaReply(reply=exchange.reply.id))
        found = await chats.get(who.account.id, exchange.reply.id)
        if found is None or found[0].state != "ready":
            raise TrialFailed("a persona did not answer")
        reply, persona = found
        return PlayedReply(persona.name, exchange.said.text, reply.text, runs)

    async def _somebody(self, language: str) -> Who:
        name = f"trial-{next(self._numbers)}"
        return await resolve(
            PLATFORM,
            account=("console", name, name),
            user=(name, "Sam", language),
            conversation=(name, "", "dm"),
        )

    async def picture_prompt(self, scene: str) -> tuple[FunctionRun, ...]:
        """Have the prompt for a picture of a scene written; there need be nobody who draws it."""
        who = await self._somebody("en")
        job = await self._claimed(who, Imagine(prompt=scene[:SCENE_LIMIT]))
        caller = CallContext(Tracker(job, self._services.queue), who.account.id)
        await FunctionEngine(self._services).run(
            WriteImagePrompt(), ImagePromptInputs(scene=scene[:SCENE_LIMIT]), caller
        )
        return await usage.runs_of(job.id)

    async def _done(self, who: Who, parameters: JobParameters) -> tuple[FunctionRun, ...]:
        """Have a job done, and return what its functions noted. Raises `TrialFailed`."""
        job = await self._claimed(who, parameters)
        await self._runner.run(job)
        ended = await jobs.get(job.id)
        if ended is None or ended.state not in {"done", "waiting"}:
            raise TrialFailed("the job is gone" if ended is None else f"{ended.state}: {ended.error}")
        return await usage.runs_of(job.id)

    async def _claimed(self, who: Who, parameters: JobParameters) -> Job:
        async with transaction():
            job_id = await jobs.add(
                parameters,
                account_id=who.account.id,
                user_id=who.user.id,
                conversation_id=who.conversation.id,
                event_key=f"{PLATFORM}:trial:{next(self._numbers)}",
                destination={"chat_id": who.conversation.chat_id},
            )
        job = await jobs.claim(job_id)
        assert job is not None
        return job


async def together(parallel: int, work: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order; up to ``parallel`` are worked on at a time. The first error ends them all."""
    room = asyncio.Semaphore(parallel)

    async def one(each: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await each

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(each)) for each in work]
    return [task.result() for task in tasks]
