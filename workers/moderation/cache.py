"""Results by a keyed hash of their text: bounded, forgotten after a while, and useless to a reader of the memory."""

import hashlib
import secrets
import time
from collections import OrderedDict
from typing import Final, Generic, TypeVar

ENTRIES: Final = 4096
KEPT_SECONDS: Final = 3600.0
T = TypeVar("T")


class HashedCache(Generic[T]):
    """A cache whose keys are texts. It never holds one."""

    def __init__(self, entries: int = ENTRIES, kept_s: float = KEPT_SECONDS) -> None:
        """``kept_s``: a result is forgotten after so many seconds."""
        self._entries, self._kept_s = entries, kept_s
        self._key = secrets.token_bytes(32)
        self._found: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def get(self, text: str) -> T | None:
        """Return the result for a text, if it is known and not too old."""
        digest = self._digest(text)
        held = self._found.get(digest)
        if held is None:
            return None
        if time.monotonic() - held[0] > self._kept_s:
            del self._found[digest]
            return None
        self._found.move_to_end(digest)
        return held[1]

    def put(self, text: str, result: T) -> None:
        """Keep a result; the one that was not asked for longest goes if there is no room."""
        self._found[self._digest(text)] = (time.monotonic(), result)
        while len(self._found) > self._entries:
            self._found.popitem(last=False)

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self._found)

    def _digest(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).digest()
