"""Observing both sides of a sync."""

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

from functions.calls.clock import SystemClock
from functions.calls.deadline import Gate
from functions.calls.parallel import ThreadPool
from functions.run.observe import Observer
from functions.run.services import RunServices
from tests.support.memory import MemoryStore
from tests.support.plan_examples import DIGESTS, OTHER_SYNC, secret, sync, tags

LONGEST_SECONDS = 10.0


def observer(existing_sync_ids):
    """Return the observer of a sync that asks this for who else lives."""
    clock = SystemClock()
    services = RunServices(
        clock,
        Random(1),
        MemoryStore("oci://bucket", clock),
        ThreadPool(1),
        DIGESTS,
        notifier=None,
        source=lambda _: None,
        vault=lambda *_: None,
        protected_ids=frozenset,
        existing_sync_ids=existing_sync_ids,
    )
    return Observer(sync(), services, Gate(clock, clock.monotonic() + 60), lambda: None)


def test_a_slow_answer_holds_up_nobody_else():
    """A run that waits for an answer does not hold up another run in the same container."""
    is_waiting, may_answer = threading.Event(), threading.Event()

    def answer_late():
        is_waiting.set()
        may_answer.wait(LONGEST_SECONDS)
        return frozenset()

    listing = [secret("A", tags=tags("A", "one", owner=OTHER_SYNC))]
    with ThreadPoolExecutor() as threads:
        try:
            slow = threads.submit(observer(answer_late).planner, listing)
            assert is_waiting.wait(LONGEST_SECONDS)
            other = threads.submit(observer(lambda: frozenset([OTHER_SYNC])).planner, listing)
            assert other.result(LONGEST_SECONDS / 10).owned_by_other(listing[0])
        finally:
            may_answer.set()
        assert slow.result(LONGEST_SECONDS).owned_by_other(listing[0]) is None
