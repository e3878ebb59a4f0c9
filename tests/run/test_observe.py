"""Observing both sides of a sync."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
from pydantic import SecretBytes

from functions.calls.clock import SystemClock
from functions.calls.deadline import Gate
from functions.errors import Forbidden, InvalidInput, Temporary, WrongState
from functions.plan.desired import Desired
from functions.plan.models import Bundle, SourceSecrets
from functions.plan.ownership import DIGEST_TAG
from functions.plan.written import Written
from functions.run.observe import Observed, Observer, refuse_collisions
from tests.support.bare_services import bare_services
from tests.support.plan_examples import OTHER_SYNC, secret, sync, tags

LONGEST_SECONDS = 10.0


def observer(existing_sync_ids, **options):
    """Return the observer of a sync that asks this for who else lives."""
    clock = SystemClock()
    services = bare_services(clock, existing_sync_ids=existing_sync_ids)
    return Observer(sync(**options), services, Gate(clock, clock.monotonic() + 60), lambda: None)


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


def read_of(*results):
    """Return what reading so many secrets comes to, whose contents are these, or errors."""
    this = observer(frozenset)
    left = {f"id-of-S{number}": result for number, result in enumerate(results)}

    def read(secret_id):
        if isinstance(left[secret_id], Exception):
            raise left[secret_id]
        return left[secret_id]

    this._vault = SimpleNamespace(read=read)
    return this.read([secret(f"S{number}") for number in range(len(results))])


def test_what_reading_contents_comes_to():
    """What is not handed out is told by name; the first error that concerns more than its secret is the failure."""
    content, refused = Bundle(SecretBytes(b"1"), 1), Forbidden("no")
    assert read_of(content, refused) == ({"S0": content}, {"S1": refused}, None)
    for first in (WrongState("it goes"), Temporary("later")):
        for second in (WrongState("it goes, too"), Temporary("later, too")):
            bundles, errors, failure = read_of(content, first, second)
            assert (bundles, errors) == ({"S0": content}, {})
            assert type(failure) is type(first)
            assert str(first) in str(failure)
            assert ("S1 is not ACTIVE any more" in str(failure)) == isinstance(first, WrongState)


IN_FOLDERS = {"K": ("/app", "/app/a")}
IN_NAMES = {"a_b_K": ("a/b/K", "a_b/K")}


@pytest.mark.parametrize(
    ("in_folders", "in_names", "says"),
    [
        (IN_FOLDERS, {}, 'in more than one folder: "K" in /app and /app/a. Rename them, or put {{'),
        ({}, IN_NAMES, 'more than one key: "a_b_K" in a/b/K and a_b/K. Rename them, or sync the'),
        (IN_FOLDERS, IN_NAMES, 'in more than one folder: "K" in'),
    ],
)
def test_one_name_for_several_keys(in_folders, in_names, says):
    """Keys that would have one name in the vault are refused by name, with the way out that fits."""
    source = SourceSecrets((), {}, frozenset(), in_folders)
    with pytest.raises(InvalidInput) as refused:
        refuse_collisions(source, Desired({}, collisions=in_names))
    assert says in str(refused.value)


def test_what_is_looked_up_where_any_name_may_have_been_written():
    """While every name is doubted, each secret in scope is looked up once; what else lies there is not."""
    this, looked_up = observer(frozenset, keySchema="P_{{secretKey}}"), []
    listing = [secret("P_A"), secret("P_B"), secret("OTHER")]

    def get(secret_id):
        looked_up.append(secret_id)
        return next(one for one in listing if one.id == secret_id)

    this._vault = SimpleNamespace(get=get)
    seen = Observed(SourceSecrets(()), listing)
    assert this.refresh(seen, {}) == seen
    assert looked_up == []
    done = Written(at=SystemClock().now()).as_done(
        "id-of-P_A", tags("P_A", "1")[DIGEST_TAG], is_going=False
    )
    this.memory.recent["P_A"] = done
    shown = [secret("P_A", tags=tags("P_A", "1")), *listing[1:]]
    assert this.refresh(replace(seen, listing=shown), {}).listing == shown
    assert looked_up == [], "the listing shows what was written"
    this.memory.recent.clear()
    this.memory.doubt_everything(SystemClock().now())
    assert this.refresh(seen, {}).listing == listing
    assert sorted(looked_up) == ["id-of-P_A", "id-of-P_B"]
