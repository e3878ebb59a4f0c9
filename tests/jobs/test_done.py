"""Whether a job needs no run any more: every rule, with what just misses it."""

from datetime import timedelta

import pytest

from functions.jobs.done import covered_at, done_because
from functions.plan.job import Args, Job
from functions.plan.models import JobKind
from functions.state.status import Progress, Status
from tests.support.plan_examples import NOW, OBJECT, sync

HINTS = ("webhook", "event", "vault-event", "tick")
BEFORE, AFTER = NOW - timedelta(seconds=1), NOW + timedelta(seconds=1)
COVERED = NOW + timedelta(seconds=15)
"""Until then the source may deliver what it had still to tell when the job was made."""


def a_job(cause="webhook", kind=JobKind.SYNC, **fields):
    """Return a job that was made NOW."""
    made = {"created_at": NOW, "not_before": NOW, "job_id": "0123abcd"}
    return Job(config=OBJECT, kind=kind, cause=cause, **made | fields)


def done(job, status=None, **config):
    """Say why a job needs no run, of a sync with these fields in its config."""
    known = sync()
    changed = known.model_copy(update={"config": known.config.model_copy(update=config)})
    return done_because(job, changed, status or Status())


@pytest.mark.parametrize("cause", [*HINTS, "api", "command"])
def test_a_new_job(cause):
    """A job of a sync of which nothing is known needs a run."""
    assert done(a_job(cause)) is None


def test_a_removal_that_nobody_wants_any_more():
    """A removal that takes the config along is dropped when somebody wrote the config again."""
    job = a_job("api", JobKind.REMOVE, args=Args(delete_config=True))
    assert "wrote the config again" in done(job)
    assert done(job, is_being_removed=True) is None


@pytest.mark.parametrize("cause", ["api", "command"])
def test_a_job_that_ended(cause):
    """What somebody asked for is done when that very job ended, and by no other."""
    assert done(a_job(cause), Status(ended_jobs=["0123abcd"])) == "it ended"
    assert done(a_job(cause), Status(ended_jobs=["another0"], read_at=COVERED)) is None


def test_a_hint_is_judged_by_what_was_read():
    """The id of a hint says nothing: it is served by whoever reads the source late enough."""
    assert done(a_job(), Status(ended_jobs=["0123abcd"])) is None


@pytest.mark.parametrize("kind", JobKind)
def test_a_sync_that_is_being_removed(kind):
    """While a sync is being removed only removals run."""
    needs_a_run = kind == JobKind.REMOVE
    assert (done(a_job("api", kind), is_being_removed=True) is None) == needs_a_run


@pytest.mark.parametrize("cause", [*HINTS, "api", "command"])
def test_auto_sync_is_off(cause):
    """A sync without auto-sync is run by those who ask for it, and by no hint."""
    why = done(a_job(cause), is_auto_sync_enabled=False)
    assert why == (None if cause in ("api", "command") else "auto-sync is off")


@pytest.mark.parametrize(
    ("cause", "removed_at", "is_dropped"),
    [
        ("tick", BEFORE, True),
        ("vault-event", BEFORE, True),
        ("webhook", BEFORE, False),
        ("webhook", NOW, True),
        ("webhook", AFTER, True),
        ("event", BEFORE, False),
        ("command", AFTER, False),
    ],
)
def test_a_sync_whose_secrets_were_removed(cause, removed_at, is_dropped):
    """After a removal by hand only a later change of the source, or a person, brings secrets back."""
    status = Status(is_paused=True, config_etag=sync().etag)
    status.remove = Progress(at=removed_at)
    why = done(a_job(cause), status)
    assert ("its secrets were removed" in (why or "")) == is_dropped
    edited = status.model_copy(update={"config_etag": "of-before-an-edit"})
    assert done(a_job(cause), edited) is None
    assert done(a_job(cause), Status(remove=Progress(at=removed_at))) is None


@pytest.mark.parametrize("field", ["wrote_at", "verified_at"])
def test_the_event_of_an_own_write(field):
    """The vault's event is dropped where a run wrote or verified since: most likely it told of that."""
    job = a_job("vault-event", JobKind.VERIFY)
    assert done(job, Status(**{field: BEFORE})) is None
    for at in (NOW, AFTER):
        assert done(job, Status(**{field: at})) == "a run wrote or verified since"


def test_the_write_of_the_job_itself():
    """From its second attempt on it may be the vault event's own job that wrote: it is not dropped for that."""
    job = a_job("vault-event", JobKind.VERIFY, attempt=2)
    assert done(job, Status(wrote_at=AFTER)) is None
    assert done(job, Status(verified_at=AFTER)) == "a verification began since"


def test_a_verification():
    """A verification is served by one that began since, and by no plain sync."""
    job = a_job("tick", JobKind.VERIFY)
    assert done(job, Status(verified_at=NOW)) == "a verification began since"
    assert done(job, Status(verified_at=BEFORE, wrote_at=AFTER, read_at=COVERED)) is None


def test_a_hint_is_served_by_a_late_enough_look():
    """A look at the source serves a hint from 15 seconds on: the source may have lost an event meanwhile."""
    assert covered_at(a_job()) == COVERED
    assert done(a_job(), Status(read_at=COVERED)) == "a run read the source since"
    assert done(a_job(), Status(read_at=COVERED - timedelta(seconds=1))) is None
