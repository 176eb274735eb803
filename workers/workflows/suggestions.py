"""Workflows that suggest what a person might say next."""

from workers.steps.suggestions import SuggestLineStep, TellLine
from workers.workflows.base import Workflow


class SuggestALine(Workflow):
    """Write a line in a person's name, and show it to them."""

    name = "suggest_line"
    steps = (SuggestLineStep(), TellLine())
