"""A short trial of the model that would answer: pages with choices, replies, prompts for pictures."""

from collections.abc import Callable
from itertools import chain
from typing import Final

from db import personas
from db.usage import FunctionRun
from prompts.personas import load_personas
from workers.services import Services
from workers.trials.cases import chat_cases, story_cases
from workers.trials.play import TrialPlayer
from workers.trials.verdict import Fitness, acceptance, fitness

PAGES_OF_A_STORY: Final = 2
REPLIES_OF_A_CHAT: Final = 3
PROMPTS: Final = 3
"""Pictures' prompts that are asked for, each of another page."""
PURPOSES: Final = {
    "write_page": "stories",
    "suggest_choices": "choices",
    "answer_as_persona": "chat",
    "write_image_prompt": "pictures' prompts",
}
"""What a model is for, by the function that needs it."""


async def try_model(services: Services, pages: int, heard: Callable[[str], None]) -> list[Fitness]:
    """Have ``pages`` pages written, and about as many replies; return what the model is fit for.

    ``heard`` gets a line for each. The database is connected, has its tables and holds nothing else.
    Raises `workers.trials.play.TrialFailed`.
    """
    cards = load_personas()
    await personas.sync_shipped([card.model_dump(mode="json") for card in cards])
    player, runs = TrialPlayer(services), list[FunctionRun]()

    def note(found: tuple[FunctionRun, ...]) -> None:
        runs.extend(found)
        for run in found:
            heard(f"{PURPOSES.get(run.function, run.function)}: {acceptance(run)}, {run.seconds:.1f} s")

    texts: list[str] = []
    for case in story_cases(-(-pages // PAGES_OF_A_STORY)):
        for page in await player.story(case, min(PAGES_OF_A_STORY, pages - len(texts))):
            texts.append(page.text)
            note(page.runs)
    for text in texts[:PROMPTS]:
        note(await player.picture_prompt(text))
    turns = -(-pages // len(cards))
    chats = await player.chats(chat_cases([card.key for card in cards], min(turns, REPLIES_OF_A_CHAT)))
    for reply in chain.from_iterable(chats):
        note(reply.runs)
    return [
        fitness(purpose, (run for run in runs if run.function == function)) for function, purpose in PURPOSES.items()
    ]
