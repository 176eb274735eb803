"""Workflows of chats that come from files."""

from workers.steps.chat_import import JudgeChat, KeepChat, ReadChatFile
from workers.workflows.base import Workflow


class MakeChatOfFile(Workflow):
    """Read a chat that somebody handed in, and keep it beside the others of its place."""

    name = "import_chat"
    steps = (ReadChatFile(), JudgeChat(), KeepChat())
