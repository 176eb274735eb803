"""What a context costs the longer a story is, and the larger the archive: it should cost the same.

    python -m benchmarks.context_growth [--quick] [--rounds 15] [--few-words]

Stories of 10, 100 and 1,000 pages, with their summaries, in one account whose archive has 100 chunks of documents;
then the longest with 1,000, 10,000 and 100,000. The archive's words are 12,000, as frequent as those of a language; the
question has words that hardly any chunk has and words that many have. With ``--few-words`` there are 95, each in a
third of the chunks, and one of them is asked for. **read** is what the database is asked before a page is written
(summaries, pages, the archive: the last choice asks about the past), **archive** the part of it that is looked up in
the archive, **build** the context made from that, up to the prompt's exact count by a tiny model with a window of 8192
tokens; medians and, in brackets, 95th percentiles, in milliseconds. The last line is ``context_growth_read=…
context_growth_build=… context_growth_archive=…``: the median at 1,000 pages over that at 100 (at 10 there is nothing to
leave out), and at the most chunks over that at 1,000. With less than `FLOOR_MS` a time counts as that.
"""

import argparse
import asyncio
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.context_bench.arms import NOBODY, Prompting
from benchmarks.context_bench.cases import prose, written_summaries
from benchmarks.vocabulary import Vocabulary
from bot.stack.embedded import embedded_stack
from db.connection import connect, row, rows
from db.memory import archive, memories, scopes, summaries
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter
from db.memory.summaries import NewSummary
from db.migrate import migrate
from db.people import Who, resolve
from prompts.registry import PromptRegistry
from tests.models.tiny_gguf import tiny_gguf
from workers.context.builder import ContextBuilder
from workers.context.query import archive_need
from workers.context.settings import ContextSettings
from workers.craft.settings import CraftSettings
from workers.engines.text.chain import TextChain
from workers.engines.text.llama.engine import LlamaEngine
from workers.functions.write_page import PageInputs, WritePage
from workers.services import Services
from workers.steps.memory.lookup import ArchivePlace, look_up
from workers.steps.past import read_way

PAGES: Final = (10, 100, 1000)
CHUNKS: Final = (100, 1_000, 10_000, 100_000)
QUICK_CHUNKS: Final = (100, 1_000, 10_000)
WINDOW: Final = 8192
FLOOR_MS: Final = 5.0
WARM_UP: Final = 6
"""Rounds before those that count: PostgreSQL decides at the sixth whether to keep a plan for all values."""
ASKED: Final = "Ask Tamsel where the silver compass was hidden, long ago"
RANKS: Final = (5, 40, 300)
"""Of the words of a language, these are asked for too: in a tenth, a fiftieth and a few thousandths of the chunks."""
COPIED: Final = 1000
"""Chunks that are made one by one; more are copies of them in other documents."""
AT_ONCE: Final = 3
_COPY: Final = (
    "WITH copy AS (SELECT n FROM generate_series(1, $2) n), "
    "document AS (INSERT INTO archive_documents (scope_id, kind, title, media_type, bytes, digest, verdict) "
    "SELECT $1, 'upload', 'Copy', 'text/plain', 0, '', 'checked' FROM copy RETURNING id), "
    "numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM document), "
    "source AS (SELECT *, row_number() OVER (ORDER BY id) AS place FROM archive_chunks WHERE scope_id = $1 "
    "ORDER BY id OFFSET 1 LIMIT $3), "
    "last AS (SELECT max(position) AS position FROM archive_chunks WHERE scope_id = $1) "
    "INSERT INTO archive_chunks (scope_id, source, document_id, part, start, length, text, position, words, keys, "
    "counts, metadata) SELECT c.scope_id, 'document', d.id, c.place, 0, c.length, c.text, "
    "last.position + c.place + d.n * 1100, c.words, c.keys, c.counts, c.metadata FROM source c, numbered d, last"
)


@dataclass
class Times:
    """Milliseconds of one story and archive."""

    pages: int
    chunks: int
    tokens: int = 0
    read: list[float] = field(default_factory=list[float])
    archive: list[float] = field(default_factory=list[float])
    build: list[float] = field(default_factory=list[float])

    def line(self) -> str:
        """Return the row of the table."""
        cells = [f"{statistics.median(t):8.1f} ({p95(t):.1f})" for t in (self.read, self.archive, self.build)]
        return f"{self.pages:>7,}{self.chunks:>10,}{self.tokens:>8}" + "".join(f"{cell:>18}" for cell in cells)


def p95(times: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return sorted(times)[max(0, -(-len(times) * 95 // 100) - 1)]


async def story(who: Who, pages: int) -> tuple[int, int]:
    """Store a story of so many pages with its summaries, and a page to be written; return story and page."""
    dice = random.Random(pages)
    made = await row(
        "INSERT INTO stories (account_id, owner_id, conversation_id, title, premise, seed) "
        "VALUES ($1, $2, $3, 'A door', 'A keeper finds a door under the sea.', 1) RETURNING id",
        who.account.id, who.user.id, who.conversation.id,
    )  # fmt: skip
    assert made is not None
    texts: list[str] = []
    ids: list[int] = []
    parent: int | None = None
    choice: int | None = None
    for number in range(1, pages + 2):
        text = prose(dice, dice.randint(150, 240)) if number <= pages else ""
        page = await row(
            "INSERT INTO pages (story_id, parent_id, choice_id, number, state, chosen, title, text) "
            "VALUES ($1, $2, $3, $4, $5, true, 'A page', $6) RETURNING id",
            made["id"], parent, choice, number, "ready" if text else "pending", text,
        )  # fmt: skip
        assert page is not None
        ids.append(page["id"])
        parent = page["id"]
        action = ASKED if number == pages else prose(dice, 8)
        texts.append(f"{text}\n{action}")
        option = await row(
            "INSERT INTO choices (page_id, position, text, kind) VALUES ($1, 1, $2, 'bold') RETURNING id",
            parent, action,
        )  # fmt: skip
        assert option is not None
        choice = option["id"]
    await rows("UPDATE stories SET cursor_id = $2 WHERE id = $1", made["id"], ids[-1])
    memory = await memories.open_story(who.account.id, made["id"])
    assert memory is not None
    previous: dict[int, int] = {}
    for place, text in written_summaries(texts[:pages]):
        previous[place.level] = await summaries.put(
            memory.id,
            NewSummary(
                place.level, ids[place.last], None, place.first, place.last, None, None, [], "narration", text,
                f"{place.first}", "bench",
            ),
            previous.get(place.level),
        )  # fmt: skip
    return made["id"], ids[-1]


@dataclass(frozen=True, slots=True)
class Asking:
    """What the archive is made of, and what it is asked."""

    text: Callable[[random.Random, int], str] = prose
    asked: str = ASKED

    @classmethod
    def usual(cls) -> "Asking":
        """Return texts with the words of a language."""
        vocabulary = Vocabulary()
        return cls(vocabulary.prose, f"{ASKED}: {' '.join(vocabulary.words[rank] for rank in RANKS)}")


async def grow_archive(who: Who, chunks: int, asking: Asking) -> None:
    """Let the account's archive have so many chunks of documents."""
    dice = random.Random(chunks)
    scope = await scopes.make(who.account.id, ArchiveScope.place())
    found = await row("SELECT count(*) AS n FROM archive_chunks WHERE scope_id = $1", scope)
    assert found is not None
    have: int = found["n"]
    while have < min(chunks, COPIED):
        number = min(100, chunks - have)
        texts = [asking.text(dice, 40) for _ in range(number)]
        if not have:
            texts[0] = "Long ago Tamsel hid the silver compass under the third step of the tower."
        await archive.add_document(who.account.id, ArchiveScope.place(), f"Notes {have}", texts, verdict="checked")
        have += number
    # Copies: what is measured is searching, not indexing. A few at a time, for a statement has a limit of time.
    copies = max(0, chunks - have) // COPIED
    while copies > 0:
        await rows(_COPY, scope, min(copies, AT_ONCE), COPIED)
        copies -= AT_ONCE
    await rows("ANALYZE archive_chunks")


async def measure(
    who: Who, services: Services, prompting: Prompting, of: tuple[int, int], times: Times, asking: Asking, rounds: int
) -> None:
    """Read and build what a page is written from, as a worker does."""
    need = archive_need(asking.asked)
    assert need is not None
    story_id, page_id = of
    scope = [ArchiveScope.story(story_id), ArchiveScope.place(), ArchiveScope.person(who.user.id)]
    place = ArchivePlace(who.account.id, scope, ArchiveFilter(pages=[page_id]))
    function = WritePage()
    for at in range(-WARM_UP, rounds):
        began = time.perf_counter()
        found = await read_way(services, page_id)
        read = time.perf_counter()
        assert found is not None
        inputs = PageInputs(**found)
        messages, _ = await prompting.prompt(function, inputs)
        built = time.perf_counter()
        looked = await look_up(services, place, need)
        ended = time.perf_counter()
        assert any("silver compass" in each["text"] for each in looked.memories), looked.late
        if at >= 0:
            times.read.append((read - began) * 1000)
            times.build.append((built - read) * 1000)
            times.archive.append((ended - built) * 1000)
            times.tokens = await prompting.limits.count_messages(messages)


def report(found: Sequence[Times]) -> str:
    """Return the table and the last line."""
    lines = [f"{'pages':>7}{'chunks':>10}{'tokens':>8}{'read':>18}{'archive':>18}{'build':>18}"]
    lines += [each.line() for each in found]
    (_, few, many), thousand, largest = found[: len(PAGES)], found[len(PAGES)], found[-1]

    def ratio(small: Sequence[float], large: Sequence[float]) -> float:
        return max(statistics.median(large), FLOOR_MS) / max(statistics.median(small), FLOOR_MS)

    lines.append(
        f"context_growth_read={ratio(few.read, many.read):.2f} context_growth_build={ratio(few.build, many.build):.2f} "
        f"context_growth_archive={ratio(thousand.archive, largest.archive):.2f}"
    )
    return "\n".join(lines)


async def run(chunks: Sequence[int], asking: Asking, rounds: int) -> str:
    """Measure on a private server, and return the report."""
    with tempfile.TemporaryDirectory(prefix="storyfork-context-") as home:
        engine = LlamaEngine(tiny_gguf(Path(home), context=WINDOW, layers=1), context=WINDOW, cells=WINDOW, threads=1)
        async with embedded_stack(Path(home) / "data", redis_url="redis://127.0.0.1:1", durable=False) as stack:
            try:
                await migrate(stack.database_url)
                async with connect(stack.database_url):
                    return await _measured(engine, chunks, asking, rounds)
            finally:
                await engine.close()


async def _measured(engine: LlamaEngine, chunks: Sequence[int], asking: Asking, rounds: int) -> str:
    # What is late is to be seen, not left out.
    builder = ContextBuilder(ContextSettings(recall_ms=60_000))
    services = Services(
        text=TextChain([engine]),
        prompts=PromptRegistry(),
        queue=NOBODY,
        context=builder,
        craft=CraftSettings(enabled=False),
    )
    prompting = Prompting(services, await services.text.limits("writer"))
    who = await resolve("console", account=("dm", "a", "a"), user=("a", "a", "en"), conversation=("dm-a", "", "dm"))
    await grow_archive(who, chunks[0], asking)
    found: list[Times] = []
    made = (0, 0)
    for pages in PAGES:
        made = await story(who, pages)
        # As autovacuum does within a minute: plans for the ten pages before would read the whole table at each step.
        await rows("ANALYZE")
        found.append(Times(pages, chunks[0]))
        await measure(who, services, prompting, made, found[-1], asking, rounds)
    for more in chunks[1:]:
        await grow_archive(who, more, asking)
        found.append(Times(PAGES[-1], more))
        await measure(who, services, prompting, made, found[-1], asking, rounds)
    return report(found)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__ or "")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the chunks")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--few-words", action="store_true", help="95 words, each in a third of the chunks")
    options = parser.parse_args()
    asking = Asking() if options.few_words else Asking.usual()
    print(asyncio.run(run(QUICK_CHUNKS if options.quick else CHUNKS, asking, options.rounds)))


if __name__ == "__main__":
    main()
