"""Workflows of feeds."""

from workers.steps.feeds import EmbedFeed, FetchFeed, KeepFeed
from workers.workflows.base import Workflow


class FollowFeed(Workflow):
    """Read a feed, keep what is new in it, and have it found by its meaning, too."""

    name = "read_feed"
    steps = (FetchFeed(), KeepFeed(), EmbedFeed())
