"""The queries of `benchmarks.growth`: what events, workers, couriers, operators and the clean-up do all the time."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from benchmarks.growth_fill import PROBE
from db import chats, conversations, erasure, inbox, jobs, outbox, people, pictures, privacy, stories
from db.chats import StoredMessage
from db.connection import row, transaction
from db.payloads.story import PageReady
from db.people import Who
from db.records import columns, fetch_one
from db.stories import Story
from db.work import BranchingPage

Act = Callable[[], Awaitable[Any]]
Prepare = Callable[["World"], Awaitable[Act]]
_numbers = count(1)


class _Undo(Exception):
    """Rolls a transaction back."""


@asynccontextmanager
async def undone() -> AsyncGenerator[None]:
    """Run the block in a transaction that is rolled back at its end."""
    with suppress(_Undo):
        async with transaction():
            yield
            raise _Undo


@dataclass(frozen=True)
class World:
    """The probe: a person, a story of 100 pages, and the last reply of a long chat."""

    who: Who
    story: Story
    page: int
    reply: StoredMessage
    picture: int

    @classmethod
    async def find(cls) -> "World":
        """Read it from the database."""
        who = await person()
        (story,) = await stories.list_owned(who.account.id, who.user.id)
        assert story.cursor_id is not None
        reply = await fetch_one(
            StoredMessage,
            f"SELECT {columns(StoredMessage)} FROM chat_messages WHERE conversation_id = $1 AND role = 'persona' "
            "ORDER BY id DESC LIMIT 1",
            who.conversation.id,
        )
        picture = await row("SELECT id FROM pictures WHERE page_id = $1", story.cursor_id)
        assert reply is not None
        assert picture is not None
        return cls(who, story, story.cursor_id, reply, picture["id"])


async def person() -> Who:
    """Return the probe's person."""
    return await people.resolve(
        "telegram", account=("dm", PROBE, ""), user=(PROBE, "", ""), conversation=(PROBE, "", "dm")
    )


@dataclass(frozen=True)
class Case:
    """A query: ``prepare`` makes ready what is not measured and returns what is."""

    name: str
    prepare: Prepare


def _plain(name: str, act: Callable[[World], Awaitable[Any]]) -> Case:
    async def prepare(world: World) -> Act:
        return lambda: act(world)

    return Case(name, prepare)


def _choose(w: World) -> Awaitable[stories.Move]:
    return stories.choose(w.who.account.id, w.who.user.id, w.page, w.story.revision, 1)


async def _attach(w: World) -> Act:
    move = await _choose(w)
    choices = [("Open it", "bold"), ("Wait", "careful")]
    return lambda: stories.attach_page(move.page.id, title="A", text="The sea.", ending=False, choices=choices)


def _add_job(w: World) -> Awaitable[int]:
    return jobs.add(
        BranchingPage(page=w.page), account_id=w.who.account.id, user_id=w.who.user.id,
        conversation_id=w.who.conversation.id, event_key=f"bench:{next(_numbers)}", destination={"chat_id": PROBE},
    )  # fmt: skip


async def _claim_job(w: World) -> Act:
    job_id = await _add_job(w)
    return lambda: jobs.claim(job_id)


async def _claimed(w: World) -> jobs.Job:
    job = await jobs.claim(await _add_job(w))
    assert job is not None
    assert job.lease_token is not None
    return job


async def _save_artifact(w: World) -> Act:
    job = await _claimed(w)
    assert job.lease_token is not None
    token = job.lease_token
    return lambda: jobs.save_artifact(job.id, token, "write_page", "step", {"text": "The sea."})


async def _finish(w: World) -> Act:
    job = await _claimed(w)
    assert job.lease_token is not None
    token = job.lease_token
    return lambda: jobs.finish(job.id, token)


async def _position(w: World) -> Act:
    job_id = await _add_job(w)
    return lambda: jobs.outlook(job_id)


def _add_message(w: World) -> Awaitable[int | None]:
    return outbox.add(
        f"bench:{next(_numbers)}", outbox.REPLY, platform="telegram", conversation_id=w.who.conversation.id,
        payload=PageReady(page=w.page), destination={"chat_id": PROBE},
    )  # fmt: skip


async def _claim_message(w: World) -> Act:
    await _add_message(w)
    return lambda: outbox.claim("telegram", 64)


async def _sent(w: World) -> Act:
    await _add_message(w)
    (claimed, *_) = (await outbox.claim("telegram", 1)).rows
    return lambda: outbox.sent(claimed.row.id, claimed.token)


def _inputs(w: World) -> Awaitable[Any]:
    return stories.page_inputs(w.page)


def _prune(table: str) -> Case:
    return _plain(f"prune {table}, a batch", lambda _: privacy.prune((), tables=(table,), batches=1))


CASES: Final = (
    _plain("person of an event", lambda _: person()),
    _plain("record an event", lambda _: inbox.record(f"bench:{next(_numbers)}")),
    _plain("choose", _choose),
    Case("attach page", _attach),
    _plain("read a page", lambda w: stories.page(w.who.account.id, w.page)),
    _plain("what a page is written from", _inputs),
    _plain("list of stories", lambda w: stories.list_summaries(w.who.account.id, w.who.user.id)),
    _plain("number of stories", lambda w: stories.count_owned(w.who.account.id, w.who.user.id)),
    _plain("history of a chat", lambda w: chats.history(w.reply)),
    _plain("pictures: one", lambda w: pictures.get(w.who.account.id, w.picture)),
    _plain("jobs: add", _add_job),
    Case("jobs: claim", _claim_job),
    Case("jobs: save a step", _save_artifact),
    Case("jobs: finish", _finish),
    _plain("jobs: start the next", lambda _: jobs.claim_next("cpu", jobs.Room())),
    _plain("jobs: start aged work", lambda _: jobs.claim_next("cpu", jobs.Room(aged=True))),
    _plain("jobs: line up", lambda _: jobs.line_up("cpu")),
    _plain("jobs: reap", lambda _: jobs.reap()),
    _plain("jobs: end of waits", lambda _: jobs.wake_due()),
    Case("jobs: position", _position),
    _plain("status: load", lambda _: jobs.load()),
    _plain("status: jobs", lambda _: jobs.counts()),
    _plain("status: messages", lambda _: outbox.counts()),
    _plain("status: dead events", lambda _: inbox.dead_letters()),
    _plain("outbox: add", _add_message),
    Case("outbox: claim", _claim_message),
    Case("outbox: sent", _sent),
    _plain("outbox: message replied to", lambda w: outbox.row_of_message(w.who.account.id, PROBE, "p1")),
    _plain("chats to catch up", lambda _: conversations.watched("telegram")),
    _plain("delete a story of 100 pages", lambda w: stories.delete(w.who.account.id, w.who.user.id, w.story.id)),
    _plain("delete an account", lambda w: erasure.erase_account(w.who.account.id, ())),
    _prune("public.inbox"),
    _prune("public.outbox"),
    _prune("public.jobs"),
    _prune("public.artifacts"),
    _prune("public.ai_tasks"),
    _prune("public.pictures"),
)
