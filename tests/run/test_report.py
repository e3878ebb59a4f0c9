"""How the end of a run is written down and told."""

from datetime import timedelta

import pytest

from functions.plan.job import Args, Job
from functions.plan.models import Action, JobKind
from functions.run.outcome import End, Outcome, RunSummary
from functions.run.report import count, record, tell
from functions.state.status import MAX_ENDED_JOBS, MAX_MESSAGE_CHARACTERS, Lease, Phase, Status
from tests.support.plan_examples import NOW, OBJECT, sync

LATER = NOW + timedelta(seconds=2)


class Told:
    """Keeps what people and dashboards were told."""

    def __init__(self):
        self.notices, self.metrics = [], []
        self.is_deaf = False

    def notify(self, subject, text):
        if self.is_deaf:
            return False
        self.notices.append((subject, text))
        return True

    def count(self, metrics, dimensions):
        self.metrics.append((metrics, dimensions))


def a_job(kind=JobKind.SYNC, cause="command", **fields):
    """Return a job."""
    made = {"created_at": NOW, "not_before": NOW, "job_id": "0123abcd"}
    return Job(config=OBJECT, kind=kind, cause=cause, **made | fields)


def a_summary(**fields):
    """Return what a run did."""
    return RunSummary(run_id="run-1", started_at=NOW, **fields)


def recorded(outcome, *, job=None, status=None, **summary):
    """Return the status after the end of a run."""
    status = status or Status(lease=Lease(run="run-1", expires_at=LATER))
    record(status, job or a_job(), outcome, a_summary(**summary), LATER)
    return status


def test_the_record_of_a_run():
    """A run is recorded with its job, its time, its counts, its drift and its errors."""
    (run,) = recorded(
        Outcome(End.FAILED, "1 failed"),
        job=a_job(by="pipeline"),
        done={"X": Action.CREATE, "Y": Action.CREATE, "Z": Action.DELETE, "T": Action.TAG},
        unchanged=3,
        errors={"A": "refused"},
        waiting={"B": "is busy"},
        drift={"D", "C"},
    ).runs
    assert run.model_dump() == {
        "id": "run-1",
        "job_id": "0123abcd",
        "kind": JobKind.SYNC,
        "cause": "command",
        "started_at": NOW,
        "seconds": 2.0,
        "outcome": "failed",
        "message": "1 failed",
        "by": "pipeline",
        "counts": {"create": 2, "delete": 1, "tag": 1, "unchanged": 3, "errors": 1},
        "changed": {"create": ["X", "Y"], "delete": ["Z"]},
        "drift": ["C", "D"],
        "stops": [],
        "errors": {"A": "refused", "B": "is busy"},
        "before": {},
    }


@pytest.mark.parametrize(
    ("end", "args", "read_at"),
    [
        (End.FAILED, Args(), NOW),
        (End.SUCCEEDED, Args(plan="0" * 16), NOW),
        (End.FAILED, Args(plan="0" * 16), None),
        (End.FAILED, Args(force="0" * 16), None),
    ],
)
def test_whose_hints_a_look_serves(end, args, read_at):
    """A look at the source serves the hints that wait, unless the job was refused for the plan it had to follow."""
    status = recorded(Outcome(end), job=a_job(args=args), read_at=NOW)
    assert status.read_at == read_at


@pytest.mark.parametrize("end", [End.SUCCEEDED, End.FAILED, End.WAITING])
def test_the_end_frees_the_lease(end):
    """However a run ends its lease is free, and the status says when its job is due again."""
    status = recorded(Outcome(end, "why", not_before=LATER))
    assert (status.lease, status.retry_at, status.sync.job_id) == (None, LATER, "0123abcd")


@pytest.mark.parametrize(
    ("end", "phase", "at"),
    [
        (End.SUCCEEDED, Phase.SUCCEEDED, LATER),
        (End.FAILED, Phase.FAILED, None),
        (End.WAITING, Phase.PENDING, None),
    ],
)
def test_the_phase(end, phase, at):
    """The status says how far the job came, and when it last succeeded."""
    status = recorded(Outcome(end, "why"))
    assert (status.sync.status, status.sync.at) == (phase, at)
    assert status.sync.is_failing == (end == End.FAILED)


@pytest.mark.parametrize(
    ("message", "kept"),
    [(None, None), ("short", "short"), ("x" * 2000, "x" * (MAX_MESSAGE_CHARACTERS - 3) + "...")],
)
def test_the_message(message, kept):
    """The message is kept as the API may show it: cut to its length, in the sync's part and the run's."""
    status = recorded(Outcome(End.FAILED, message))
    assert (status.sync.message, status.runs[0].message) == (kept, kept)


def test_the_newest_ended_jobs():
    """Only the newest 50 ended jobs are kept, newest first; hints are not among them."""
    status = Status(ended_jobs=[f"job-{number}" for number in range(MAX_ENDED_JOBS)])
    recorded(Outcome(End.SUCCEEDED), status=status)
    assert MAX_ENDED_JOBS == 50
    assert status.ended_jobs == ["0123abcd", *(f"job-{number}" for number in range(49))]
    before = list(status.ended_jobs)
    recorded(Outcome(End.SUCCEEDED), status=status, job=a_job(cause="webhook"))
    recorded(Outcome(End.WAITING), status=status, job=a_job(job_id="99999999"))
    assert status.ended_jobs == before


@pytest.mark.parametrize("kind", JobKind)
@pytest.mark.parametrize("end", [End.SUCCEEDED, End.FAILED, End.WAITING])
def test_when_the_source_was_read(kind, end):
    """A sync or verification that ended tells when it read the source; a verification, since when it holds."""
    status = recorded(Outcome(end), job=a_job(kind, "tick"), read_at=NOW)
    is_final, syncs = end != End.WAITING, kind in (JobKind.SYNC, JobKind.VERIFY)
    assert status.read_at == (NOW if is_final and syncs else None)
    assert status.verified_at == (NOW if is_final and kind == JobKind.VERIFY else None)


@pytest.mark.parametrize("end", [End.SUCCEEDED, End.FAILED])
def test_a_removal_pauses(end):
    """After a removal that succeeded the sync is left alone by clocks and events."""
    assert recorded(Outcome(end), job=a_job(JobKind.REMOVE)).is_paused == (end == End.SUCCEEDED)
    assert not recorded(Outcome(end)).is_paused


@pytest.mark.parametrize("has_written", [True, False])
def test_when_it_wrote(has_written):
    """A run that wrote says when, so that the vault's events of it are known as its own."""
    status = recorded(Outcome(End.SUCCEEDED), has_written=has_written)
    assert status.wrote_at == (LATER if has_written else None)


def test_names_that_are_kept():
    """Of deletions each name is kept, of the rest the first 200; what does not fit is kept in the newest runs."""
    done = {f"K{n:03}": Action.UPDATE for n in range(300)}
    done |= {f"D{n:03}": Action.DELETE for n in range(300)}
    (run,) = recorded(Outcome(End.SUCCEEDED), done=done).runs
    assert {action: len(names) for action, names in run.changed.items()} == {
        "update": 200,
        "delete": 300,
    }
    assert run.counts["update"] == 300


class Document:
    """A status document that is nowhere."""

    def __init__(self, status):
        self.status = status

    def change(self, mutate):
        assert mutate(self.status)


def end(status, told, outcome, kind=JobKind.SYNC):
    """End a run, and tell what is to be told."""
    recorded(Outcome(outcome, "why"), status=status, job=a_job(kind))
    tell(told, sync(), Document(status))


def subjects(told):
    """Return what people read, without the beginning that is always the same."""
    return [subject.removeprefix("Secret sync api ") for subject, _ in told.notices]


def test_notices():
    """A failure is told once, and once that it is over; whoever waits tells nothing."""
    status, told = Status(), Told()
    for outcome in (
        End.SUCCEEDED,
        End.FAILED,
        End.FAILED,
        End.WAITING,
        End.SUCCEEDED,
        End.SUCCEEDED,
    ):
        end(status, told, outcome)
    assert subjects(told) == ["failed to sync", "recovered"]
    end(status, told, End.FAILED, JobKind.IMPORT)
    assert subjects(told)[2:] == ["failed to import"]


@pytest.mark.parametrize("kind", [JobKind.UNDO, JobKind.CLEANUP])
def test_what_is_no_recovery(kind):
    """An undo or a cleanup that works does not tell that a failing sync works again; the next sync does."""
    status, told = Status(), Told()
    for job_kind, outcome in ((JobKind.SYNC, End.FAILED), (kind, End.SUCCEEDED)):
        end(status, told, outcome, job_kind)
    assert len(subjects(told)) == 1
    assert status.sync.is_failing
    end(status, told, End.SUCCEEDED)
    assert len(subjects(told)) == 2


@pytest.mark.parametrize(
    ("ends", "later"),
    [
        ([End.FAILED], ["failed to sync"]),
        ([End.FAILED, End.WAITING], ["failed to sync"]),
        ([End.FAILED, End.SUCCEEDED], ["recovered"]),
        ([End.FAILED, End.SUCCEEDED, End.FAILED], ["failed to sync"]),
    ],
)
def test_what_could_not_be_told_is_told_later(ends, later):
    """While nobody can be told the status keeps the newest news, and whoever comes next tells it, once."""
    status, told = Status(), Told()
    told.is_deaf = True
    for outcome in ends:
        end(status, told, outcome)
    assert told.notices == []
    told.is_deaf = False
    for _ in range(2):
        tell(told, sync(), Document(status))
    assert subjects(told) == later


def test_a_notice_says_what_and_where():
    """The notice of a failure names the sync, its folder and the reason."""
    told = Told()
    end(Status(), told, End.FAILED)
    ((_, text),) = told.notices
    for part in ("Sync: api (", "Source: prod:/api", "Reason: why", "What to do: "):
        assert part in text


@pytest.mark.parametrize(
    ("end", "is_blocked", "failures", "blocked"),
    [(End.SUCCEEDED, False, 0, 0), (End.FAILED, False, 1, 0), (End.WAITING, True, 0, 1)],
)
def test_metrics(end, is_blocked, failures, blocked):
    """Each run counts once, with its changes, whether it failed or was blocked, and how long it took."""
    told = Told()
    summary = a_summary(done={"A": Action.CREATE, "B": Action.CREATE, "C": Action.DELETE})
    count(told, sync(), Outcome(end, "why", is_blocked=is_blocked), summary, LATER)
    ((metrics, dimensions),) = told.metrics
    assert metrics == {
        "runs": 1,
        "failures": failures,
        "changes": 3,
        "blocked": blocked,
        "duration": 2.0,
    }
    assert dimensions == {"sync": "api", "project": "project-1"}
