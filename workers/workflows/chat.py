"""Workflows of persona chat."""

from workers.steps.chat import AnswerAsPersonaStep, JudgeEditStep, PublishEdit, PublishReply
from workers.steps.chat_export import SendChat, WriteChat
from workers.workflows.base import Workflow


class ReplyAsPersona(Workflow):
    """Answer what a user said to a persona."""

    name = "persona_reply"
    steps = (AnswerAsPersonaStep(), PublishReply())


class JudgeEditedReply(Workflow):
    """Judge what a person wrote in place of a persona's reply, and show it."""

    name = "judge_edit"
    steps = (JudgeEditStep(), PublishEdit())


class WriteChatAsFile(Workflow):
    """Write a chat as a file, and send it."""

    name = "export_chat"
    steps = (WriteChat(), SendChat())
