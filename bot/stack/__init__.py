"""The embedded stack: PostgreSQL and Valkey from wheels, and the supervision of every child process."""

from bot.stack.embedded import EmbeddedStack, embedded_stack
from bot.stack.errors import AlreadyRunningError, StackError
from bot.stack.home import StackPaths, StackUrls

__all__ = ["AlreadyRunningError", "EmbeddedStack", "StackError", "StackPaths", "StackUrls", "embedded_stack"]
