"""Ten transcripts as a page of Markdown: stories and chats, by a model and by the offline writer, chosen by a seed."""

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

from benchmarks.craft_bench.material import Amount
from benchmarks.craft_bench.playing import Play, Side, play
from db.usage import FunctionRun
from workers.trials.cases import ChatCase, StoryCase
from workers.trials.play import PlayedPage, PlayedReply
from workers.trials.verdict import acceptance

OF_MODEL, OF_TEMPLATE = 3, 2
"""Stories, and chats, of each."""
HEAD = """\
# Transcripts

<!-- Written by `python -m benchmarks.craft --transcripts docs/transcripts.md`: all but the last section. -->

Stories and chats as people would see them, chosen by a seed and not by taste: six by SmolLM2 (135 million parameters),
four by the offline writer. Below each text stands how it came to be shown. What a model writes passes the gate, or is
not shown ([craft.md](craft.md)): then the offline writer's text stands in its place.
"""
GRATES = "## What still grates"


async def write_transcripts(file: Path, played: Play, offline: Side, amount: Amount, language: str, seed: int) -> None:
    """Write the page: stories and chats of ``played``, and others by the offline writer, each chosen by the seed.

    The page's last section, by people who read it, is kept.
    """
    few = replace(amount, premises=OF_TEMPLATE)
    by_template = await play(offline, few, language, seed, OF_TEMPLATE, lambda _: None)
    written = [
        HEAD,
        *_transcripts("The model", played, OF_MODEL, seed),
        *_transcripts("The offline writer", by_template, OF_TEMPLATE, seed),
    ]
    before = await asyncio.to_thread(file.read_text, encoding="utf-8") if file.exists() else ""
    _, mark, grates = before.partition(GRATES)
    text = "\n".join(written) + f"\n{GRATES}{grates if mark else chr(10)}"
    await asyncio.to_thread(file.write_text, text, encoding="utf-8")


def _transcripts(writer: str, played: Play, number: int, seed: int) -> list[str]:
    stories = Random(seed).sample(played.stories, min(number, len(played.stories)))
    chats = Random(seed).sample(played.chats, min(number, len(played.chats)))
    return [
        *(_story(f"{writer}: a story, {at}", case, pages) for at, (case, pages) in enumerate(stories, 1)),
        *(_chat(f"{writer}: a chat, {at}", case, replies) for at, (case, replies) in enumerate(chats, 1)),
    ]


def _story(title: str, case: StoryCase, pages: list[PlayedPage]) -> str:
    lines = [f"## {title}", "", f"Premise: {case.premise}", ""]
    for page in pages:
        if page.taken:
            lines += [f"▸ {page.taken}", ""]
        lines += [f"**{page.title}**", "", *(f"> {line}" if line else ">" for line in page.text.split("\n")), ""]
        lines += [*(f"{at}. {choice}" for at, choice in enumerate(page.choices, 1)), "", _how(page.runs), ""]
    return "\n".join(lines)


def _chat(title: str, case: ChatCase, replies: list[PlayedReply]) -> str:
    name = replies[0].persona if replies else case.persona
    lines = [f"## {title}: {name}", ""]
    for reply in replies:
        lines += [f"Sam: {reply.said}", "", *(f"> {line}" if line else ">" for line in reply.text.split("\n")), ""]
        lines += [_how(reply.runs), ""]
    return "\n".join(lines)


def _how(runs: tuple[FunctionRun, ...]) -> str:
    names = {"write_page": "page", "suggest_choices": "choices", "answer_as_persona": "reply"}
    return f"*{'; '.join(f'{names[run.function]} {acceptance(run)}' for run in runs if run.function in names)}*"
