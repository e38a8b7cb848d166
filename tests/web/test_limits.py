"""How much one caller may ask in a minute, and who counts as one caller."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from spikes.web.addresses import UNKNOWN, ClientAddress
from spikes.web.errors import Problem
from spikes.web.limits import LOGINS, READS, REGISTRATIONS, WINDOW, WRITES, Buckets, Policy
from spikes.web.passwords import PasswordCost, Passwords
from tests.web.conftest import PASSWORD, Api, Person, Start, account

TEN = Policy("tests", 10)
NOBODY = {"email": "nobody@example.org", "password": PASSWORD}


@pytest.fixture
def url() -> str:
    return "memory:"


@pytest.fixture
async def limited(start: Start) -> Api:
    return await start(rate_limits=True)


@pytest.fixture
async def proxied(start: Start) -> Api:
    """The service behind proxies of this machine and of 10.0.0.0/8."""
    return await start(rate_limits=True, trusted_proxies=("127.0.0.1/32", "10.0.0.0/8"))


def left(headers: object) -> int:
    """Return what is left, by the header RateLimit."""
    return int(dict(headers)["RateLimit"].partition(";r=")[2].partition(";")[0])  # type: ignore[call-overload]


# ------------------------------------------------------------------------------------------------------------- buckets


@pytest.mark.parametrize("policy", [READS, WRITES, LOGINS, REGISTRATIONS, TEN], ids=lambda policy: policy.name)
def test_a_full_bucket_holds_its_quota_and_no_more(policy: Policy) -> None:
    buckets = Buckets(policy)
    assert [left(buckets.take("a", 7.3)) for _ in range(policy.quota)] == list(range(policy.quota))[::-1]
    with pytest.raises(Problem, match="may be"):
        buckets.take("a", 7.3)


def test_an_empty_bucket_fills_evenly() -> None:
    buckets = Buckets(TEN)
    for _ in range(10):
        buckets.take("a", 0.0)
    for moment in (6.0, 12.0):
        with pytest.raises(Problem):
            buckets.take("a", moment - 0.001)
        assert left(buckets.take("a", moment)) == 0


def test_a_refusal_says_when_the_next_may_come() -> None:
    buckets = Buckets(TEN)
    for _ in range(10):
        buckets.take("a", 100.0)
    with pytest.raises(Problem) as refused:
        buckets.take("a", 102.5)
    assert refused.value.headers == (
        ("Retry-After", "4"),
        ("RateLimit-Policy", '"tests";q=10;w=60'),
        ("RateLimit", '"tests";r=0;t=58'),
    )
    buckets.take("a", 106.0)


def test_buckets_are_apart() -> None:
    buckets = Buckets(Policy("tests", 1))
    buckets.take("a", 0.0)
    buckets.take("b", 0.0)


def test_a_full_house_drops_the_bucket_used_longest_ago() -> None:
    buckets = Buckets(Policy("tests", 1), capacity=2)
    for key in ("a", "b", "c"):
        buckets.take(key, 0.0)
    assert len(buckets) == 2
    with pytest.raises(Problem):
        buckets.take("b", 0.0)
    buckets.take("a", 0.0)


def test_a_bucket_that_is_used_stays() -> None:
    buckets = Buckets(Policy("tests", 2), capacity=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key, 0.0)
    with pytest.raises(Problem):
        buckets.take("a", 0.0)


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_minute_has_more_than_a_full_bucket_and_what_fills_it(pauses: list[float]) -> None:
    buckets, now, taken = Buckets(TEN), 1.0, []
    for pause in pauses:
        now += pause
        try:
            buckets.take("a", now)
        except Problem:
            continue
        taken.append(now)
    for first in taken:
        assert sum(first <= moment < first + WINDOW for moment in taken) <= 2 * TEN.quota


# ------------------------------------------------------------------------------------------------------- over HTTP


async def test_answers_say_what_is_left(limited: Api) -> None:
    ann = await limited.person("Ann")
    read = (await limited.get("/users/me", ann)).headers
    assert (read["RateLimit-Policy"], read["RateLimit"]) == ('"reads";q=3000;w=60', '"reads";r=2999;t=1')
    wrote = (await limited.post("/notes", {"title": "A", "body": ""}, ann)).headers
    assert (wrote["RateLimit-Policy"], wrote["RateLimit"]) == ('"writes";q=600;w=60', '"writes";r=599;t=1')


async def test_six_hundred_writes_a_minute_are_enough(limited: Api) -> None:
    ann, bob = await limited.person("Ann"), await limited.person("Bob")
    for _ in range(600):
        assert (await limited.post("/notes", {}, ann)).status == 400
    answer = await limited.post("/notes", {}, ann)
    assert (answer.status, answer.code) == (429, "too_many_requests")
    assert (answer.headers["Retry-After"], left(answer.headers)) == ("1", 0)
    assert (await limited.post("/notes", {}, bob)).status == 400
    assert (await limited.get("/users/me", ann)).status == 200
    limited.clock.pass_by(seconds=1)
    assert (await limited.post("/notes", {}, ann)).status == 400


async def test_three_thousand_reads_a_minute_are_enough(limited: Api) -> None:
    for _ in range(3000):
        assert (await limited.get("/nowhere")).status == 404
    assert (await limited.get("/nowhere")).status == 429
    assert (await limited.get("/liveness")).status == 200
    assert (await limited.get("/readiness")).status == 200


@pytest.mark.parametrize(
    ("path", "body", "quota", "wait"), [("/users/login", NOBODY, 20, 3), ("/users", account("Ann"), 10, 6)]
)
async def test_logins_and_registrations_are_dearer(
    limited: Api, path: str, body: object, quota: int, wait: int
) -> None:
    statuses = [(await limited.post(path, body)).status for _ in range(quota)]
    assert 429 not in statuses
    answer = await limited.post(path, body)
    assert (answer.status, answer.headers["Retry-After"]) == (429, str(wait))
    limited.clock.pass_by(seconds=wait)
    assert (await limited.post(path, body)).status in (400, 409)


async def test_bad_tokens_are_counted_by_address(limited: Api) -> None:
    nobody = Person("", "", "bad")
    for _ in range(600):
        assert (await limited.post("/notes", {}, nobody)).status == 401
    assert (await limited.post("/notes", {}, nobody)).status == 429


async def test_without_limits_nothing_is_counted(api: Api) -> None:
    for _ in range(21):
        answer = await api.post("/users/login", NOBODY)
        assert answer.status == 400
    assert not {"RateLimit", "RateLimit-Policy", "Retry-After"} & set(answer.headers)


async def test_clients_behind_a_proxy_are_apart(proxied: Api) -> None:
    for _ in range(20):
        await proxied.post("/users/login", NOBODY, X_Forwarded_For="192.0.2.1")
    assert (await proxied.post("/users/login", NOBODY, X_Forwarded_For="192.0.2.1")).status == 429
    assert (await proxied.post("/users/login", NOBODY, X_Forwarded_For="9.9.9.9, 192.0.2.1, 10.0.0.7")).status == 429
    assert (await proxied.post("/users/login", NOBODY, X_Forwarded_For="192.0.2.2")).status == 400


async def test_who_is_no_proxy_is_not_believed(limited: Api) -> None:
    for number in range(20):
        await limited.post("/users/login", NOBODY, X_Forwarded_For=f"192.0.2.{number}")
    assert (await limited.post("/users/login", NOBODY, X_Forwarded_For="192.0.2.99")).status == 429


# ----------------------------------------------------------------------------------------------------------- addresses


class Peer:
    """What a request without a socket needs, to have come from somewhere."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self.address, 4321) if name == "peername" and self.address else default


def address(peer: str, *forwarded: str, trusted: tuple[str, ...] = ("10.0.0.0/8", "fd00::/8")) -> str:
    headers = [("X-Forwarded-For", text) for text in forwarded]
    request = make_mocked_request("GET", "/", CIMultiDict(headers), transport=Peer(peer))
    return ClientAddress(trusted).of(request)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.5, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.5, 198.51.100.1, 10.2.3.4",), "198.51.100.1"),
        ("10.0.0.1", ("203.0.113.5", "198.51.100.1", "10.2.3.4"), "198.51.100.1"),
        ("10.0.0.1", ("10.9.9.9 ,10.2.3.4",), "10.9.9.9"),
        ("10.0.0.1", ("203.0.113.5, nonsense",), "10.0.0.1"),
        ("10.0.0.1", ("203.0.113.5, nonsense, 10.0.0.2",), "10.0.0.2"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1:4711",), "198.51.100.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("fd00::1", ("[2001:db8:1:2:3::4]:80",), "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", (), "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", (), "192.0.2.1"),
        ("", ("198.51.100.1",), UNKNOWN),
    ],
)
def test_an_address_is_read_from_the_right_through_trusted_hops(
    peer: str, forwarded: tuple[str, ...], client: str
) -> None:
    assert address(peer, *forwarded) == client


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_nobody_can_pretend_to_be_another(claimed: str) -> None:
    assert address("10.0.0.1", f"{claimed},198.51.100.1") == "198.51.100.1"
    assert address("192.0.2.1", claimed) == "192.0.2.1"


# -------------------------------------------------------------------------------------------------------- registration


async def test_no_hash_is_made_for_an_email_in_use(start: Start) -> None:
    passwords = Passwords(PasswordCost(1, 8, 1))
    api = await start(passwords)
    await api.person("Ann")
    passwords.close()
    answer = await api.post("/users", account("Ann"))
    assert (answer.status, answer.content["message"]) == (409, "email ann@example.org already in use")


async def test_a_repeated_registration_gets_its_first_answer(api: Api) -> None:
    first = await api.post("/users", account("Ann"), Idempotency_Key="k")
    again = await api.post("/users", account("Ann"), Idempotency_Key="k")
    assert (first.status, again.status, again.content) == (201, 201, first.content)
