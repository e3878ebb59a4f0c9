"""Which changes of a plan the guards, a force, or an agreement let through; a run has several passes."""

from types import SimpleNamespace

import pytest

from functions.errors import Refused
from functions.plan.bundle import KeyChanges
from functions.plan.job import Args
from functions.plan.models import Action, Change
from functions.plan.plan import Plan
from functions.run.push import permitted
from functions.state.memory import Memory
from functions.state.status import Granted, Progress, Status
from tests.support.plan_examples import secret

STOP = "Nothing was written: too many."


def change(action, name, held=None, **fields):
    """Return a change."""
    return Change(action, name, secret(name), held=held, **fields)


CREATED = change(Action.CREATE, "NEW")
HELD = change(Action.UPDATE, "HELD", "it hides")
GONE = change(Action.DELETE, "GONE")
GONE_TOO = change(Action.DELETE, "GONE_TOO")
TAGGED = change(Action.TAG, "TAGGED")
BUNDLE = change(Action.UPDATE, "app", keys=KeyChanges(removed=("A",), lost=("A",)))


class ARun:
    """What `permitted` asks of a run; it notes what was saved."""

    def __init__(self, *, force=None, agreed=None, granted=None, imported_by=None):
        args = Args(force=force, plan=agreed)
        self.job = SimpleNamespace(args=args, job_id="this-job")
        self.memory = Memory(granted=granted)
        self.observer = SimpleNamespace(memory=self.memory)
        status = Status(import_=Progress(job_id=imported_by))
        self.document = SimpleNamespace(status=status)
        self.granted = frozenset()
        self.saved = []

    def save_memory(self):
        self.saved.append(self.memory.granted)


def names(run, *changes, stops=()):
    """Return the names that are let through."""
    return [one.name for one in permitted(run, Plan(changes, stops=tuple(stops)))]


def fingerprint(*changes):
    """Return what a person sees of a plan."""
    return Plan(changes).fingerprint


def noted(force, *names):
    """Return what an earlier pass noted."""
    return Granted(fingerprint=force, names=list(names))


def test_without_force_what_is_held_waits():
    """What a guard holds is not done, all else is."""
    run = ARun()
    assert names(run, CREATED, HELD, GONE) == ["NEW", "GONE"]
    assert run.saved == []


def test_without_force_a_stop_stops_all_that_deletes():
    """A stop lets nothing through; where nothing is to be deleted any more it stops nothing."""
    with pytest.raises(Refused, match="too many"):
        names(ARun(), CREATED, GONE, stops=[STOP])
    assert names(ARun(), CREATED, stops=[STOP]) == ["NEW"]


def test_a_force_lets_its_plan_through():
    """The force of a plan lets through what it deletes and what is held, and notes that before."""
    force = fingerprint(CREATED, HELD, GONE)
    run = ARun(force=force)
    assert names(run, CREATED, HELD, GONE, stops=[STOP]) == ["NEW", "HELD", "GONE"]
    assert run.saved == [noted(force, "- GONE", "HELD")]


def test_a_force_of_another_plan_is_refused():
    """The force of another plan lets nothing through, and the right one is told."""
    right = fingerprint(GONE)
    for granted in (None, noted(right, "- GONE")):
        with pytest.raises(Refused, match=right):
            names(ARun(force="0" * 16, granted=granted), GONE)


def test_a_later_attempt_goes_on():
    """Where some of it is done the plan has another fingerprint: what was let through stays so, and no more."""
    force = fingerprint(HELD, GONE, GONE_TOO)
    begun = noted(force, "- GONE", "- GONE_TOO", "HELD")
    for left in ((GONE,), (HELD, GONE), (HELD, GONE, GONE_TOO)):
        run = ARun(force=force, granted=begun)
        assert names(run, *left, stops=[STOP]) == [one.name for one in left]
        assert run.saved == []
    with pytest.raises(Refused, match="has changed"):
        names(ARun(force=force, granted=begun), GONE, change(Action.DELETE, "OTHER"))


def test_who_let_a_name_be_written_did_not_let_it_be_deleted():
    """A name whose update was let through is not deleted by that."""
    force = fingerprint(HELD)
    run = ARun(force=force, granted=noted(force, "HELD"))
    with pytest.raises(Refused, match="has changed"):
        names(run, change(Action.DELETE, "HELD"))


def test_a_force_counts_in_all_passes_of_a_run():
    """What was let through once counts in later passes of the run; a deletion that is new to them stops."""
    run = ARun(force=fingerprint(HELD, GONE))
    names(run, HELD, GONE)
    assert names(run, HELD, CREATED, stops=[STOP]) == ["HELD", "NEW"]
    with pytest.raises(Refused, match="too many"):
        names(run, GONE_TOO, stops=[STOP])


@pytest.mark.parametrize("changes", [(), (TAGGED,)])
def test_a_force_of_what_is_done_by_now(changes):
    """Where the vault is right by now, or only lacks tags, a force has nothing to let through."""
    assert names(ARun(force="0" * 16), *changes) == [one.name for one in changes]


def test_a_tag_that_is_held_needs_its_force():
    """A tag that takes over another's secret is no trifle."""
    with pytest.raises(Refused, match="has changed"):
        names(ARun(force="0" * 16), change(Action.TAG, "T", "it is another's"))


def test_keys_of_a_bundle_that_go_are_let_through_by_name():
    """A bundle that loses a key is a loss: another key that goes needs another force."""
    force = fingerprint(BUNDLE)
    run = ARun(force=force)
    assert names(run, BUNDLE, stops=[STOP]) == ["app"]
    assert run.saved == [noted(force, "app - A")]
    more = change(Action.UPDATE, "app", keys=KeyChanges(removed=("A", "B"), lost=("A", "B")))
    with pytest.raises(Refused, match="has changed"):
        names(ARun(force=force, granted=noted(force, "app - A")), more)


def test_nothing_is_done_but_what_was_agreed_to():
    """With the plan that somebody looked at, that plan alone is done; what it deletes is noted."""
    agreed = fingerprint(CREATED, GONE)
    run = ARun(agreed=agreed)
    assert names(run, CREATED, GONE) == ["NEW", "GONE"]
    assert run.saved == [noted(agreed, "GONE")]
    with pytest.raises(Refused, match="Nothing more is done"):
        names(ARun(agreed=agreed), GONE, GONE_TOO)


def test_an_agreement_goes_on_as_far_as_it_went():
    """Later passes may delete less than was agreed to, and nothing else."""
    agreed = fingerprint(GONE, GONE_TOO)
    begun = noted(agreed, "GONE", "GONE_TOO")
    for left in ((), (GONE,), (GONE, GONE_TOO), (CREATED,)):
        assert names(ARun(agreed=agreed, granted=begun), *left) == [one.name for one in left]
    with pytest.raises(Refused, match="Nothing more is done"):
        names(ARun(agreed=agreed, granted=begun), change(Action.DELETE, "OTHER"))
    other = noted("0" * 16, "GONE")  # of another agreement
    with pytest.raises(Refused, match="Nothing more is done"):
        names(ARun(agreed=agreed, granted=other), GONE)


def test_an_agreement_without_deletions_notes_nothing():
    """Where nothing goes, nothing is noted; what is held waits all the same."""
    kept = change(Action.DELETE, "KEPT", "it hides")
    run = ARun(agreed=fingerprint(CREATED, HELD, kept))
    assert names(run, CREATED, HELD, kept) == ["NEW"]
    assert run.saved == []


def test_an_agreement_to_lose_keys_is_noted():
    """What an agreement takes away from a bundle is noted by key."""
    run = ARun(agreed=fingerprint(BUNDLE))
    assert names(run, BUNDLE) == ["app"]
    assert run.saved == [noted(fingerprint(BUNDLE), "app - A")]


def test_what_an_import_took_in_is_not_missed():
    """After the job's own import the plan deletes less: it is done, if it deletes nothing at all."""
    agreed = fingerprint(GONE)
    assert names(ARun(agreed=agreed, imported_by="this-job"), CREATED) == ["NEW"]
    for imported_by, left in (("this-job", GONE_TOO), ("another", CREATED), (None, CREATED)):
        with pytest.raises(Refused, match="Nothing more is done"):
            names(ARun(agreed=agreed, imported_by=imported_by), left)
    assert names(ARun(agreed=agreed)) == []


def test_a_force_is_an_agreement():
    """Who forces a plan has agreed to it: its fingerprint is not asked for twice."""
    force = fingerprint(GONE)
    assert names(ARun(force=force, agreed="0" * 16), GONE, stops=[STOP]) == ["GONE"]
