"""Craft: how much of what a model writes people may read, and what they are shown instead of the rest.

    python -m benchmarks.craft [--model FILE | --server URL --name MODEL] [--language de] [--quick | --medium]

Stories are played by real jobs, each page with its choices, and chats with ten personas; nobody reads them. Every text
goes the product's own way: the prompt for the model's size, the gate, mending, asking again, the next engine, at last
the offline writer. *before* plays the same stories with the same seeds without the gate and with the prompts of large
models; ``--only after`` leaves it out.

**passes**: what the model wrote that the gate, asked once more from outside, has nothing against; **bad**: what was
shown that fails. **distinct-3**: different groups of three words among all of a text; **repeated**: groups of three
that earlier pages or replies have, too; **echo**: that the premise or the message has. **tokens** and **seconds**: for
each that passes, all tries and choices included. Good pages are the offline writer's, and public-domain prose.

``--transcripts FILE`` writes some of the stories and chats, chosen by the seed, as a page of Markdown.

The last line is ``page_accept=… reply_accept=… shown_bad=… false_alarm=… s_per_page=…``, of *after*.
"""

import argparse
import asyncio
import re
import sys
from pathlib import Path

from benchmarks.craft_bench.material import MEDIUM, QUICK, WHOLE, Amount
from benchmarks.craft_bench.measures import false_alarms
from benchmarks.craft_bench.playing import play, sides
from benchmarks.craft_bench.report import judged, report
from benchmarks.craft_bench.transcripts import write_transcripts
from tests.models.smollm2 import smollm2
from workers.engines.text.remote_settings import parse_servers
from workers.engines.text.settings import TextSettings
from workers.offline import NAME as OFFLINE

CONTEXT = 4096


def settings_of(options: argparse.Namespace) -> TextSettings:
    """Return the settings of the model that is asked."""
    if options.server:
        servers = {"remote_base_url": parse_servers(options.server), "remote_model": options.name}
        return TextSettings(text_engines=("remote",)).model_copy(update=servers)
    return TextSettings(
        text_engines=("llama",),
        text_model=options.model or smollm2(),
        llama_context=CONTEXT,
        llama_threads=options.threads,
        llama_shared=False,
    )


def amount_of(options: argparse.Namespace) -> Amount:
    """Return how much is played."""
    return QUICK if options.quick else MEDIUM if options.medium else WHOLE


async def run(options: argparse.Namespace) -> str:
    """Play both sides, and return the report."""
    amount, both = amount_of(options), sides(settings_of(options))
    names = [options.only] if options.only else ["before", "after"]
    language, seed = options.language, options.seed
    found = [judged(name, await play(both[name], amount, language, seed, options.parallel, _heard)) for name in names]
    if options.transcripts:
        await write_transcripts(options.transcripts, found[-1].play, both[OFFLINE], amount, language, seed)
    return report(found, false_alarms(amount.good, options.seed))


def _heard(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__ or "")[0])
    parser.add_argument("--model", type=Path, help="a GGUF file; default: SmolLM2")
    parser.add_argument("--server", default="", help="an OpenAI-compatible server instead, as http://localhost:8080/v1")
    parser.add_argument("--name", default="", help="the model's name on that server")
    parser.add_argument("--language", default="en", help="of stories and chats: a tag such as de")
    parser.add_argument("--quick", action="store_true", help="2 premises and 2 cards")
    parser.add_argument("--medium", action="store_true", help="6 premises of 2 pages, 12 turns")
    parser.add_argument("--only", choices=("before", "after"), help="one side")
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--parallel", type=int, default=4, help="stories, or replies, at a time")
    parser.add_argument("--threads", type=int, default=1, help="of the model's process")
    parser.add_argument("--transcripts", type=Path, help="write transcripts to this file, too")
    options = parser.parse_args()
    print(asyncio.run(run(options)))


if __name__ == "__main__":
    main()
