"""Whoever may push to the queue pushes whatever they like."""

import json
from collections import ChainMap
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.one_sync import CONFIG, status, ticks, world_of_one_sync

HINT = {
    "v": 1,
    "config": CONFIG,
    "kind": "sync",
    "cause": "webhook",
    "createdAt": "2026-01-01T00:00:00Z",
    "notBefore": "2026-01-01T00:00:00Z",
    "attempt": 1,
    "jobId": "0123abcd",
    "requestId": None,
    "args": {},
}
TIMES = st.sampled_from(
    [
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2026-01-01T00:00:00+14:00",
        "2026-01-01T01:00:00Z",
        1e15,
        -1e15,
        1e308,
        "Infinity",
    ]
)
CONFIGS = st.sampled_from(
    [CONFIG, "secret-syncs/p/none.json", "secret-syncs/../x.json", "x" * 9999]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | TIMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = {
    "createdAt": TIMES,
    "notBefore": TIMES,
    "config": CONFIGS | ANYTHING,
    "kind": st.sampled_from(["sync", "verify", "import", "remove"]) | ANYTHING,
    "cause": st.sampled_from(["webhook", "vault-event", "api"]) | ANYTHING,
    "attempt": st.integers() | ANYTHING,
    "jobId": ANYTHING,
    "requestId": ANYTHING,
    "args": ANYTHING,
    "seal": ANYTHING,
    "v": ANYTHING,
}
ONE = st.one_of([it.map(lambda value, name=name: {name: value}) for name, it in FIELDS.items()])
NEARLY = st.lists(ONE, max_size=2).map(lambda ones: json.dumps({**HINT, **ChainMap(*ones)}))
MESSAGES = NEARLY | NEARLY | ANYTHING.map(json.dumps) | st.text()


@pytest.fixture
def world():
    """A calm world with one sync."""
    return world_of_one_sync()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(messages=st.lists(MESSAGES, min_size=1, max_size=4))
def test_no_message_stops_the_clock(world, messages):
    """Whatever lies on the queue, the very next ticks verify what is due."""
    world.queue.messages.clear()
    world.interval = timedelta(0)
    world.queue.put(messages)
    before = world.scheduler.now()
    ticks(world, 2)
    assert status(world).verified_at > before


@pytest.mark.parametrize("field", ["createdAt", "notBefore"])
def test_a_time_beyond_all_times(world, field):
    """An unsealed message of the year 9999 is dropped; the job beside it is run by the same tick."""
    world.queue.put([json.dumps(HINT | {field: "9999-12-31T23:59:59Z"}), json.dumps(HINT)])
    world.scheduler.seconds += 20
    ticks(world, 1)
    assert status(world).sync.status == "succeeded"
    assert world.queue.messages == []
