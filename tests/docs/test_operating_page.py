"""What the operator's guide says about actions of the audit log is so."""

import re
from pathlib import Path

from bot import locales
from bot.commands.audit import ACTIONS_OF

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"


def test_actions_that_are_looked_for_in_the_audit_log_are_noted_there():
    found = re.findall(r"FROM audit WHERE action ([^`]*)`", PAGE.read_text(encoding="utf-8"))
    assert found
    for condition in found:
        names = re.findall(r"'([a-z_.%]+)'", condition)
        assert names
        assert {f"{ACTIONS_OF}{name}" for name in names} <= locales.known_keys()
