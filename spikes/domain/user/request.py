"""What the outside can ask of users. Passwords end here: commands know only their hashes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec import UNSET, UnsetType

from spikes.domain import rules
from spikes.domain.tsid import parse_tsid
from spikes.domain.user.command import Register, RelateUser, UpdateUser
from spikes.domain.validation import Request, Rule

SECRET = Rule("a text", secret=True)


class RegisterRequest(Request, frozen=True):
    """Open an account. `born` is an ISO date."""

    name: str
    email: str
    password: str
    born: str
    bio: str | None = None

    rules: ClassVar[Mapping[str, Rule]] = {
        "name": rules.NAME_RULE,
        "email": rules.EMAIL_RULE,
        "password": rules.PASSWORD_RULE,
        "born": rules.BORN_RULE,
        "bio": rules.BIO_RULE,
    }

    def command(self, user_id: str, password_hash: str) -> Register:
        """Return the command to the user that will have this id."""
        return Register(user_id, self.name, self.email, password_hash, self.born, self.bio)


class LoginRequest(Request, frozen=True):
    """Open a session. What can't be anybody's e-mail or password is wrong like any other, so there are no rules."""

    email: str
    password: str

    rules: ClassVar[Mapping[str, Rule]] = {"email": Rule("a text"), "password": SECRET}


class UpdateUserRequest(Request, frozen=True):
    """Change the own account; what is left out stays. `currentPassword` is verified if it comes with a new one."""

    id: str | None = None
    name: str | None = None
    password: str | None = None
    current_password: str | None = None
    born: str | None = None
    bio: str | UnsetType | None = UNSET

    rules: ClassVar[Mapping[str, Rule]] = {
        "id": rules.ID_RULE,
        "name": rules.NAME_RULE,
        "password": rules.PASSWORD_RULE,
        "current_password": SECRET,
        "born": rules.BORN_RULE,
        "bio": rules.BIO_RULE,
    }

    @property
    def user_id(self) -> str | None:
        """Whose account is meant, if the request says it."""
        return None if self.id is None else parse_tsid(self.id)

    def command(self, session_id: str, password_hash: str | None) -> UpdateUser:
        """Return the command; `session_id` is the session that a new password leaves alive."""
        return UpdateUser(session_id, self.name, password_hash, self.born, self.bio)


class RelateUserRequest(Request, frozen=True):
    """Relate the own account to the user in the path; the title says how: "works with"."""

    title: str

    rules: ClassVar[Mapping[str, Rule]] = {"title": rules.RELATION_TITLE_RULE}

    def command(self, user_id: str) -> RelateUser:
        """Return the command to the caller's own account."""
        return RelateUser(user_id, self.title)
