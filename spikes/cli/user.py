"""`spikes user reset-password`: through the entity, so that it is an event like any other."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time

from spikes.actors.port import AskTimeout
from spikes.bootstrap import start_entities
from spikes.cli.store import existing_journal, refuse_missing
from spikes.domain.rules import PASSWORD_RULE
from spikes.domain.user.command import UpdateUser
from spikes.domain.user.entity import email_claim
from spikes.exits import Exit
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Error
from spikes.settings import Settings
from spikes.web.passwords import Passwords

NO_SESSION = ""
"""The session that goes on after the change: none."""


OPERATOR = "command-line"
"""The request id that the event carries, so that the history tells it from a change by the users themselves."""


class Refused(Exception):
    """It was not done; the message says why."""


def reset_password(settings: Settings, email: str, *, from_input: bool) -> int:
    """Give the user a new password and end all sessions; `Exit.PROBLEMS` if there is no such user or it was refused.

    The password is read while no loop runs, so that Ctrl-C ends the command as anywhere else.
    """
    refuse_missing(settings.journal)
    try:
        user = asyncio.run(_user(settings, email))
        asyncio.run(_change(settings, user, _read(from_input)))
    except Refused as problem:
        print(f"spikes: {problem}", file=sys.stderr)
        return Exit.PROBLEMS
    print(f"{email} has the new password; all sessions have ended", file=sys.stderr)
    return Exit.OK


async def _user(settings: Settings, email: str) -> PersistenceId:
    async with existing_journal(settings) as journal:
        holder = await journal.holder(email_claim(email))
    if holder is None:
        raise Refused(f"no user has the e-mail address {email}")
    return PersistenceId.parse(holder)


async def _change(settings: Settings, user: PersistenceId, password: str) -> None:
    command = UpdateUser(NO_SESSION, password_hash=await _hash(password))
    try:
        async with start_entities(settings) as (entities, _):
            answer = await entities.ask(user, command, principal=user.entity_id, request_id=OPERATOR)
    except AskTimeout:
        raise Refused("no answer came in time; the password may have been changed or not") from None
    if isinstance(answer.status, Error):
        raise Refused(f"the password was not changed: {answer.status.reason}")


def _read(from_input: bool) -> str:
    """Return a password by the domain's rule. Raises Refused."""
    try:
        return _from_input() if from_input else _from_terminal()
    except EOFError:
        raise Refused("no password was given") from None


def _from_input() -> str:
    return _checked(sys.stdin.readline().rstrip("\r\n"))


def _from_terminal() -> str:
    password = _checked(getpass.getpass("New password: "))
    if getpass.getpass("The same again: ") != password:
        raise Refused("the two passwords differ")
    return password


def _checked(password: str) -> str:
    if not PASSWORD_RULE.check(password, int(time.time() * 1000)):
        raise Refused(f"the password must have {PASSWORD_RULE.right}")
    return password


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
