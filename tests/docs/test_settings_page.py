import subprocess
import sys
from pathlib import Path

import yaml

from bot.cli.app import run

ROOT = Path(__file__).resolve().parents[2]


def test_the_settings_page_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_every_setting_is_explained() -> None:
    rows = [line for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")]
    assert len(rows) > 20
    for row in rows:
        variable, _, meaning = (cell.strip() for cell in row.strip("|").split(" | ", 2))
        assert variable.strip("`").isupper(), row
        assert len(meaning) > 10, row


def test_containers_are_locked_down() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"migrate", "bot", "worker-cpu", "worker-gpu", "postgres", "valkey"}
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert service["user"].split(":")[0] not in {"0", "root"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "ports" not in service, name
        assert "healthcheck" in service, name
    assert services["worker-gpu"]["profiles"] == ["gpu"]


def test_containers_know_the_commands_they_run() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    stages = {line.split()[-1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("FROM ")}
    for name, service in services.items():
        if "build" not in service:
            continue
        assert service["build"]["target"] in stages
        assert run([*service["command"], "--help"]) == 0, name
