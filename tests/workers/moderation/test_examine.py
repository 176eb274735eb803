"""Examining classifiers: what works, what gives no result, what takes the harmless for something else."""

import asyncio

import pytest

from prompts.registry import default_registry
from tests.doubles.text_engine import ScriptedEngine
from workers.engines.errors import EngineUnavailable
from workers.engines.text.chain import TextChain
from workers.moderation import examine as examining
from workers.moderation.base import Assessment, ClassifierFailed
from workers.moderation.classifiers import Missing, ModelJudge
from workers.moderation.examine import PASSAGE, examine, examine_all


class Ours:
    """A package's classifier: does as told, and notes what it was asked."""

    def __init__(self, result: Assessment | Exception, seconds: float = 0.0) -> None:
        self.name, self.server, self.asked = "ours", "http://judge.example/v1", list[str]()
        self._result, self._seconds = result, seconds

    async def assess(self, text: str) -> Assessment:
        self.asked.append(text)
        await asyncio.sleep(self._seconds)
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    async def close(self) -> None: ...


async def test_a_classifier_that_works_is_asked_twice_about_nobodys_words() -> None:
    classifier = Ours(Assessment("sfw"))
    found = await examine(classifier)
    assert classifier.asked == [PASSAGE, PASSAGE]
    assert (found.name, found.problem, found.harmless) == ("ours", "", True)
    assert found.server == "http://judge.example/v1"


@pytest.mark.parametrize("result", [Assessment("nsfw"), Assessment("sfw", minors=True), Assessment("suggestive")])
async def test_one_that_takes_a_harmless_sentence_for_sexual_is_doubted(result: Assessment) -> None:
    found = await examine(Ours(result))
    assert (found.problem, found.harmless) == ("", False)


async def test_what_gives_no_result_says_why() -> None:
    away = ModelJudge(TextChain((ScriptedEngine([EngineUnavailable("away")]),)), default_registry())
    found = await examine_all([
        Missing("nobody", "there is no classifier “nobody”"), away, Ours(ClassifierFailed()), Ours(KeyError("secret"))
    ])  # fmt: skip
    assert [each.name for each in found] == ["nobody", "judge", "ours", "ours"]
    assert found[0].problem == "there is no classifier “nobody”"
    assert "away" in found[1].problem
    assert found[2].problem
    assert found[3].problem == "KeyError", "its message may quote anything"


async def test_one_that_hangs_does_not_hold_up_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examining, "LOADING_SECONDS", 0.05)
    slow, works = await examine_all([Ours(Assessment("sfw"), 60), Ours(Assessment("sfw"))])
    assert slow.problem.startswith("no result within")
    assert works.problem == ""
