"""What the fields of requests must be: every limit of the domain stands here, once."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, timedelta
from typing import Any

from spikes.domain.times import EPOCH, from_rfc3339
from spikes.domain.tsid import TSID_PATTERN, is_tsid
from spikes.domain.validation import Rule

NAME = 100
"""The longest name of a person, in characters."""

EMAIL = 254
"""The longest e-mail address, in characters (RFC 5321)."""

PASSWORD = (8, 128)
"""The shortest and the longest password, in characters."""

SPECIAL = "#?!@$%^&*-"
"""One of these must stand in a password."""

AGE = 9
"""How old a person must be, in years."""

BIO = 2_000
"""The longest text about oneself, in characters."""

TITLE = 255
"""The longest title of a note, in characters."""

BODY = 65_536
"""The longest body of a note, in bytes of UTF-8."""

TAGS = 50
"""The most tags of a note."""

RELATIONS = 200
"""The most relations of a note, and of a user."""

RELATION_TITLE = 100
"""The longest title of a relation, in characters."""

TAG_TITLE = 50
"""The longest title of a tag, in characters."""

COMMENT_BODY = 8_192
"""The longest body of a comment, in bytes of UTF-8."""

COMMENTS = 1_000
"""The most comments of a note, place-holders included."""

COMMENTS_SIZE = 1024 * 1024
"""The most text in the comments of a note, in bytes of UTF-8."""

ANSWERS = 20
"""How many comments may stand above an answer."""

STARS = 5
"""The most stars of a comment."""

_COLOR = re.compile(r"[0-9A-Fa-f]{6}")

_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_LOCAL}(?:\.{_LOCAL})*@(?:{_LABEL}\.)+(?=[^.]*[A-Za-z]){_LABEL}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def is_name(value: str, now: int) -> bool:
    """Letters of any script with their marks, spaces, apostrophes and hyphens; at least one letter."""
    return 1 <= len(value) <= NAME and any(map(str.isalpha, value)) and all(map(_may_stand_in_name, value))


def _may_stand_in_name(character: str) -> bool:
    return character in " '\u2019-" or unicodedata.category(character)[0] in "LM"


def is_email(value: str, now: int) -> bool:
    """A local part of ASCII, and a domain of at least two labels whose last one is no number."""
    return len(value) <= EMAIL and _EMAIL.fullmatch(value) is not None


def is_password(value: str, now: int) -> bool:
    """Upper case, lower case, digit and special character, each at least once."""
    shortest, longest = PASSWORD
    kinds = (str.isupper, str.islower, str.isdecimal, SPECIAL.__contains__)
    return shortest <= len(value) <= longest and "\0" not in value and all(any(map(kind, value)) for kind in kinds)


def is_born(value: str, now: int) -> bool:
    """An ISO date of a birth at least 9 years ago, by the date in UTC."""
    if not _DATE.fullmatch(value):
        return False
    try:
        born = date.fromisoformat(value)
    except ValueError:
        return False
    today = (EPOCH + timedelta(milliseconds=now)).date()
    return (born.year + AGE, born.month, born.day) <= (today.year, today.month, today.day)


def is_bio(value: str, now: int) -> bool:
    """Any text that is not too long."""
    return len(value) <= BIO and "\0" not in value


def is_title(value: str, now: int) -> bool:
    """A text that is not blank and not too long."""
    return len(value) <= TITLE and "\0" not in value and not value.isspace() and value != ""


def is_body(value: str, now: int) -> bool:
    """Any text, even an empty one, that is not too long."""
    return len(value.encode()) <= BODY and "\0" not in value


def is_tag_title(value: str, now: int) -> bool:
    """A title that is short enough for a tag."""
    return len(value) <= TAG_TITLE and is_title(value, now)


def is_relation_title(value: str, now: int) -> bool:
    """A title that is short enough for a relation."""
    return len(value) <= RELATION_TITLE and is_title(value, now)


def is_comment_body(value: str, now: int) -> bool:
    """Any text, even an empty one, that is short enough for a comment."""
    return len(value.encode()) <= COMMENT_BODY and "\0" not in value


def is_color(value: str, now: int) -> bool:
    """Six hexadecimal digits in either case, without anything before them."""
    return _COLOR.fullmatch(value) is not None


def are_stars(value: int, now: int) -> bool:
    """None to all stars."""
    return 0 <= value <= STARS


def is_version(value: int, now: int) -> bool:
    """The number of an event; whether there is such an event, the entity knows."""
    return value >= 1


def is_id(value: str, now: int) -> bool:
    """A TSID in either case."""
    return is_tsid(value)


def are_tags(value: list[str], now: int) -> bool:
    """Ids of tags; one that stands twice counts once."""
    return all(map(is_tsid, value)) and len({tag.upper() for tag in value}) <= TAGS


def is_time(value: str, now: int) -> bool:
    """An RFC 3339 time; without a zone it is UTC."""
    return _milliseconds(value) is not None


def is_future(value: str, now: int) -> bool:
    """A time that is yet to come."""
    moment = _milliseconds(value)
    return moment is not None and moment > now


def _milliseconds(text: str) -> int | None:
    try:
        return from_rfc3339(text)
    except ValueError:
        return None


def one_of(values: tuple[Any, ...]) -> Rule:
    """Return the rule of an enumeration, whose type is the check."""
    return Rule(f"one of {', '.join(values)}")


IN_FUTURE = "a time in the future like 2026-11-23T10:00:00.000Z"

NO_NUL = "^[^\\u0000]*$"
"""A pattern of JSON Schema: any text without NUL."""

_IN_NAME = "[\\p{L}\\p{M} '\u2019-]*"
NAME_SCHEMA = {"minLength": 1, "maxLength": NAME, "pattern": f"^{_IN_NAME}\\p{{L}}{_IN_NAME}$"}
EMAIL_SCHEMA = {"maxLength": EMAIL, "format": "email"}
PASSWORD_SCHEMA = {
    "minLength": PASSWORD[0],
    "maxLength": PASSWORD[1],
    "format": "password",
    "pattern": f"^(?=.*\\p{{Lu}})(?=.*\\p{{Ll}})(?=.*\\p{{Nd}})(?=.*[{SPECIAL}])[^\\u0000]*$",
}
ID_SCHEMA = {"pattern": f"^{TSID_PATTERN}$"}
TITLE_SCHEMA = {"minLength": 1, "maxLength": TITLE, "pattern": "^[^\\u0000]*\\S[^\\u0000]*$"}
TAG_TITLE_SCHEMA = {**TITLE_SCHEMA, "maxLength": TAG_TITLE}
RELATION_TITLE_SCHEMA = {**TITLE_SCHEMA, "maxLength": RELATION_TITLE}
TIME_SCHEMA = {"format": "date-time"}

NAME_RULE = Rule(f"1 to {NAME} letters, spaces, apostrophes and hyphens", is_name, schema=NAME_SCHEMA)
EMAIL_RULE = Rule(f"an e-mail address of at most {EMAIL} characters", is_email, schema=EMAIL_SCHEMA)
PASSWORD_RULE = Rule(
    f"{PASSWORD[0]} to {PASSWORD[1]} characters with upper case, lower case, a digit and one of {SPECIAL}",
    is_password,
    secret=True,
    schema=PASSWORD_SCHEMA,
)
BORN_RULE = Rule(f"a date like 2001-12-31, at least {AGE} years ago", is_born, schema={"format": "date"})
BIO_RULE = Rule(f"at most {BIO} characters, none of them NUL", is_bio, schema={"maxLength": BIO, "pattern": NO_NUL})
ID_RULE = Rule("a TSID of 13 characters", is_id, schema=ID_SCHEMA)
TITLE_RULE = Rule(f"1 to {TITLE} characters, not blank, none of them NUL", is_title, schema=TITLE_SCHEMA)
BODY_RULE = Rule(
    f"text of at most {BODY} bytes of UTF-8, without NUL", is_body, schema={"maxLength": BODY, "pattern": NO_NUL}
)
DUE_RULE = Rule(IN_FUTURE, is_time, later=is_future, schema=TIME_SCHEMA)
CHANGED_DUE_RULE = Rule(IN_FUTURE, is_time, schema=TIME_SCHEMA)
TAGS_RULE = Rule(f"at most {TAGS} TSIDs", are_tags, schema={"maxItems": TAGS, "items": {"type": "string", **ID_SCHEMA}})
TAG_TITLE_RULE = Rule(
    f"1 to {TAG_TITLE} characters, not blank, none of them NUL", is_tag_title, schema=TAG_TITLE_SCHEMA
)
RELATION_TITLE_RULE = Rule(
    f"1 to {RELATION_TITLE} characters, not blank, none of them NUL", is_relation_title, schema=RELATION_TITLE_SCHEMA
)
COMMENT_BODY_RULE = Rule(
    f"text of at most {COMMENT_BODY} bytes of UTF-8, without NUL",
    is_comment_body,
    schema={"maxLength": COMMENT_BODY, "pattern": NO_NUL},
)
COLOR_RULE = Rule("6 hexadecimal digits like ff8800", is_color, schema={"pattern": "^[0-9A-Fa-f]{6}$"})
STARS_RULE = Rule(f"a whole number from 0 to {STARS}", are_stars, schema={"minimum": 0, "maximum": STARS})
VERSION_RULE = Rule("a version of the note, 1 or greater", is_version, schema={"minimum": 1})
