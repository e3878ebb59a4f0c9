from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.plan.models import JobKind
from functions.plan.scope import Scope
from functions.state.status import (
    LONGEST_WAIT_SECONDS,
    MAX_RUN_ERRORS,
    MAX_RUNS,
    MAX_STATUS_BYTES,
    UNDERWAY_SECONDS,
    Lease,
    Pending,
    Phase,
    Progress,
    RunRecord,
    Status,
    parse_status,
    shorten,
)
from tests.support.plan_examples import NOW


def a_run(number=0, **fields) -> RunRecord:
    """Return a finished run."""
    usual = {
        "id": f"run-{number}",
        "job_id": f"job-{number}",
        "kind": JobKind.SYNC,
        "cause": "webhook",
        "started_at": NOW,
        "seconds": 1.5,
        "outcome": "succeeded",
    }
    return RunRecord(**usual | fields)


def names(count, length=12):
    """Return so many different names."""
    return [f"{number:0{length}}" for number in range(count)]


def test_a_new_status_says_nothing():
    """A sync that never ran has an empty document, and all its fields have a meaning."""
    assert Status().to_json() == b"{}"
    assert parse_status(b"{}") == Status()


def test_two_documents_share_nothing():
    """Changing one document's parts changes no other document."""
    one, two = Status(), Status()
    for part in (one.sync, one.import_, one.remove):
        part.status = Phase.RUNNING
    one.runs.append(a_run())
    assert two.to_json() == Status().to_json() == b"{}"
    assert (two.sync.status, two.import_.status, two.remove.status) == (None, None, None)


def test_a_status_is_read_back_as_it_was():
    """A document that is written is read back as the same document."""
    status = Status(
        lease=Lease(run="r", expires_at=NOW),
        import_pending={"A": Pending(why="w", was_in_source=True)},
        origins={"import prod:/x": ["A"], "folder prod:/y": None},
        recent={"A": NOW},
        ended_jobs=["j"],
        seal="s",
    )
    status.import_ = Progress(status=Phase.FAILED, message="m", at=NOW)
    status.add_run(a_run(errors={"A": "why"}, drift=["A"], counts={"create": 1}))
    assert parse_status(status.to_json()) == status
    assert b'"import":{"status":"failed"' in status.to_json()


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"\xff", b'{"runs": 1}', b'{"lease": {"run": "r"}}']
)
def test_a_nonsense_document_is_none(text):
    """A document that cannot be read is none, so that it is rebuilt."""
    assert parse_status(text) is None


def test_fields_of_a_later_version_are_ignored():
    """A document that a newer version wrote is still readable."""
    scope = parse_status(b'{"scope": {"isDeleting": true, "later": 1}}').scope
    assert scope == Scope(is_deleting=True)
    assert parse_status(b'{"seal": "s", "later": 1, "sync": {"later": 1}}') == Status(seal="s")


@pytest.mark.parametrize("kind", JobKind)
def test_each_kind_of_job_reports_to_its_part(kind):
    """Imports and removals report to their own part, all other jobs to that of the sync."""
    status = Status()
    status.progress(kind).status = Phase.RUNNING
    parts = {"import": status.import_, "remove": status.remove}
    assert parts.get(kind, status.sync).status == Phase.RUNNING


def test_each_edit_of_the_config_is_a_version():
    """The first look makes version 1; each other ETag is the next version and the time of the edit."""
    status = Status()
    status.see_config("e1", NOW)
    assert (status.version, status.created_at, status.updated_at) == (1, NOW, NOW)
    later = NOW + timedelta(days=1)
    status.see_config("e1", later)
    assert (status.version, status.updated_at) == (1, NOW)
    status.see_config("e2", later)
    assert (status.version, status.created_at, status.updated_at) == (2, NOW, later)


def test_the_newest_runs_are_kept():
    """The newest runs are kept, newest first, each with so many errors and drifted names."""
    status = Status()
    for number in range(MAX_RUNS + 5):
        status.add_run(a_run(number, errors=dict.fromkeys(names(99), "w"), drift=names(99)))
    assert [run.id for run in status.runs] == [f"run-{24 - n}" for n in range(MAX_RUNS)]
    assert list(status.runs[0].errors) == names(MAX_RUN_ERRORS)
    assert status.runs[0].drift == names(MAX_RUN_ERRORS)


def test_the_errors_of_a_run_are_kept_by_name():
    """Of too many errors the first by name are kept, in the order of names, however they came."""
    status = Status()
    status.add_run(a_run(errors=dict.fromkeys(reversed(names(99)), "w")))
    assert list(status.runs[0].errors) == names(MAX_RUN_ERRORS)


@pytest.mark.parametrize(
    ("due_in_seconds", "waits"),
    [
        (None, False),
        (-UNDERWAY_SECONDS - 1, False),
        (-UNDERWAY_SECONDS, False),
        (-UNDERWAY_SECONDS + 1, True),
        (0, True),
        (30, True),
        (LONGEST_WAIT_SECONDS, True),
        (LONGEST_WAIT_SECONDS + 1, False),
    ],
)
def test_a_sync_whose_job_is_due_soon(due_in_seconds, waits):
    """A tick leaves a sync alone whose job is due within the hour, or was due within the last minute."""
    due = None if due_in_seconds is None else NOW + timedelta(seconds=due_in_seconds)
    assert Status(retry_at=due).is_waiting(NOW) == waits


def test_old_runs_lose_their_details_first():
    """A document that grows too large keeps the newest run's details and the counts of all."""
    status = Status()
    for number in range(MAX_RUNS):
        errors = dict.fromkeys(names(50), "why " * 40)
        status.add_run(a_run(number, errors=errors, counts={"create": number}))
    assert len(status.to_json()) <= MAX_STATUS_BYTES
    assert status.runs[0].errors
    assert not status.runs[-1].errors
    assert [run.counts["create"] for run in status.runs] == [*reversed(range(MAX_RUNS))]


def test_the_worst_document_is_small_enough():
    """However long messages, names and lists are, a document of runs and writes stays in its size."""
    text = shorten("\x01" * 5000)
    status = Status()
    for part in (status.sync, status.import_, status.remove):
        part.message = text
    for number in range(MAX_RUNS):
        errors = {f"{name}\x01": text for name in names(60)}
        status.add_run(a_run(number, message=text, errors=errors, drift=[*errors]))
    body = status.to_json()
    assert len(body) <= MAX_STATUS_BYTES
    read = parse_status(body)
    assert read is not None
    assert read.runs[0].id == f"run-{MAX_RUNS - 1}"


def test_what_is_too_large_without_runs_is_written_all_the_same():
    """Where it is not runs that make a document too large, all of them go, and it is written."""
    status = Status(ended_jobs=["j" * MAX_STATUS_BYTES])
    status.add_run(a_run())
    assert parse_status(status.to_json()) == status.copied()
    assert status.runs == []


TEXTS = st.text(max_size=30).map(lambda text: shorten(text * 400))


@given(st.lists(st.tuples(TEXTS, st.dictionaries(st.text(max_size=9), TEXTS, max_size=4))))
def test_no_runs_make_a_document_too_large(runs):
    """A document is at most 64 KB whatever its runs say."""
    status = Status()
    for number, (message, errors) in enumerate(runs * 9):
        status.add_run(a_run(number, message=message, errors=errors, drift=[*errors]))
    body = status.to_json()
    assert len(body) <= MAX_STATUS_BYTES
    assert parse_status(body) == status


def test_text_that_is_no_unicode_can_be_written():
    """A key that is no valid Unicode text does not keep the status from being written."""
    status = Status()
    status.add_run(a_run(errors={"K\ud800": "refused"}))
    assert parse_status(status.to_json()) is not None


@pytest.mark.parametrize("length", [0, 1023, 1024])
def test_a_message_that_fits_is_kept(length):
    """A message of at most 1024 characters is kept whole."""
    assert shorten("m" * length) == "m" * length


def test_a_longer_message_is_cut():
    """Of a longer message the first 1021 characters are kept, and an ellipsis."""
    assert shorten("m" * 2000) == "m" * 1021 + "..."
