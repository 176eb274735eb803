import os
import subprocess
import sys
from pathlib import Path

from workers.engines.text.settings import TextSettings


def load(folder: Path, **environment: str) -> str:
    """Print the settings in a process that has just these variables."""
    code = "from workers.engines.text.settings import TextSettings as T; print(T().model_dump_json())"
    root = str(Path(__file__).parents[4])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": root} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_environment_and_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("STORYFORK_REMOTE_MODEL=from-file\nSTORYFORK_LLAMA_CONTEXT=1000\n")
    printed = load(
        tmp_path,
        STORYFORK_TEXT_ENGINES="Remote, template",
        STORYFORK_USE_AI="false",
        STORYFORK_LLAMA_CONTEXT="2048",
        STORYFORK_REMOTE_API_KEY="sk-secret",
        STORYFORK_TEXT_MODEL="",
    )
    settings = TextSettings.model_validate_json(printed.replace('"**********"', "null"))
    assert settings.text_engines == ("remote", "template")
    assert not settings.use_ai
    assert settings.llama_context == 2048
    assert settings.remote_model == "from-file"
    assert settings.text_model is None
    assert "sk-secret" not in printed


def test_every_setting_is_described() -> None:
    assert not [name for name, field in TextSettings.model_fields.items() if not field.description]


def test_looking_for_models_loads_no_model_library() -> None:
    code = (
        "import sys; import workers.engines.text.build, workers.engines.text.discovery, workers.engines.text.llama;"
        "print([m for m in ('llama_cpp', 'numpy', 'torch', 'openai') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[4], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
