"""Workflows of stories."""

from workers.steps.story import PublishPage, SettleSiblings, SuggestChoicesStep, WaitForReader, WritePageStep
from workers.workflows.base import Workflow


class WritePageWithChoices(Workflow):
    """Write a page and its choices, wait until one is taken, then settle what was not."""

    name = "branching_page"
    steps = (WritePageStep(), SuggestChoicesStep(), PublishPage(), WaitForReader("choice"), SettleSiblings())
