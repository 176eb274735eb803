"""Libraries whose logs show what must stay private, kept to warnings in every process."""

import logging
from typing import Final

NOISY_LOGGERS: Final = (
    "arq", "asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "openai",
    "LiteLLM", "LiteLLM Router", "LiteLLM Proxy",
)  # fmt: skip
"""HTTP clients log URLs, with tokens and passwords in them; clients of models log what people wrote."""


def quiet_libraries() -> None:
    """Limit `NOISY_LOGGERS` to warnings, whatever level the process logs at."""
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
