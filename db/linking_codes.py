"""The one-time codes of `db.linking`: a part by which one is found, and a part that is secret and stored hashed."""

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no letter that is taken for a digit."""
LENGTH: Final = 10
SELECTOR: Final = 3
"""Characters by which a code is found; the others are secret: 35 bits."""
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})
_SALT_BYTES: Final = 16
_COST: Final = 2**12


@dataclass(frozen=True, slots=True)
class HashedCode:
    """What is stored of a code."""

    selector: str
    salt: bytes
    digest: bytes


def new_code() -> str:
    """Return a new code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def read_code(typed: str) -> str:
    """Return a code as it was meant, "" for what cannot be one."""
    code = typed.strip().upper().translate(_MISREAD)
    return code if len(code) == LENGTH and set(code) <= set(ALPHABET) else ""


async def hashed(code: str, salt: bytes = b"") -> HashedCode:
    """Return what is stored of a code; without ``salt``, with a new one."""
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    digest = await asyncio.to_thread(hashlib.scrypt, code.encode(), salt=salt, n=_COST, r=8, p=1)
    return HashedCode(code[:SELECTOR], salt, digest)


async def matches(code: str, salt: bytes, digest: bytes) -> bool:
    """Return whether a code is the stored one, in a time that does not depend on it."""
    return hmac.compare_digest((await hashed(code, salt)).digest, digest)
