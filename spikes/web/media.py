"""What a body is said to be. The library takes the header apart; that it is short is seen to here."""

from __future__ import annotations

from aiohttp import web

LONGEST = 200
"""The longest Content-Type that is looked at, in characters: taking one of 8 KiB apart can hold up all for a second."""

UNREAD = ("", "")


def media_of(request: web.BaseRequest) -> tuple[str, str]:
    """Return the media type and the charset, in lower case; neither of a header that is too long to be right."""
    if len(request.headers.get("Content-Type", "")) > LONGEST:
        return UNREAD
    return request.content_type, (request.charset or "utf-8").lower()
