"""Stop strings in a stream: text that may begin one is held back until that is decided."""

from collections.abc import Sequence


class StopStrings:
    """Cuts a stream of text before the first of ``stop``."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(text for text in stop if text)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """Take the next piece and return what may be shown now. Sets ``stopped`` when a stop string is complete."""
        if self.stopped:
            return ""
        if not self._stop:
            return text
        self._held += text
        hits = [at for at in (self._held.find(stop) for stop in self._stop) if at >= 0]
        if hits:
            self.stopped = True
            shown, self._held = self._held[: min(hits)], ""
            return shown
        keep = max(overlap(self._held, stop) for stop in self._stop)
        shown = self._held[: len(self._held) - keep]
        self._held = self._held[len(shown) :]
        return shown

    def flush(self) -> str:
        """Return what was held back, at the end of the stream."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """Return the length of the longest proper prefix of ``stop`` that ends ``text``."""
    # Called for each token and mark: most texts end with nothing that begins one.
    start = text.find(stop[0], max(0, len(text) - len(stop) + 1)) if len(stop) > 1 else -1
    while start >= 0:
        if stop.startswith(text[start:]):
            return len(text) - start
        start = text.find(stop[0], start + 1)
    return 0
