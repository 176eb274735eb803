"""What a worker's jobs share: engines, prompts and the line to the bots. Built once, at the entry point."""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from db.agents import OperatorSampling, product_sampling
from db.moderation import ModerationPolicy
from db.picture_looks import PictureLook
from db.registry import Registry
from prompts.registry import PromptRegistry
from workers.context.builder import ContextBuilder
from workers.craft.settings import CraftSettings
from workers.embedding import ArchiveEmbedder
from workers.engines.image.chain import ImageChain
from workers.engines.image.checked import ScoresPictures
from workers.engines.text.chain import TextChain
from workers.feeds.settings import FeedSettings
from workers.lore import LoreShelf
from workers.moderation.moderator import Moderator
from workers.notifiers import Notifiers
from workers.pictures.safety import SafetySettings
from workers.processors import OutputProcessor
from workers.queue import Queue
from workers.stop_requests import StopRequests


def no_functions() -> Registry[Any]:
    """Return an empty registry of AI functions."""
    return Registry("function", attrgetter("name"))


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all jobs of a process. ``images`` draws; only workers of the gpu queue have engines in it.

    ``look`` is the operator's for pictures.

    ``moderator`` decides what may be asked and shown, ``policy`` what becomes of refusals.
    ``notifiers`` receive the outcomes of jobs. ``processors`` see the output of AI functions before it is saved, in
    this order. ``functions`` holds the AI functions (`workers.functions.base.AiFunction`) that can be called by name,
    ``context`` builds what they tell a model, ``sampling`` is how the operator has them sample, ``craft`` what their
    texts must pass before people read them. ``embedder`` makes the archive's vectors, ``lore`` matches lorebooks.
    ``picture_classifier`` judges pictures that people send. ``feeds`` says whether feeds are read, and how much.
    """

    text: TextChain
    prompts: PromptRegistry
    queue: Queue
    stop_requests: StopRequests = field(default_factory=StopRequests)
    images: ImageChain = field(default_factory=ImageChain)
    safety: SafetySettings = field(default_factory=SafetySettings)
    look: PictureLook = field(default_factory=PictureLook)
    notifiers: Notifiers = field(default_factory=Notifiers)
    moderator: Moderator = field(default_factory=Moderator)
    policy: ModerationPolicy = field(default_factory=ModerationPolicy)
    processors: tuple[OutputProcessor, ...] = ()
    functions: Registry[Any] = field(default_factory=no_functions)
    context: ContextBuilder = field(default_factory=ContextBuilder)
    sampling: OperatorSampling = field(default_factory=product_sampling)
    craft: CraftSettings = field(default_factory=CraftSettings)
    embedder: ArchiveEmbedder = field(default_factory=ArchiveEmbedder)
    lore: LoreShelf = field(default_factory=LoreShelf)
    picture_classifier: ScoresPictures | None = None
    feeds: FeedSettings = field(default_factory=FeedSettings)
