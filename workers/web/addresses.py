"""Which addresses on the internet may be asked: those that everybody can reach, never a neighbour of the server."""

import ipaddress
import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL: Final = 500
"""Characters of an address."""
_PORTS: Final = {"http": 80, "https": 443}
_OTHER_PORTS: Final = range(1024, 65536)
"""Below are mail, shells and other services that are no web servers."""
_GLOBAL_IPV6: Final = ipaddress.ip_network("2000::/3")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_TEREDO: Final = ipaddress.ip_network("2001::/32")
# What Python 3.11 takes for everybody's, though it answers a cloud's own machines alone and tells them their secrets:
# Oracle's metadata are within the first (special purposes, RFC 6890), Azure's are the second.
_OF_CLOUDS: Final = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("168.63.129.16/32"))
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
"""Anything else may be read as one host here and as another by the client."""


class AddressRefused(ValueError):
    """An address is none of the web, or not everybody's."""


def is_public(address: str) -> bool:
    """Return whether an IP address is everybody's; False for one of a private network, or none at all.

    Of an IPv6 address that stands for an IPv4 one, that one counts.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    inner = _inside(found) if isinstance(found, IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    if isinstance(found, IPv6Address) and (found not in _GLOBAL_IPV6 or found in _TEREDO):
        return False
    if any(found in network for network in _OF_CLOUDS):
        return False
    return found.is_global and not found.is_multicast


def _inside(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address stands for, if it does."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def web_address(text: str) -> str:
    """Return an address of the web as it is asked for: without a fragment, with its host in small letters.

    Raises `AddressRefused` for another scheme, a name or password in it, an odd port, or none at all.
    """
    found = _split(text.strip())
    if found.scheme not in _PORTS or found.username is not None or found.password is not None:
        raise AddressRefused("no address of the web")
    if (port := _port(found)) not in _PORTS.values() and port not in _OTHER_PORTS:
        raise AddressRefused(f"port {port}")
    return found._replace(netloc=host_of(found), path=found.path or "/", fragment="").geturl()


def host_of(address: SplitResult | str) -> str:
    """Return host and port of an address of the web as settings name them: ``news.example``, ``10.0.0.7:8080``.

    Raises `ValueError` if it has none.
    """
    found = urlsplit(address) if isinstance(address, str) else address
    name, port = found.hostname or "", _port(found)
    name = name if name.isascii() else name.encode("idna").decode()
    if _HOST.fullmatch(name) is None:
        raise AddressRefused("no host")
    bracketed = f"[{name}]" if ":" in name else name
    return bracketed if port == _PORTS.get(found.scheme) else f"{bracketed}:{port}"


def _split(text: str) -> SplitResult:
    if len(text) > MAX_URL or any(character.isspace() or not character.isprintable() for character in text):
        raise AddressRefused("too long, or with blanks in it")
    try:
        found = urlsplit(text)
        _port(found)
        host_of(found)
    except (ValueError, UnicodeError) as error:
        raise AddressRefused("no address") from error
    return found


def _port(found: SplitResult) -> int | None:
    return found.port if found.port is not None else _PORTS.get(found.scheme)
