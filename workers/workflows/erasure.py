"""Workflows of erasing."""

from workers.steps.erasure import EraseAccounts, EraseInPlaces, ErasePerson, FindPeople, LetAnswersOut
from workers.workflows.base import Workflow


class EraseEverything(Workflow):
    """Delete accounts, and a person with their part in those of others."""

    name = "erase_data"
    steps = (LetAnswersOut(), FindPeople(), EraseAccounts(), EraseInPlaces(), ErasePerson())
