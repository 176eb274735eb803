"""Workflows that count tokens."""

from workers.steps.tokens import CountTextTokens, TellTokens
from workers.workflows.base import Workflow


class CountTokensOfText(Workflow):
    """Count the tokens of a text."""

    name = "count_tokens"
    steps = (CountTextTokens(), TellTokens())
