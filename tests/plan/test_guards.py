from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.plan.bundle import KeyChanges
from functions.plan.desired import Desired, desired_from
from functions.plan.guards import deletion_time, guard
from functions.plan.models import Action, Change
from functions.plan.plan import Plan
from functions.plan.sync_config import DeletionGuard
from tests.support.plan_examples import NOW, planner, secret, source, steps


def a_loss(lost, before, **fields) -> Plan:
    """Return a plan that takes so many of so many keys from a bundle."""
    held = [f"K{n}" for n in range(before)]
    keys = KeyChanges(lost=tuple(held[:lost]), held=frozenset(held), **fields)
    return Plan(changes=(Change(Action.UPDATE, "app", secret("app"), keys=keys),))


FULL = desired_from(source({"KEY": "1"}), planner().schema)
EMPTY = Desired({})


def names(count):
    """Return the names of so many secrets in scope."""
    return frozenset(f"D{n}" for n in range(count))


def a_plan(*, deletions=0, in_scope=0, others=(), **facts) -> Plan:
    """Return a plan that deletes so many of so many secrets in scope."""
    doomed = [Change(Action.DELETE, f"D{n}", secret(f"D{n}")) for n in range(deletions)]
    return Plan(changes=(*others, *doomed), in_scope=names(in_scope), **facts)


def guarded(plan, desired=FULL, *, kept=(), **facts):
    """Apply the guards; `kept` names are held back."""
    return guard(plan, desired, kept=dict.fromkeys(kept, "of a reason"), **facts)


def held(plan):
    """Return the names that a guard holds."""
    return [change.name for change in plan.changes if change.held]


@pytest.mark.parametrize(
    ("deletions", "in_scope", "stops"),
    [
        (3, 3, False),
        (4, 4, True),
        (4, 7, True),
        (4, 8, False),
        (4, 9, False),
        (5, 9, True),
        (9, 9, True),
        (3, 10, False),
        (4, 10, True),
        (10, 10, True),
        (3, 11, False),
        (4, 13, True),
        (4, 14, False),
        (30, 100, False),
        (31, 100, True),
        (0, 100, False),
        (91, 303, True),
        (90, 303, False),
    ],
)
def test_a_flood_of_deletions_stops_the_run(deletions, in_scope, stops):
    """Deleting more than 30 % of ten or more secrets stops everything; of fewer, four and more than half."""
    made = guarded(a_plan(deletions=deletions, in_scope=in_scope))
    assert bool(made.stops) == stops
    if stops:
        assert f"{deletions} of {in_scope} secrets in scope would be deleted" in made.stops[0]


def test_a_flood_of_updates_is_no_flood_of_deletions():
    """Only deletions are judged: what is changed stays."""
    others = [Change(Action.UPDATE, f"D{n}", secret(f"D{n}")) for n in range(10)]
    assert not guarded(a_plan(in_scope=10, others=others)).stops
    assert not guarded(a_plan(in_scope=10, others=others), EMPTY).stops


def test_what_is_held_stands_on_neither_side():
    """A held deletion counts neither as deleted nor as standing; a secret whose update is held stands."""
    others = [Change(Action.UPDATE, f"D{n}", secret(f"D{n}")) for n in (8, 9)]
    plan = a_plan(deletions=4, in_scope=10, others=others)
    assert "4 of 10 secrets" in guarded(plan, kept=["D8", "D9"]).stops[0]
    assert not guarded(plan, kept=["D0"]).stops  # three of nine


def test_a_stop_says_what_to_do():
    """A stop says that nothing was written, why, and the fingerprint that forces just this plan."""
    plan = a_plan(deletions=10, in_scope=10)
    made = guarded(plan)
    (stop,) = made.stops
    assert stop == (
        "Nothing was written: 10 of 10 secrets in scope would be deleted, more than 30 %: "
        "D0, D1, D2, D3, D4, and 5 more. "
        f"If that is meant, run the sync with force {plan.fingerprint}."
    )
    assert made.fingerprint == plan.fingerprint
    assert made.changes == plan.changes


def test_a_stop_names_what_force_lets_through_besides():
    """A stop also names what is held, as force lets that through too."""
    others = [Change(Action.UPDATE, "U", secret("U"))]
    made = guarded(a_plan(deletions=11, in_scope=11, others=others), kept=["U", "D0"])
    assert made.stops[0].endswith(", which also lets through what is kept: update U, delete D0.")


@pytest.mark.parametrize(
    ("limit", "deletions", "in_scope", "stops"),
    [
        (DeletionGuard(max_percent=10), 3, 20, False),
        (DeletionGuard(max_percent=10, min_count=1), 2, 20, False),
        (DeletionGuard(max_percent=10, min_count=1), 3, 20, True),
        (DeletionGuard(max_percent=0, min_count=1), 1, 100, True),
        (DeletionGuard(max_percent=0, min_count=1), 1, 9, False),
        (DeletionGuard(min_count=2), 2, 3, True),
        (DeletionGuard(max_percent=60), 5, 9, False),
        (DeletionGuard(max_percent=60), 6, 9, True),
        (DeletionGuard(max_percent=100), 50, 50, False),
        (DeletionGuard(min_count=40), 39, 40, False),
    ],
)
def test_both_numbers_of_the_guard_can_be_set(limit, deletions, in_scope, stops):
    """A sync may set from which share and from how many deletions on a person must agree."""
    made = guarded(a_plan(deletions=deletions, in_scope=in_scope), limit=limit)
    assert bool(made.stops) == stops


@pytest.mark.parametrize(
    ("deletions", "in_scope", "lately", "pending", "stops"),
    [
        (3, 5, 4, 4, True),
        (2, 5, 4, 1, False),
        (3, 5, 0, 9, False),
        (1, 69, 30, 30, True),
        (1, 97, 29, 40, False),
        (0, 5, 40, 40, False),
    ],
)
def test_deletions_of_a_day_count_together(deletions, in_scope, lately, pending, stops):
    """A wipe in portions is one: what was deleted within a day and did not come back counts along."""
    among_all = a_plan(deletions=deletions, in_scope=in_scope, pending=pending)
    among_own = a_plan(deletions=deletions, own=names(in_scope), own_pending=pending)
    for plan in (among_all, among_own):
        made = guarded(plan, deleted_lately=lately)
        assert bool(made.stops) == stops
        if stops:
            assert f"({lately} of them within the last 24 hours)" in made.stops[0]


def test_deleted_strangers_are_no_own_secrets():
    """Deletions of secrets without the sync's tag count along among all secrets, not among its own."""
    plan = a_plan(deletions=1, in_scope=100, own=names(10), pending=20)
    assert not guarded(plan, deleted_lately=20).stops


def test_strangers_do_not_dilute_the_share():
    """Eight of nine own secrets are too many, however many strangers are in scope as well."""
    plan = a_plan(deletions=8, in_scope=60, own=names(9))
    assert "8 of 9 own secrets in scope would be deleted" in guarded(plan).stops[0]


def test_held_deletions_do_not_dilute_the_share():
    """A deletion that is held counts on neither side."""
    plan = a_plan(deletions=34, in_scope=39)
    made = guarded(plan, kept=[f"D{n}" for n in range(30)])
    assert "4 of 9 " not in "".join(made.stops)
    made = guarded(a_plan(deletions=38, in_scope=39), kept=[f"D{n}" for n in range(30)])
    assert "8 of 9 secrets in scope would be deleted" in made.stops[0]


@pytest.mark.parametrize("desired", [EMPTY, Desired({}, {}, ("A",))])
def test_an_empty_source_never_deletes(desired):
    """A source without any value, or with empty ones only, stops a plan that would delete."""
    made = guarded(a_plan(deletions=1, in_scope=1), desired)
    assert "the source folder is empty, and 1 secret would be deleted" in made.stops[0]
    assert not guarded(a_plan(in_scope=9), desired).stops


def test_a_source_with_one_readable_or_broken_key_is_not_empty():
    """A source that holds a value, or a key with an error, is not taken for empty."""
    for desired in (FULL, Desired({}, {"A": "why"})):
        assert not guarded(a_plan(deletions=1, in_scope=1), desired).stops


def test_an_empty_source_and_a_flood_are_both_told():
    """Each guard that stops a plan is told, with one and the same fingerprint."""
    made = guarded(a_plan(deletions=10, in_scope=10), EMPTY)
    assert len(made.stops) == 2
    assert all(made.fingerprint in stop for stop in made.stops)


def test_what_is_kept_is_held_and_named():
    """A change that is held back stays in the plan, and a warning names it and says why."""
    plan = a_plan(deletions=2, in_scope=2, others=[Change(Action.UPDATE, "U", secret("U"))])
    made = guarded(plan, kept=["U", "D0", "ABSENT"])
    assert held(made) == ["U", "D0"]
    assert made.warnings == ("U: kept, of a reason", "D0: kept, of a reason")
    assert steps(made) == steps(plan)
    assert {change.name for change in made.critical} == {"U", "D0", "D1"}


def test_what_is_held_does_not_count_as_a_deletion():
    """Deletions that a guard holds back anyway neither stop the run nor add to its flood."""
    plan = a_plan(deletions=4, in_scope=10)
    assert not guarded(plan, kept=["D0"]).stops
    assert not guarded(a_plan(deletions=1, in_scope=1), EMPTY, kept=["D0"]).stops


def test_the_first_reason_to_hold_is_kept():
    """A change that is held already keeps its reason and is not told twice."""
    plan = a_plan(deletions=1, in_scope=1)
    owned_by_other = replace(plan, changes=(replace(plan.changes[0], held="theirs"),))
    made = guarded(owned_by_other, kept=["D0"])
    assert (made.changes, made.warnings) == (owned_by_other.changes, ())


def test_a_harmless_plan_passes_as_it_is():
    """Guards leave a plan alone that does no harm."""
    plan = Plan(changes=(Change(Action.CREATE, "A"),), warnings=("W",), errors={"E": "e"})
    assert guarded(plan) == plan


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.sets(st.sampled_from(["D0", "D1", "U"])),
    st.booleans(),
)
def test_guards_only_hold_back(deletions, kept, held_back, empty):
    """No guard adds, drops or changes a step."""
    others = [Change(Action.UPDATE, "U", secret("U"))]
    plan = a_plan(deletions=deletions, in_scope=deletions + kept, others=others)
    made = guarded(plan, EMPTY if empty else FULL, kept=held_back)
    assert [replace(change, held=None) for change in made.changes] == list(plan.changes)
    passed = sum(c.action == Action.DELETE and not c.held for c in made.changes)
    if not made.stops and deletions + kept >= 10:
        assert passed <= 0.3 * (deletions + kept)


@pytest.mark.parametrize(
    ("days", "wait"),
    [
        (1, timedelta(hours=25)),
        (2, timedelta(days=2)),
        (7, timedelta(days=7)),
        (29, timedelta(days=29)),
        (30, timedelta(days=30) - timedelta(hours=1)),
    ],
)
def test_the_days_until_a_deletion(days, wait):
    """A deletion is scheduled as many days ahead as asked for, with an hour to spare at both ends."""
    assert deletion_time(NOW, days) - NOW == wait


@given(st.integers(-1000, 1000))
def test_a_deletion_is_always_inside_what_oci_accepts(days):
    """Whatever is asked for, a deletion lies at least an hour inside OCI's 24 hours to 30 days."""
    wait = deletion_time(NOW, days) - NOW
    assert timedelta(hours=25) <= wait <= timedelta(days=30) - timedelta(hours=1)


@pytest.mark.parametrize(
    ("lost", "before", "stops"),
    [(3, 3, False), (4, 7, True), (4, 8, False), (3, 10, False), (4, 10, True), (0, 10, False)],
)
def test_a_bundle_that_loses_keys(lost, before, stops):
    """Keys that a bundle would lose are judged as secrets that would be deleted, and named."""
    made = guarded(a_loss(lost, before))
    assert bool(made.stops) == stops
    if stops:
        assert f"{lost} of {before} keys of app would be lost" in made.stops[0]
        assert "K0, K1" in made.stops[0]
        assert f"force {made.fingerprint}" in made.stops[0]


def test_a_bundle_that_is_emptied_in_portions():
    """What was lost within a day counts along, and the deletion guard of the sync holds for keys too."""
    assert not guarded(a_loss(2, 7)).stops
    made = guarded(a_loss(2, 7), lost_lately=["X", "Y", "Z"])
    assert "5 of 10 keys of app would be lost (3 of them within the last 24 hours)" in made.stops[0]
    assert not guarded(a_loss(2, 7), lost_lately=["K0", "K1", "K2"]).stops  # they are there again
    assert not guarded(a_loss(9, 10), limit=DeletionGuard(max_percent=100)).stops


def test_the_fingerprint_of_a_plan_covers_the_keys_that_are_lost():
    """Who agrees to lose some keys does not agree to lose others; new and changed ones need no agreement."""
    one, two = a_loss(1, 10), a_loss(2, 10)
    assert one.fingerprint != two.fingerprint
    assert one.fingerprint == a_loss(1, 10, added=("NEW",), changed=("C",)).fingerprint
    assert a_loss(0, 10, changed=("C",)).fingerprint == Plan().fingerprint


def test_a_bundle_that_is_held_anyway():
    """A bundle that is kept for another reason is no wipe."""
    assert not guarded(a_loss(9, 10), kept=["app"]).stops


def test_a_bundle_that_was_not_read():
    """A bundle of which no key is known is not written, and who agrees to that is let through."""
    change = replace(a_loss(0, 0).changes[0], keys=KeyChanges(is_known=False))
    made = guarded(Plan(changes=(change,)))
    assert (
        "app was not read as a bundle, so it is not known which keys it would lose" in made.stops[0]
    )
    assert made.fingerprint != guarded(a_loss(0, 0)).fingerprint
