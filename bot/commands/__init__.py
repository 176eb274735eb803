"""Commands: one definition each, one file per topic. How to add one: docs/contributing.md."""

from bot.commands import general, model, persona, picture, prompt, story
from bot.commands.registry import CommandRegistry


def build_registry() -> CommandRegistry:
    """Return all commands, in the order in which help lists them."""
    registry = CommandRegistry()
    for topic in (story, persona, picture, prompt, model, general):
        for spec in topic.SPECS:
            registry.add(spec)
    return registry
