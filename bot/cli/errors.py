"""Errors that the operator can fix; printed as one message, without a traceback."""

from bot.stack.errors import StackError


class OperatorError(StackError):
    """The command cannot be carried out; the message says what to do instead."""

    loggable = True
