"""Which deletions are undone."""

import pytest

from functions.plan.models import BLOCKING, State
from functions.run.undo import plan_undo
from tests.support.plan_examples import OTHER_SYNC, PROTECTED_ID, planner, secret, steps, tags


def undone(*listing):
    """Return the plan that brings `A` back."""
    return plan_undo(planner(), ["A"], listing)


def test_what_waits_for_its_deletion_is_restored():
    """A secret whose deletion is scheduled is restored, whoever's tag it carries if that sync is gone."""
    waiting = secret("A", State.PENDING_DELETION, tags=tags("A", "1"))
    plan = undone(waiting, secret("B", State.PENDING_DELETION))
    assert (steps(plan), plan.errors, plan.blocked) == (["restore A"], {}, ())
    assert plan.changes[0].secret == waiting


def test_what_is_there_needs_nothing():
    """A secret that is there again needs no change."""
    plan = undone(secret("A"))
    assert (plan.changes, plan.errors, plan.blocked) == ((), {}, ())


def test_what_was_deleted_elsewhere_is_told():
    """Where a former vault may be meant, what is not to be deleted here is told; what is, is restored."""
    found = [secret("A"), secret("B", State.PENDING_DELETION)]
    plan = plan_undo(planner(), ["A", "B"], found, is_elsewhere=True)
    assert (steps(plan), plan.errors.keys()) == (["restore B"], {"A"})
    assert "restore it there" in plan.errors["A"]


@pytest.mark.parametrize("state", sorted(BLOCKING))
def test_what_is_in_transition_is_waited_for(state):
    """A secret in transition blocks, and is looked at again."""
    plan = undone(secret("A", state))
    assert ([one.name for one in plan.blocked], plan.changes, plan.errors) == (["A"], (), {})


@pytest.mark.parametrize("listing", [[], [secret("A", State.DELETED)], [secret("A", State.FAILED)]])
def test_what_is_gone_is_told(listing):
    """A secret that is gone cannot be restored; its name says so."""
    plan = undone(*listing)
    assert plan.errors == {"A": "the vault does not hold it any more"}
    assert (plan.changes, plan.blocked) == ((), ())


@pytest.mark.parametrize("state", [State.PENDING_DELETION, State.UPDATING])
def test_what_somebody_claimed_since_is_left_alone(state):
    """A secret that another sync owns by now, or that no job may touch, is told and neither restored nor awaited."""
    others = undone(secret("A", state, tags=tags("A", "1", owner=OTHER_SYNC)))
    protected = undone(secret("A", state, id=PROTECTED_ID))
    for plan, why in ((others, OTHER_SYNC), (protected, "credentials")):
        assert why in plan.errors["A"]
        assert (plan.changes, plan.blocked) == ((), ())
