"""Payloads of the settings of channels."""

from typing import ClassVar

from db.payloads.base import Payload
from db.payloads.panels import Panel


class ChannelPanel(Panel):
    """What holds in a channel. The personas ``here`` talk there; ``saved``: something was just changed.

    ``reads``: whether the platform shows the bot everything there (None: it does not say). ``manages``: the person may
    change it.
    """

    kind: ClassVar[str] = "channel"

    conversation: int
    here: tuple[int, ...] = ()
    reads: bool | None = None
    manages: bool = False
    saved: bool = False


class ChannelTold(Payload):
    """Tells everybody in a channel what the bot reads there from now on, and how to end that."""

    kind: ClassVar[str] = "channel_told"

    conversation: int
    mode: str
