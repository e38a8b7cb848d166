"""Accounts and sessions in the documentation."""

from __future__ import annotations

from spikes.domain.user.request import LoginRequest, RegisterRequest, UpdateUserRequest
from spikes.domain.user.response import SessionResponse, UserResponse
from spikes.web.operation import IDEMPOTENCY_KEY, LOCATION, NEXT, Answer, Link, Operation
from spikes.web.sessions import TokenResponse

REGISTER = Operation(
    id="register",
    tag="Accounts",
    summary="Open an account",
    for_all=True,
    text="E-mail addresses are unique, without regard to case. Then log in: this answer holds no token.",
    request=RegisterRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=(
        Answer(
            201,
            UserResponse,
            "The new account.",
            (LOCATION,),
            links=(Link("readUser", {"tsid": "$response.body#/id"}),),
        ),
    ),
    errors={403: "Registration is closed here.", 409: "The e-mail address is in use already."},
    example={"name": "Ada Lovelace", "email": "ada@example.com", "password": "Analytic-1", "born": "1990-12-10"},
)
LOGIN = Operation(
    id="login",
    tag="Sessions",
    summary="Log in",
    for_all=True,
    text="Opens a session and answers with its token, which is shown only this once. Wrong credentials are a 400 with "
    "the code `wrong_credentials`, whether or not there is such an account.",
    request=LoginRequest,
    answers=(Answer(200, TokenResponse, "The token; `expires_in` is in seconds."),),
    example={"email": "ada@example.com", "password": "Analytic-1"},
)
LOGOUT = Operation(
    id="logout",
    tag="Sessions",
    summary="Log out",
    text="Ends the session of the token that the request comes with.",
    answers=(Answer(204, None, "The session has ended."),),
)
ME = Operation(
    id="readMe",
    tag="Accounts",
    summary="Read the own account",
    answers=(Answer(200, UserResponse, "The caller's account, with `email` and `born`."),),
)
UPDATE = Operation(
    id="updateMe",
    tag="Accounts",
    summary="Change the own account",
    text="What is left out stays as it is; a `bio` of null is removed. A new `password` ends all other sessions; "
    "`currentPassword` is verified if it is given, and a wrong one is a 400 with the code `wrong_credentials`.",
    request=UpdateUserRequest,
    headers=(IDEMPOTENCY_KEY,),
    answers=(Answer(200, UserResponse, "The account as it is now."),),
    errors={403: "`id` is somebody else's."},
    example={"name": "Ada King", "bio": "Countess of Lovelace"},
)
REMOVE = Operation(
    id="removeMe",
    tag="Accounts",
    summary="Remove the own account",
    text="All sessions end at once, the e-mail address becomes free, and the notes go with the account.",
    answers=(Answer(200, UserResponse, "The account as it was."),),
)
LIST = Operation(
    id="listUsers",
    tag="Accounts",
    summary="List profiles, the newest first",
    answers=(Answer(200, list[UserResponse], "Public profiles; the caller's own is whole.", (NEXT,)),),
)
READ = Operation(
    id="readUser",
    tag="Accounts",
    summary="Read a profile",
    answers=(Answer(200, UserResponse, "The public profile: `email` and `born` are null but for oneself."),),
)
SESSIONS = Operation(
    id="listSessions",
    tag="Sessions",
    summary="List the own sessions",
    answers=(Answer(200, list[SessionResponse], "All live sessions; `current` marks the one of this request."),),
)
END_SESSION = Operation(
    id="endSession",
    tag="Sessions",
    summary="End one of the own sessions",
    answers=(Answer(204, None, "The session has ended."),),
)
