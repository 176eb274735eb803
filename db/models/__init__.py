"""The tables as classes. The schema itself is db/migrations; a test compares the two."""

from db.models.accounts import Account, Conversation, Draft, User
from db.models.chats import ChatMessage, Persona, PromptOverride
from db.models.delivery import InboxEvent, OutboxRow
from db.models.jobs import AiTask, Artifact, Job, JobInteraction
from db.models.pictures import Picture, PictureFile
from db.models.stories import Choice, Page, Story

__all__ = [
    "Account",
    "AiTask",
    "Artifact",
    "ChatMessage",
    "Choice",
    "Conversation",
    "Draft",
    "InboxEvent",
    "Job",
    "JobInteraction",
    "OutboxRow",
    "Page",
    "Persona",
    "Picture",
    "PictureFile",
    "PromptOverride",
    "Story",
    "User",
]
