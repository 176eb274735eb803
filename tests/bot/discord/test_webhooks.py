"""Names under which personas speak on Discord."""

import pytest

from bot.platforms.discord.webhooks import username


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Marlow", "Marlow"),
        ("Discord", "D\u200aiscord"),
        ("the CLYDE of discordia", "the C\u200aLYDE of d\u200aiscordia"),
        ("everyone", "e\u200averyone"),
        ("Everyone's friend", "Everyone's friend"),
        (" two\nlines ", "two lines"),
        ("", "—"),
        ("x" * 90, "x" * 79 + "…"),
    ],
)
def test_names_are_spelled_as_discord_takes_them(name: str, said: str):
    assert username(name) == said
