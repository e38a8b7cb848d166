"""Bearer tokens: the user's id, so that any replica finds the one entity to ask, and 256 random bits."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable

import msgspec

from spikes.domain.tsid import parse_tsid

SECRET_BYTES = 32
_is_secret = re.compile("[A-Za-z0-9_-]{43}").fullmatch


class Token(msgspec.Struct, frozen=True):
    """A token as it was shown once (`text`); of its secret only the hash is ever stored."""

    text: str
    user_id: str
    hash: str


def issue(user_id: str, random: Callable[[int], bytes]) -> Token:
    """Return a new token of a user."""
    secret = urlsafe_b64encode(random(SECRET_BYTES)).rstrip(b"=").decode()
    return Token(f"{user_id}.{secret}", user_id, _hash(secret))


def parse(text: str) -> Token:
    """Return the token that `text` has the form of; raises ValueError if it has not."""
    user_id, _, secret = text.partition(".")
    if _is_secret(secret) is None:
        raise ValueError("not a token")
    return Token(text, parse_tsid(user_id), _hash(secret))


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
