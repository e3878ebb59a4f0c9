"""A container lives for days, and its clock may jump: nothing that computes with time breaks or sticks."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.api.health import HealthCheck
from functions.calls.deadline import Gate
from functions.calls.pace import AdaptiveRate
from functions.calls.parallel import ThreadPool
from functions.calls.retry import Retrying, asked_seconds
from functions.credentials import CredentialsKeeper
from functions.errors import Temporary, Throttled
from tests.support.virtual_time import VirtualClock

YEAR_SECONDS = 366 * 86_400.0
REST_SECONDS = st.floats(0, 10 * YEAR_SECONDS)


@given(rests=st.lists(REST_SECONDS, max_size=5), asked=st.floats(0, 1e15) | st.none())
def test_a_pace_after_any_rest(rests, asked):
    """After refusals and however long a rest, calls start again within a minute."""
    clock = VirtualClock()
    pace = AdaptiveRate(clock)
    pace.refused(asked)
    for rest in rests:
        clock.sleep(rest)
        wait = pace.reserve()
        assert 0 <= wait <= 60
        clock.sleep(wait)
        pace.answered()
        pace.refused(None)
    clock.sleep(YEAR_SECONDS)
    assert [pace.reserve() for _ in range(3)] == [0, 0, 0]


def test_refusals_without_end():
    """A worker of hours whose every call is refused ends with the refusal, not with an error of its own."""
    clock = VirtualClock()

    def refused():
        raise Throttled("slow down", 0.0)

    with pytest.raises(Throttled):
        Retrying(Gate(clock, deadline=20_000), random=lambda: 0.0).call(refused)
    assert clock.monotonic() > 19_000


@given(st.text() | st.floats().map(str) | st.integers().map(str) | st.none())
def test_what_a_server_asks_to_wait(text):
    """Whatever stands in Retry-After, it is a time between nothing and an hour, or none."""
    seconds = asked_seconds(text)
    assert seconds is None or 0 <= seconds <= 3600


def test_health_after_a_year():
    """What was found of the health is looked up again, once, however long the container rested."""
    clock, asked = VirtualClock(), []
    health = HealthCheck(clock, ThreadPool(1))
    for rest in (0.0, YEAR_SECONDS, 1.0):
        clock.sleep(rest)
        health.answer({"store": lambda: asked.append(1)})
    assert len(asked) == 2


def test_credentials_after_a_year():
    """Credentials are fetched again, once, however long the container rested."""
    clock, fetched = VirtualClock(), []
    body = {"clientId": "id", "clientSecret": "x", "digestKey": b64encode(b"k" * 32).decode()}

    def fetch():
        fetched.append(1)
        return json.dumps(body).encode()

    keeper = CredentialsKeeper(fetch, clock)
    for rest in (0.0, YEAR_SECONDS, 1.0):
        clock.sleep(rest)
        assert keeper.get().client_id == "id"
    assert len(fetched) == 2


@given(st.floats(0, 1e15))
def test_a_wait_beyond_the_deadline(seconds):
    """Nobody waits for what lies beyond the deadline, however far."""
    clock = VirtualClock()

    def busy():
        raise Temporary("busy", seconds)

    with pytest.raises(Temporary):
        Retrying(Gate(clock, deadline=60), random=lambda: 0.5).call(busy)
    assert clock.monotonic() <= 60
