"""The ``openai`` client, as all engines for such servers set it up."""

import openai
from openai import AsyncOpenAI

from workers.engines.openai.address import ServerAddress

CONNECT_S = 10.0
"""Seconds to establish a connection, unless settings say otherwise."""


def open_client(address: ServerAddress, api_key: str, *, timeout_s: float, connect_s: float = CONNECT_S) -> AsyncOpenAI:
    """Return a client that makes one attempt per request; ``timeout_s`` limits a silence. The engines retry.

    The credentials of ``address`` go into a header: a URL that held them would be logged with them.
    """
    return AsyncOpenAI(
        base_url=address.url,
        # The client insists on a key; servers without one ignore it.
        api_key=api_key or "none",
        max_retries=0,
        timeout=openai.Timeout(timeout_s, connect=connect_s),
        default_headers={"Authorization": address.authorization} if address.authorization else None,
    )
