"""Ten transcripts as a page of Markdown: stories and chats, by a model and by the offline writer, chosen by a seed."""

from collections.abc import Callable
from pathlib import Path
from random import Random

from benchmarks.craft_bench.material import Amount
from benchmarks.craft_bench.playing import Play, Side, play, sides
from db.usage import FunctionRun
from workers.craft.settings import CraftSettings
from workers.engines.text.settings import TextSettings
from workers.offline import NAME as OFFLINE
from workers.trials.cases import ChatCase, StoryCase
from workers.trials.play import PlayedPage, PlayedReply
from workers.trials.verdict import acceptance

OF_MODEL, OF_TEMPLATE = 3, 2
"""Stories, and chats, of each."""
PAGES, TURNS = 3, 5
HEAD = """\
# Transcripts

<!-- Written by `python -m benchmarks.craft --transcripts docs/transcripts.md`: all but the last section. -->

Stories and chats as people would see them, chosen by a seed and not by taste: six by SmolLM2 (135 million parameters),
four by the offline writer. Below each text stands how it came to be shown. What a model writes passes the gate, or is
not shown ([craft.md](craft.md)).
"""
GRATES = "## What still grates"


async def write_transcripts(file: Path, settings: TextSettings, seed: int, heard: Callable[[str], None]) -> None:
    """Write the page. Its last section, by people who read it, is kept."""
    written = [HEAD]
    offline = Side(OFFLINE, settings.model_copy(update={"use_ai": False}), CraftSettings(enabled=True))
    for side, number in ((sides(settings)["after"], OF_MODEL), (offline, OF_TEMPLATE)):
        played = await play(side, Amount(number, PAGES, 10, TURNS), "en", seed, number, heard)
        written += _transcripts("The offline writer" if side is offline else "The model", played, number, seed)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    _, mark, grates = before.partition(GRATES)
    file.write_text("\n".join(written) + f"\n{GRATES}" + (grates if mark else "\n"), encoding="utf-8")


def _transcripts(writer: str, played: Play, number: int, seed: int) -> list[str]:
    chats = Random(seed).sample(played.chats, number)
    return [
        *(_story(f"{writer}: a story, {at}", case, pages) for at, (case, pages) in enumerate(played.stories, 1)),
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
