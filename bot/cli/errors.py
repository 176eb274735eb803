"""Mistakes that the operator can put right; printed as one message, without a traceback."""

from bot.stack.errors import StackError


class OperatorError(StackError):
    """What the operator asked for cannot be done; the message says what to do instead."""
