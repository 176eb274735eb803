"""Workflows of memory."""

from workers.steps.memory.distil import DistilTexts
from workers.steps.memory.index import IndexPast
from workers.steps.memory.keep import KeepMemory
from workers.steps.memory.learn import AnswerQuestions, FollowPlot, LearnFacts
from workers.steps.memory.summarise import SummarisePast
from workers.workflows.base import Workflow


class BringMemoryUpToDate(Workflow):
    """Read what is new in a story or chat, keep what must not be lost, and bring all of it into the archive."""

    name = "remember"
    steps = (SummarisePast(), LearnFacts(), FollowPlot(), AnswerQuestions(), DistilTexts(), KeepMemory(), IndexPast())
