"""What a worker's jobs share: engines, prompts and the line to the bots. Built once, at the entry point."""

from dataclasses import dataclass, field

from prompts.registry import PromptRegistry
from workers.engines.text.chain import TextChain
from workers.pictures.studio import Studio
from workers.queue import Queue
from workers.stop_requests import StopRequests


@dataclass(frozen=True, slots=True)
class Services:
    """Shared by all jobs of a process. ``studio`` draws; only workers of the gpu queue have engines in it."""

    text: TextChain
    prompts: PromptRegistry
    queue: Queue
    stop_requests: StopRequests = field(default_factory=StopRequests)
    studio: Studio = field(default_factory=Studio)
