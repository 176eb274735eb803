"""Which addresses may be asked: public ones, however they are written."""

import pytest

from workers.web.addresses import AddressRefused, host_of, is_public, web_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "2002:7f00:1::", "2002:a00:1::1", "2001:0:1:2::3", "2001:db8::1", "::127.0.0.1", "localhost", "",
        "192.0.0.192", "168.63.129.16", "::ffff:192.0.0.192", "64:ff9b::a83f:8110",
    ],
)  # fmt: skip
def test_a_neighbour_is_not_public(address: str):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_everybody_reaches_is_public(address: str):
    assert is_public(address)


@pytest.mark.parametrize(
    "text",
    [
        "", "news", "ftp://a.example/", "file:///etc/passwd", "javascript:alert(1)", "http://", "http:///x",
        "https://ann:secret@a.example/", "https://@a.example/", "http://a.example:22/", "http://a.example:0/",
        "http://a.example:99999/", "http://a b.example/", "http://a.example\\@b.example/", "http://a.example\n/",
        "http://[::1", "http://a.example/" + "x" * 500, "http://exa\u0000mple.com", "http://a%2eexample/",
    ],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(text: str):
    with pytest.raises(AddressRefused):
        web_address(text)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (" HTTPS://News.Example/a?b=c#d ", "https://news.example/a?b=c"),
        ("http://news.example", "http://news.example/"),
        ("http://news.example:80/x", "http://news.example/x"),
        ("http://10.0.0.7:8080/x", "http://10.0.0.7:8080/x"),
        ("https://[2606:4700::1]/x", "https://[2606:4700::1]/x"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
    ],
)
def test_an_address_is_asked_for_in_one_form(text: str, asked: str):
    assert web_address(text) == asked


def test_a_host_is_named_with_its_port_unless_that_is_the_usual_one():
    assert [host_of(each) for each in ("http://a.example/x", "http://a.example:8080/", "https://a.example:443")] == [
        "a.example", "a.example:8080", "a.example",
    ]  # fmt: skip
