"""Accounts: opening one, reading and changing one's own, and the public profiles of all."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from spikes.domain.refusals import Conflict
from spikes.domain.user.command import GetUser, RemoveUser
from spikes.domain.user.entity import User, email_claim
from spikes.domain.user.request import RegisterRequest, UpdateUserRequest
from spikes.domain.user.response import UserResponse, listed_user, user_response
from spikes.journal.port import CommandKey, Equal, Listed, Query
from spikes.persistence.identity import PersistenceId
from spikes.persistence.reply import Answer
from spikes.web.abilities import check_start
from spikes.web.call import Call
from spikes.web.errors import Problem, Refused, forbidden
from spikes.web.paging import next_page
from spikes.web.reply import Headers, Reply, json_reply
from spikes.web.sessions import check_password


async def register(call: Call) -> Reply:
    """POST /users: open an account."""
    if call.services.settings.registration == "closed":
        raise Problem(403, "registration_closed", "new accounts are not opened here")
    request = await call.body(RegisterRequest, "User")
    with call.once(replace(request, password=""), who=request.email.casefold()) as key:
        if key is None and await call.services.views.holder(email_claim(request.email)):
            raise Refused(Conflict(f"email {request.email} already in use"))  # before a hash is made for nothing
        password_hash = await call.services.passwords.hash(request.password)
        answer = await call.create("user", lambda user_id: request.command(user_id, password_hash), key)
    user: User = call.value(answer)
    headers = (("Location", f"/users/{user.id}"), *call.repeated(answer))
    return json_reply(user_response(user, 0, own=True), 201, headers)


async def read_me(call: Call) -> Reply:
    """GET /users/me: the caller's own account."""
    return json_reply(await own_profile(call))


async def update(call: Call) -> Reply:
    """PUT /users: change the caller's own account; with a new password all other sessions end."""
    request = await call.body(UpdateUserRequest, "User")
    if request.user_id not in (None, call.caller.user_id):
        raise forbidden("an account is changed by nobody but its owner")
    asked = replace(request, password=None, current_password=None)
    with call.once(asked, request.password is not None) as key:
        answer = await _first_answer(call, request, key) or await _update(call, request, key)
    return json_reply(await _own(call, call.value(answer)), headers=call.repeated(answer))


async def remove(call: Call) -> Reply:
    """DELETE /users: remove the caller's own account."""
    notes = await count_notes(call, call.caller.user_id, own=True)
    answer = await call.ask("user", call.caller.user_id, RemoveUser())
    return json_reply(user_response(call.value(answer), notes, own=True))


async def read(call: Call) -> Reply:
    """GET /users/{tsid}: somebody's profile."""
    user_id = call.tsid()
    if user_id == call.user_id:
        return json_reply(await own_profile(call))
    answer, notes = await asyncio.gather(call.ask("user", user_id, GetUser()), count_notes(call, user_id, own=False))
    return json_reply(user_response(call.value(answer), notes, own=False))


async def list_all(call: Call) -> Reply:
    """GET /users: all profiles, the newest first."""
    start, count = call.number("start"), call.number("count")
    check_start(call.services.views.capabilities, start)
    page = await call.services.views.query(Query("user", (Equal("removing", 0),), limit=count, offset=start))
    users = await asyncio.gather(*(_listed(call, row) for row in page.rows))
    more: Headers = next_page("/users", start=start + count, count=count) if page.next else ()
    return json_reply(users, headers=more)


async def own_profile(call: Call) -> UserResponse:
    """Return the caller's own profile, whole."""
    answer = await call.ask("user", call.caller.user_id, GetUser())
    return await _own(call, call.value(answer))


async def count_notes(call: Call, user_id: str, own: bool) -> int:
    """Count a user's notes outside the trash: all for the user, else the public ones."""
    public = () if own else (Equal("access", "Public"),)
    return await call.services.views.count(Query("note", (Equal("owner", user_id), Equal("trashed", None), *public)))


async def _own(call: Call, user: User) -> UserResponse:
    return user_response(user, await count_notes(call, user.id, own=True), own=True)


async def _listed(call: Call, row: Listed) -> UserResponse:
    user_id = PersistenceId.parse(row.persistence_id).entity_id
    if user_id == call.user_id:
        return await own_profile(call)
    return listed_user(row.item, await count_notes(call, user_id, own=False))


async def _first_answer(call: Call, request: UpdateUserRequest, key: CommandKey | None) -> Answer | None:
    """Return what this key was answered before: its `currentPassword` may be the old one by now."""
    if key is None or request.current_password is None:
        return None
    answer = await call.ask("user", call.caller.user_id, GetUser(), key=key)
    return answer if answer.replayed else None


async def _update(call: Call, request: UpdateUserRequest, key: CommandKey | None) -> Answer:
    caller, password_hash = call.caller, None
    if request.current_password is not None:
        await check_password(call, caller.user_id, request.current_password)
    if request.password is not None:
        password_hash = await call.services.passwords.hash(request.password)
    return await call.ask("user", caller.user_id, request.command(caller.session_id, password_hash), key=key)
