"""Feeds of all kinds become dated items of plain text. What is no feed, or made to be expensive, is refused."""

import time

import pytest

from workers.feeds.dates import moment
from workers.feeds.encoding import text_of
from workers.feeds.markup import plain
from workers.feeds.reading import FeedContents, FeedItem, NoFeed, read_feed

RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:media="http://search.yahoo.com/mrss/">
<channel><title>Harbour &amp; News</title><image><title>Logo</title></image>
<item><media:title>No</media:title><title>The gate is open</title><link>https://a.example/1</link><guid>g1</guid>
<description>&lt;p&gt;Since &lt;b&gt;dawn&lt;/b&gt;.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;</description>
<pubDate>Mon, 23 Nov 2026 11:00:00 +0100</pubDate></item>
<item><title>&lt;i&gt;Fish&lt;/i&gt; is&nbsp;back</title><link>https://a.example/2</link>
<description>short</description><content:encoded><![CDATA[<div>Long<br>text &amp; more</div>]]></content:encoded>
<pubDate>Tue, 24 Nov 2026 10:00:00 GMT</pubDate></item>
</channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Tides</title>
<entry><id>urn:1</id><title type="html">High &amp;amp; low</title><link rel="self" href="https://a.example/self"/>
<link href="https://a.example/t1"/><updated>2026-11-23T10:00:00.123456789Z</updated>
<content type="xhtml">
<div xmlns="http://www.w3.org/1999/xhtml"><p>At <em>noon</em>.</p><p>Then 1 &lt; 2.</p></div></content>
</entry><entry><id>urn:2</id><title>Plain &lt;b&gt;</title><summary>As it is</summary></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="x"><title>Old</title></channel>
<item rdf:about="1"><title>A</title><link>https://a.example/a</link><dc:date>2026-11-22</dc:date></item></rdf:RDF>"""


def read(data: bytes, charset: str = "", most: int = 30, characters: int = 2000) -> FeedContents:
    return read_feed(data, charset, most=most, characters=characters)


def test_rss_is_read_newest_first():
    assert read(RSS) == FeedContents(
        "Harbour & News",
        [
            FeedItem("https://a.example/2", "Fish is back", "Long\ntext & more", "2026-11-24T10:00:00+00:00"),
            FeedItem("g1", "The gate is open", "Since dawn.", "2026-11-23T10:00:00+00:00"),
        ],
    )


def test_atom_is_read():
    assert read(ATOM) == FeedContents(
        "Tides",
        [
            FeedItem("urn:1", "High & low", "At noon.\nThen 1 < 2.", "2026-11-23T10:00:00.123456+00:00"),
            FeedItem("urn:2", "Plain <b>", "As it is", ""),
        ],
    )


def test_rss_1_is_read():
    assert read(RDF) == FeedContents("Old", [FeedItem("https://a.example/a", "A", "", "2026-11-22T00:00:00+00:00")])


def test_of_many_items_the_newest_are_taken_each_of_a_length():
    items = "".join(f"<item><title>{n}</title><description>{'x' * 99}</description></item>" for n in range(900))
    found = read(f"<rss><channel>{items}</channel></rss>".encode(), most=3, characters=10)
    assert [(item.title, len(item.text)) for item in found.items] == [("0", 10), ("1", 10), ("2", 10)]


def test_a_feed_that_breaks_off_is_read_as_far_as_it_goes():
    assert [item.title for item in read(RSS[: RSS.index(b"<item><title>&lt;i")]).items] == ["The gate is open"]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"hello", b"<html><title>x</title></html>", b"<opml/>", b"<rss>", b"\x00\xff" * 50, b"{}",
        b'<!DOCTYPE r [<!ENTITY a "b">]><rss><channel><item><title>&a;</title></item></channel></rss>',
        b'<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><rss><item><title>&a;</title></item></rss>',
        b"<rss>" + b"<a>" * 100 + b"</a>" * 100 + b"</rss>",
    ],
)  # fmt: skip
def test_what_is_no_feed_is_refused(data: bytes):
    with pytest.raises(NoFeed):
        read(data)


@pytest.mark.parametrize(
    "part",
    [
        "&lt;p&gt;Hello&lt;/p&gt;",
        "&lt;a b=",
        "&lt;!--",
        "&lt;",
        "&amp;amp;",
        "&lt;script&gt;",
        "&lt;a b='&quot;",
        "<b>x</b>",
    ],
)
def test_no_feed_takes_long(part: str):
    item = f"<item><title>t</title><description>{part * (40_000 // len(part))}</description></item>"
    data = f"<rss><channel>{item * 40}</channel></rss>".encode()
    began = time.process_time()
    assert len(read(data).items) == 30
    assert time.process_time() - began < 5, "Python's HTML parser took minutes"


@pytest.mark.parametrize(
    ("data", "charset"),
    [
        ("<rss>Zürich</rss>".encode(), ""),
        ("<rss>Zürich</rss>".encode("latin-1"), "iso-8859-1"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><rss>Zürich</rss>'.encode("latin-1"), ""),
        ('<?xml version="1.0" encoding="iso-8859-1"?><rss>Zürich</rss>'.encode(), "utf-8"),
        ("\ufeff<rss>Zürich</rss>".encode("utf-16-le"), "utf-8"),
        ("\ufeff<rss>Zürich</rss>".encode(), "iso-8859-1"),
        (b"\n <rss>Z&uuml;rich</rss>", "no-such-charset"),
        ("<rss>Z\x0bürich</rss>".encode(), "hex"),
    ],
)
def test_a_charset_is_found(data: bytes, charset: str):
    assert text_of(data, charset) == "<rss>Zürich</rss>"


def test_other_charsets_are_read():
    assert text_of('<?xml version="1.0" encoding="Shift_JIS"?><rss>港</rss>'.encode("shift_jis")) == "<rss>港</rss>"


def test_bare_ampersands_are_text():
    assert text_of(b"<rss>a & b &x; &amp; &#38; &lt;</rss>") == "<rss>a &amp; b &amp;x; &amp; &#38; &lt;</rss>"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>One</p><p>two</p>", "One\ntwo"),
        ("a <!-- x --> b", "a b"),
        ("a <!-- x", "a"),
        ("<style>p{}</style>a<SCRIPT>1<2</script >b", "ab"),
        ('<img alt="a > b">c', "c"),
        ("1 < 2 &amp; 3 &gt; 2", "1 < 2 & 3 > 2"),
        ("<ul><li>a<li>b</ul>", "a\nb"),
        ("no tags", "no tags"),
    ],
)
def test_html_becomes_text(markup: str, text: str):
    assert plain(markup) == text


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("Mon, 23 Nov 2026 10:00:00 GMT", "2026-11-23T10:00:00+00:00"),
        ("23 Nov 2026 10:00 +0200", "2026-11-23T08:00:00+00:00"),
        ("2026-11-23T10:00:00-05:00", "2026-11-23T15:00:00+00:00"),
        ("2026-11-23 10:00:00", "2026-11-23T10:00:00+00:00"),
        ("2026-11", "2026-11-01T00:00:00+00:00"),
    ],
)
def test_dates_are_read(said: str, read: str):
    found = moment(said)
    assert found is not None
    assert found.isoformat() == read


@pytest.mark.parametrize("said", ["", "yesterday", "2026-13-45", "0001-01-01T00:00:00+14:00", "9" * 500, "Mon, 99 Foo"])
def test_no_date_is_none(said: str):
    assert moment(said) is None
