"""`python -m workers classifiers`: what the classifiers of texts say about a harmless sentence."""

import asyncio
import json
import sys
from dataclasses import asdict

from db.environment import read_settings
from db.settings import ModerationSettings
from prompts.registry import default_registry
from workers import registries
from workers.engine_registries import text_engines
from workers.engines.text.build import build_text_chain
from workers.engines.text.chain import TextChain
from workers.engines.text.settings import TextSettings
from workers.moderation.base import TextClassifier
from workers.moderation.build import ClassifierSetup, build_classifiers
from workers.moderation.examine import examine_all
from workers.moderation.moderator import Moderator
from workers.moderation.settings import ClassifierSettings
from workers.preload import preload


async def built_classifiers(moderation: ModerationSettings, text: TextChain) -> tuple[TextClassifier, ...]:
    """Return the classifiers that the settings name; one of them may ask ``text``."""
    setup = ClassifierSetup(read_settings(ClassifierSettings), text, default_registry())
    specs = registries.text_classifiers()[0]
    return await asyncio.to_thread(build_classifiers, moderation.storyfork_text_classifiers, specs, setup)


async def try_classifiers(*, as_json: bool) -> int:
    """Ask each and print the answers; returns the exit status."""
    await asyncio.to_thread(preload)
    text = await asyncio.to_thread(build_text_chain, read_settings(TextSettings), text_engines()[0])
    classifiers = await built_classifiers(read_settings(ModerationSettings), text)
    try:
        found = await examine_all(classifiers)
    finally:
        await Moderator(classifiers).close()
        await text.close()
    if as_json:
        sys.stdout.write(json.dumps([asdict(each) for each in found]) + "\n")
    else:
        for each in found:
            doubt = "" if each.harmless else ", takes a harmless sentence for sexual"
            result = each.problem or f"{each.seconds:.1f} s{doubt}"
            sys.stdout.write(f"{' ' if each.problem else '*'} {each.name}  {result}\n")
    return 0
