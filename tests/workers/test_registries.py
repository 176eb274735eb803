"""What packages bring for AI functions and text engines is used; what is broken is named."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.plugin_folder import install
from workers import engine_registries, registries
from workers.engines.text.build import build_text_chain
from workers.engines.text.settings import TextSettings
from workers.functions.base import AiFunction

SOURCE = """
from tests.doubles.text_engine import ScriptedEngine
from workers.engines.text.build import TextEngineSpec
from workers.functions.suggest_choices import SuggestChoices

class Name(SuggestChoices):
    name = "name_a_thing"

class Taken(SuggestChoices):
    pass

class Silent(SuggestChoices):
    name = "unprompted"
    prompt = "dice/nothing"

class Polish:
    name = "polish"

    async def process(self, function_name, output, inputs):
        return output

engine = TextEngineSpec("scripted", lambda settings: ScriptedEngine(["Once."]))
polish = Polish()
word = "dice"
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package of functions, an engine and a processor, some of them broken."""
    install(
        tmp_path, "dice", SOURCE,
        {
            "storyfork.functions": ["name = dice:Name", "taken = dice:Taken", "word = dice:word", "x = dice:Silent"],
            "storyfork.text_engines": ["scripted = dice:engine", "lost = nowhere:engine"],
            "storyfork.processors": ["polish = dice:polish", "untold = dice:Polish"],
        },
    )  # fmt: skip
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "dice", raising=False)  # another test's package of that name
    registries.functions.cache_clear()
    registries.processors.cache_clear()
    yield
    sys.modules.pop("dice", None)
    registries.functions.cache_clear()
    registries.processors.cache_clear()


def test_the_products_own() -> None:
    assert {"write_page", "suggest_choices", "answer_as_persona", "extract_scenes", "write_image_prompt"} <= set(
        registries.functions()[0].names
    )
    assert all(isinstance(function, AiFunction) for function in registries.functions()[0])
    assert engine_registries.text_engines()[0].names == ["llama", "remote", "litellm"]


def test_a_packages_specs_stand_beside_ours(package: None) -> None:
    functions, text_engines, processors = (
        registries.functions(),
        engine_registries.text_engines(),
        registries.processors(),
    )
    assert functions[0].source("name_a_thing") == "dice 1.0"
    assert functions[0].source("suggest_choices") == "storyfork"
    assert [processor.name for processor in processors[0]] == ["polish"]
    assert sorted(str(problem) for _, problems in (functions, text_engines, processors) for problem in problems) == [
        "plug-in lost (dice 1.0, storyfork.text_engines): ModuleNotFoundError: No module named 'nowhere'",
        "plug-in taken (dice 1.0, storyfork.functions): NameTaken: function 'suggest_choices' is taken by storyfork",
        "plug-in untold (dice 1.0, storyfork.processors): TypeError: <class 'dice.Polish'> is not an OutputProcessor",
        "plug-in word (dice 1.0, storyfork.functions): TypeError: 'dice' is not an AiFunction",
        "plug-in x (dice 1.0, storyfork.functions): ValueError: there is no prompt 'dice/nothing'",
    ]


async def test_a_packages_engine_writes_where_the_settings_say(package: None, tmp_path: Path) -> None:
    settings = TextSettings.model_validate({"models_dir": tmp_path, "text_engines": "scripted,template"})
    chain = build_text_chain(settings, engine_registries.text_engines()[0])
    assert [engine.name for engine in chain.engines] == ["scripted"]
    await chain.close()
