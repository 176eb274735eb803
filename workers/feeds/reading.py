"""Reads RSS (0.9 to 2.0) and Atom: runs in a disposable process only (`workers.decoding.document_program`).

The document never becomes a tree: of each item the few fields that are kept are collected as they pass. A document that
declares entities is refused, and so is one that is nested deeper than any feed.
"""

from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from workers.feeds.dates import moment
from workers.feeds.encoding import text_of
from workers.feeds.markup import MOST_MARKUP, plain, tidy

DEPTH: Final = 60
MOST_READ: Final = 500
"""Items that are looked at; a feed has its newest first or last."""
TITLE: Final = 200
KEY: Final = 2_000
_ATOM: Final = "http://www.w3.org/2005/Atom"
_CORE: Final = frozenset(
    {
        "", _ATOM, "http://purl.org/atom/ns#", "http://purl.org/rss/1.0/",
        "http://my.netscape.com/rdf/simple/0.9/", "http://channel.netscape.com/rdf/simple/0.9/",
        "http://backend.userland.com/rss2", "http://blogs.law.harvard.edu/tech/rss",
    }
)  # fmt: skip
_ROOTS: Final = frozenset({"rss", "feed", "RDF"})
_ITEMS: Final = frozenset({"item", "entry"})
_FIELDS: Final = {
    "title": "title", "guid": "key", "id": "key", "link": "link", "description": "summary", "summary": "summary",
    "content": "content", "pubDate": "date", "published": "date", "issued": "date", "updated": "changed",
    "modified": "changed",
}  # fmt: skip
_OF_MODULES: Final = {
    "http://purl.org/rss/1.0/modules/content/ encoded": "content",
    "http://purl.org/dc/elements/1.1/ date": "date",
    "http://purl.org/dc/terms/ issued": "date",
}
_INLINE: Final = frozenset({"a", "abbr", "b", "cite", "code", "em", "i", "img", "s", "small", "span", "strong", "sub"})


class NoFeed(ValueError):
    """A document is no feed, or one that nobody would write in good faith; the text is for the log."""


@dataclass(slots=True)
class FeedItem:
    """What a feed says of one thing. ``key`` names it for ever; ``date`` is ISO 8601 in UTC, "" if none is said."""

    key: str
    title: str
    text: str
    date: str


@dataclass(slots=True)
class FeedContents:
    """A feed's title, and its items, the newest first."""

    title: str
    items: list[FeedItem]


@dataclass(frozen=True, slots=True)
class _Value:
    """What a field holds. ``html``: its text is HTML."""

    raw: str = ""
    html: bool = False

    @property
    def text(self) -> str:
        return plain(self.raw) if self.html else tidy(self.raw)

    @property
    def line(self) -> str:
        return " ".join(self.text.split())


@dataclass(slots=True)
class _Field:
    """A field that is being read; ``depth`` is that of its tag."""

    name: str
    depth: int
    html: bool
    parts: list[str] = field(default_factory=list[str])
    length: int = 0


class _Reader:
    """Collects a feed from the events of the parser."""

    def __init__(self) -> None:
        self.title = ""
        self.items: list[dict[str, _Value]] = []
        self._path: list[str] = []
        self._field: _Field | None = None
        self._item: dict[str, _Value] | None = None
        self._item_depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        if not self._path and local not in _ROOTS:
            raise NoFeed("another document")
        if len(self._path) >= DEPTH:
            raise NoFeed(f"deeper than {DEPTH}")
        parent = self._path[-1] if self._path else ""
        self._path.append(local)
        if self._field is not None:
            if local not in _INLINE:
                self.text("\n")
        elif self._item is None:
            self._outside(space, local, parent)
        elif len(self._path) == self._item_depth + 1:
            self._inside(space, name, attributes)

    def _outside(self, space: str, local: str, parent: str) -> None:
        """Notice the beginning of an item, or of the feed's title."""
        if local in _ITEMS and space in _CORE:
            self._item, self._item_depth = {}, len(self._path)
        elif local == "title" and space in _CORE and parent in {"channel", "feed"} and not self.title:
            self._field = _Field("feed", len(self._path), html=True)

    def _inside(self, space: str, name: str, attributes: dict[str, str]) -> None:
        """Notice the beginning of a field of an item."""
        assert self._item is not None
        local = self._path[-1]
        found = _FIELDS.get(local) if space in _CORE else _OF_MODULES.get(name)
        if found is None or found in self._item:
            return
        if found == "link" and "href" in attributes:
            if attributes.get("rel", "alternate") == "alternate":
                self._item["link"] = _Value(attributes["href"])
            return
        kind = attributes.get("type", "text") if space == _ATOM else "html"
        self._field = _Field(found, len(self._path), html="html" in kind)

    def text(self, data: str) -> None:
        if self._field is not None and self._field.length < MOST_MARKUP:
            self._field.parts.append(data)
            self._field.length += len(data)

    def end(self, name: str) -> None:
        del name
        depth = len(self._path)
        self._path.pop()
        if self._field is not None and self._field.depth == depth:
            value = _Value("".join(self._field.parts), self._field.html)
            if self._field.name == "feed":
                self.title = value.line[:TITLE]
            elif self._item is not None and value.raw.strip():
                self._item[self._field.name] = value
            self._field = None
        elif self._item is not None and depth == self._item_depth:
            if len(self.items) < MOST_READ:
                self.items.append(self._item)
            self._item = None


def _date(found: dict[str, _Value]) -> str:
    date = moment((found.get("date") or found.get("changed") or _Value()).raw)
    return date.isoformat() if date is not None else ""


def _item(found: dict[str, _Value], characters: int) -> FeedItem:
    title = found.get("title", _Value()).line[:TITLE]
    text = (found.get("content") or found.get("summary") or _Value()).text
    key = (found.get("key") or found.get("link") or _Value()).raw.strip() or f"{title}\n{text}"
    return FeedItem(key[:KEY], title, text[:characters], _date(found))


def read_feed(data: bytes, charset: str, *, most: int, characters: int) -> FeedContents:
    """Return what is in a feed: its newest ``most`` items, of each so many characters.

    A feed that breaks off in the middle is read as far as it goes. Raises `NoFeed`.
    """
    reader, parser = _Reader(), expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = _no_entities
    try:
        parser.Parse(text_of(data, charset).encode(), True)
    except expat.ExpatError as error:
        if not reader.items:
            raise NoFeed(f"error {error.code}") from error
    # In the order of the feed where it says no dates; one who dates some items dates the newest.
    newest = [_item(found, characters) for found in sorted(reader.items, key=_date, reverse=True)[:most]]
    return FeedContents(reader.title, [item for item in newest if item.title or item.text])


def _no_entities(*declared: object) -> None:
    del declared
    raise NoFeed("it declares entities")
