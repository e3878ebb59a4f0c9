"""What a run came to, and when a job that waits is tried again."""

from datetime import timedelta
from random import Random

import pytest

from functions.plan.job import MAX_ATTEMPTS, Job
from functions.plan.models import Action, JobKind
from functions.plan.plan import Plan
from functions.run.apply import Results
from functions.run.outcome import (
    BLOCKED_RETRY_SECONDS,
    FIRST_RETRY_SECONDS,
    LONGEST_RETRY_SECONDS,
    End,
    Outcome,
    RunSummary,
    join,
    schedule,
)
from tests.support.plan_examples import NOW, OBJECT


def a_job(attempt=1):
    """Return a job that is tried for the so many-th time."""
    made = {"created_at": NOW, "not_before": NOW, "job_id": "0123abcd"}
    return Job(config=OBJECT, kind=JobKind.SYNC, cause="webhook", attempt=attempt, **made)


def waits_seconds(attempt=1, seed=1, **outcome):
    """Return after how many seconds a job that waits is due again."""
    waiting = Outcome(End.WAITING, "The vault is busy.", **outcome)
    scheduled = schedule(waiting, a_job(attempt), NOW, Random(seed))
    return (scheduled.not_before - NOW) / timedelta(seconds=1)


@pytest.mark.parametrize("end", [End.SUCCEEDED, End.FAILED, End.LEASED_ELSEWHERE])
def test_what_does_not_wait_is_not_scheduled(end):
    """Only a job that waits is tried again."""
    outcome = Outcome(end, "why")
    assert schedule(outcome, a_job(MAX_ATTEMPTS), NOW, Random(1)) == outcome


@pytest.mark.parametrize("attempt", range(1, MAX_ATTEMPTS))
def test_the_wait_doubles(attempt):
    """The wait doubles from 15 s to 10 min, and each wait is drawn from its upper half."""
    most = min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
    waits = {waits_seconds(attempt, seed) for seed in range(40)}
    assert most / 2 <= min(waits) < most * 0.6
    assert most * 0.9 < max(waits) <= most


def test_a_blocked_job():
    """A job that the vault's lifecycle blocks is tried again after 30 s, at each attempt."""
    assert {waits_seconds(n, is_blocked=True) for n in (1, 9)} == {BLOCKED_RETRY_SECONDS}


@pytest.mark.parametrize(("asked", "waits"), [(5.0, False), (900.0, True)])
def test_who_is_asked_to_wait(asked, waits):
    """A wait that the other side asks for is kept where it is longer than one's own."""
    assert (waits_seconds(retry_after_seconds=asked) == asked) == waits


def test_a_job_that_got_on():
    """A job that only ran out of time goes on at once, and its message stays as it is."""
    waiting = Outcome(End.WAITING, "Time is up.", has_progress=True)
    scheduled = schedule(waiting, a_job(MAX_ATTEMPTS), NOW, Random(1))
    assert (scheduled.not_before, scheduled.message) == (NOW, "Time is up.")
    assert scheduled.next_of(a_job(7)).attempt == 2


def test_the_last_attempt():
    """The last attempt gives up: the job failed, for the reason that it waited for."""
    waiting = Outcome(End.WAITING, "The vault is busy.")
    last = schedule(waiting, a_job(MAX_ATTEMPTS), NOW, Random(1))
    assert (last.end, last.has_given_up, last.not_before) == (End.FAILED, True, None)
    assert last.message == f"Gave up after {MAX_ATTEMPTS} attempts. The vault is busy."
    before = schedule(waiting, a_job(MAX_ATTEMPTS - 1), NOW, Random(1))
    assert (before.end, before.has_given_up) == (End.WAITING, False)


def test_the_message_says_when():
    """A job that waits says at about what time it is tried again."""
    scheduled = schedule(Outcome(End.WAITING, "Busy.", is_blocked=True), a_job(), NOW, Random(1))
    assert scheduled.message == "Busy. It is tried again at about 00:00:30 UTC."
    assert scheduled.next_of(a_job(3)) == a_job(4).later(scheduled.not_before)


@pytest.mark.parametrize(
    ("end", "is_final"),
    [
        (End.SUCCEEDED, True),
        (End.FAILED, True),
        (End.WAITING, False),
        (End.LEASED_ELSEWHERE, False),
    ],
)
def test_what_is_final(end, is_final):
    """A success and a failure are final; whoever waits, or found the lease held, comes again."""
    assert Outcome(end).is_final == is_final


def test_a_summary_over_passes():
    """A run adds up what each pass made; what a later pass made is no error any more."""
    summary = RunSummary("run-1", NOW)
    summary.take_plan(Plan((), errors={"BAD": "bad", "A": "busy"}, drift=("D",), unchanged=2))
    summary.take_results(Results(done={"A": Action.CREATE}, again={"B": "is busy"}))
    assert (summary.errors, summary.waiting) == ({"BAD": "bad"}, {"B": "is busy"})
    summary.take_plan(Plan((), errors={"BAD": "bad"}, drift=("E",), unchanged=6))
    summary.take_results(Results(done={"B": Action.CREATE}, errors={"C": "refused"}))
    assert summary.counts() == {"create": 2, "unchanged": 5, "errors": 2}
    assert (summary.errors, summary.waiting) == ({"BAD": "bad", "C": "refused"}, {})
    assert (summary.drift, summary.unchanged) == ({"D", "E"}, 5)


@pytest.mark.parametrize(
    ("results", "has_written"),
    [
        (Results(), False),
        (Results(errors={"A": "refused"}), False),
        (Results(done={"A": Action.CREATE}), True),
        (Results(again={"A": "its answer was lost"}), True),
    ],
)
def test_what_counts_as_written(results, has_written):
    """What was done, and what may have been done, counts as written, in this pass or one before."""
    summary = RunSummary("run-1", NOW)
    summary.take_results(results)
    assert summary.has_written == has_written
    summary.take_results(Results())
    assert summary.has_written == has_written


@pytest.mark.parametrize(
    ("actions", "counted"),
    [
        ([Action.RESTORE, Action.UPDATE], "restore"),
        ([Action.CREATE, Action.UPDATE], "create"),
        ([Action.CREATE, Action.TAG], "create"),
        ([Action.TAG, Action.UPDATE], "update"),
        ([Action.CREATE, Action.DELETE], "delete"),
        ([Action.DELETE, Action.RESTORE], "restore"),
    ],
)
def test_a_name_counts_once(actions, counted):
    """However many passes touch a name, it counts once: as what happened to it on the whole."""
    summary = RunSummary("run-1", NOW)
    for action in actions:
        summary.take_results(Results(done={"A": action}))
    assert summary.counts() == {counted: 1, "unchanged": 0, "errors": 0}


def test_a_run_without_errors_succeeded():
    """A run without errors succeeded; its message are its warnings, and it says that they are no more than that."""
    summary = RunSummary("run-1", NOW)
    assert summary.conclude() == Outcome(End.SUCCEEDED)
    summary.warnings = ("A: kept",)
    assert summary.conclude() == Outcome(End.SUCCEEDED, "Done, with warnings: A: kept.")


def test_a_run_with_errors_failed():
    """A run with errors failed; its message counts them and names them in the order of names."""
    summary = RunSummary("run-1", NOW, errors={"B": "late", "A": "early"})
    outcome = summary.conclude()
    assert (outcome.end, outcome.message) == (
        End.FAILED,
        "2 failed, the others are done. A: early; B: late",
    )


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (list("abcde"), "a; b; c; d; e"),
        (list("abcdefg"), "a; b; c; d; e; and 2 more"),
    ],
)
def test_join(lines, text):
    """Of many lines the first five are shown, and how many more there are."""
    assert join(lines) == text


def test_seconds():
    """A run's seconds are rounded to milliseconds."""
    summary = RunSummary("run-1", NOW)
    assert summary.seconds(NOW + timedelta(seconds=1.23456)) == 1.235


def test_what_a_run_made_equal_is_not_unchanged():
    """What a run wrote is not counted as unchanged as well; what it deleted was never among that."""
    summary = RunSummary("run", NOW)
    summary.take_results(Results(done={"A": Action.DELETE, "B": Action.UPDATE, "C": Action.TAG}))
    summary.take_plan(Plan((), unchanged=5))
    assert summary.unchanged == 3


def test_a_warning_of_strangers_stays():
    """What was told of somebody's secrets is still told once they are gone from the plan; newer words replace it."""
    summary = RunSummary("run", NOW)
    for strangers, told in ((["A goes"], "A goes"), ([], "A goes"), (["B goes"], "B goes")):
        summary.take_plan(Plan(), strangers)
        assert summary.warnings == (told,)
