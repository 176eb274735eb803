"""Bring what is new into the archive: pages, messages and facts, and their vectors where an embedder is configured."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from db.errors import NotFound, describe
from db.memory import indexing, memories, scopes, vectors
from db.memory.memories import MemoryRecord
from db.memory.scopes import ArchiveScope
from workers.engines.errors import EngineError
from workers.steps.base import Run, Step
from workers.steps.memory.calls import busy
from workers.steps.memory.recall import recalled

BATCHES: Final = 20
"""Batches of one run, of each kind: what is left is done by the next."""
_log = logging.getLogger(__name__)


class Indexed(BaseModel):
    """What a run brought into the archive. ``more``: some is left."""

    texts: int = 0
    facts: int = 0
    vectors: int = 0
    more: bool = False


class IndexPast(Step):
    """Index what the archive of a story or chat lacks. People come first; all of it may be repeated."""

    name: ClassVar[str] = "index_past"

    async def run(self, run: Run) -> dict[str, Any]:
        """Return `Indexed`."""
        now = await recalled(run)
        account, memory, done = run.job.account_id, now.memory, Indexed()
        if account is None:
            return done.model_dump()
        scope = scope_of(memory)
        try:
            done.texts = await _batches(done, lambda: _index_texts(account, memory, now.language))
            done.facts = await _batches(done, lambda: indexing.index_facts(account, scope, language=now.language))
            # Documents belong to no memory: whoever comes first does them too.
            of_account = [*await scopes.find(account, [scope]), *await scopes.of_documents(account)]
        except NotFound:
            return done.model_dump()  # it was deleted meanwhile
        await _embed(run, done, list(dict.fromkeys(of_account)))
        if done.more:
            await memories.continue_soon(memory.id)
        return done.model_dump()


def scope_of(memory: MemoryRecord) -> ArchiveScope:
    """Return where the archive has what a memory is made from."""
    if memory.story_id is not None:
        return ArchiveScope.story(memory.story_id)
    assert memory.conversation_id is not None
    assert memory.persona_id is not None
    return ArchiveScope.chat(memory.conversation_id, memory.persona_id, memory.epoch or 0)


async def embed(run: Run, scope_ids: list[int]) -> Indexed:
    """Give the chunks of scopes their vectors where an embedder is configured; what is left is done later."""
    done = Indexed()
    await _embed(run, done, scope_ids)
    return done


async def _batches(done: Indexed, batch: Callable[[], Awaitable[int]]) -> int:
    count = 0
    for _ in range(BATCHES):
        if await busy():
            break
        new = await batch()
        count += new
        if not new:
            return count
    done.more = True
    return count


async def _index_texts(account: int, memory: MemoryRecord, language: str) -> int:
    if memory.story_id is not None:
        return await indexing.index_story(account, memory.story_id, language=language)
    assert memory.conversation_id is not None
    assert memory.persona_id is not None
    return await indexing.index_chat(
        account, memory.conversation_id, memory.persona_id, memory.epoch or 0, language=language
    )


async def _embed(run: Run, done: Indexed, scope_ids: list[int]) -> None:
    """Give chunks their vectors; those of another model go once all of a scope have theirs."""
    embedder = run.services.embedder
    try:
        if not await embedder.prepare():
            return
        for scope_id in scope_ids:
            after = 0

            async def batch(scope_id: int = scope_id) -> int:
                nonlocal after
                texts = await vectors.missing(scope_id, embedder.model, after)
                if not texts:
                    await vectors.drop_others(scope_id, embedder.model)
                    return 0
                found = zip(texts, await embedder.passages(list(texts.values())), strict=True)
                made = {chunk: vector for chunk, vector in found if vector is not None}
                await vectors.put(embedder.model, made)
                done.vectors += len(made)
                after = max(texts)
                return len(texts)

            await _batches(done, batch)
    except EngineError as e:
        _log.warning("vectors of the archive are made later: %s", describe(e))
