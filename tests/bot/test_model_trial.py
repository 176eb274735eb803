"""`storyfork doctor --model`: what a model of random weights is said to be fit for."""

import os
from pathlib import Path

import pytest

from bot.cli.checks import State
from bot.cli.errors import OperatorError
from bot.cli.model_trial import try_model
from bot.settings import BotSettings
from tests.models.tiny_gguf import tiny_gguf


@pytest.mark.slow
async def test_each_purpose_has_a_line_and_what_to_do(
    prepared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STORYFORK_CRAFT_ENABLED", "true")
    for name in ("WRITER", "PERSONA", "ILLUSTRATOR"):
        monkeypatch.setenv(f"STORYFORK_FUNCTION_{name}_MAX_TOKENS", "32")
    settings, model = BotSettings(storyfork_home=tmp_path / "own"), str(tiny_gguf(tmp_path))
    found = await try_model(settings, prepared_home, model, "--pages", "1")
    assert [check.name for check in found] == ["stories", "choices", "chat", "pictures' prompts"]
    for check in (found[0], found[-1]):
        assert (check.state, check.detail) == (State.FAIL, "0 of 1 by the model (1 by the template)")
        assert "larger model" in check.advice
    assert "pictures' prompts: by the template" in capfd.readouterr().err
    assert not (tmp_path / "own").exists()


async def test_a_name_that_no_model_has(
    prepared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    tiny_gguf(tmp_path / "models")
    monkeypatch.setenv("STORYFORK_MODELS_DIR", os.fspath(tmp_path / "models"))
    with pytest.raises(OperatorError, match="see above"):
        await try_model(BotSettings(), prepared_home, "huge")
    assert "There is no model 'huge'; found are: tiny." in capfd.readouterr().err
