"""The errors of prompts.

PromptError
├── PromptNotFound      no template of that name ships with the product
├── PromptInvalid       the file or override cannot be used: header, syntax, names, size
├── PromptVariables     the caller passed the wrong variables
└── PromptLimitExceeded rendering an override broke a limit of the sandbox
"""


class PromptError(Exception):
    """Base of all prompt errors. The message can be shown to the person who wrote the override."""


class PromptNotFound(PromptError):
    """No template of that name ships with the product."""


class PromptInvalid(PromptError):
    """The template cannot be used: bad header, syntax error, unknown variable, forbidden construct, too long."""


class PromptVariables(PromptError):
    """Variables are missing, unknown, or of the wrong type; the message names all of them."""


class PromptLimitExceeded(PromptError):
    """An override exceeded the sandbox's limit of time, memory or output."""
