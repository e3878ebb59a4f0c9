"""What a job did in all its attempts, of which each has a record of its own."""

from datetime import timedelta

from functions.plan.models import Action
from functions.run.outcome import End, Outcome, RunSummary
from functions.run.report import record
from functions.state.status import MAX_RUNS, Status
from functions.state.whole_job import last_job
from tests.run.test_report import a_job
from tests.support.plan_examples import NOW

OTHER = a_job(job_id="89abcdef")


def attempt(status, number, job=None, *, end=End.WAITING):
    """Record an attempt that created two names, deleted one, and saw how the others are."""
    began_at = NOW + timedelta(minutes=number)
    summary = RunSummary(run_id=f"run-{number}", started_at=began_at)
    summary.done = {f"A{number}_{index}": Action.CREATE for index in range(2)}
    summary.done[f"D{number}"] = Action.DELETE
    summary.unchanged = 10 + number * 2
    summary.drift = {f"D{number}"}
    record(status, job or a_job(), Outcome(end), summary, began_at + timedelta(seconds=3))


def test_a_job_of_one_attempt():
    """Its only run is all that it did; of no run nothing is told."""
    status = Status()
    assert last_job(status.runs) is None
    attempt(status, 0, end=End.SUCCEEDED)
    assert last_job(status.runs) == status.runs[0]


def test_a_job_of_several_attempts():
    """Its changes are added up, their names put together; what is unchanged is told once."""
    status = Status()
    attempt(status, 0)
    attempt(status, 1, OTHER)
    attempt(status, 2)
    attempt(status, 3, end=End.SUCCEEDED)
    job = last_job(status.runs)
    assert job.counts == {"create": 6, "delete": 3, "unchanged": 16 - 6, "errors": 0}
    assert job.changed["delete"] == job.drift == ["D0", "D2", "D3"]
    assert len(job.changed["create"]) == 6
    assert (job.id, job.outcome) == ("run-3", "succeeded")
    assert (job.started_at, job.seconds) == (NOW, 9.0)
    assert status.runs[0].counts["create"] == 2


def test_a_job_of_more_attempts_than_are_kept():
    """The counts are those of all attempts, also of those whose record is gone."""
    status = Status()
    for number in range(MAX_RUNS + 5):
        attempt(status, number)
    assert last_job(status.runs).counts["create"] == 2 * (MAX_RUNS + 5)
