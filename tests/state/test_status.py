from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.plan.models import JobKind
from functions.state.status import (
    ALL,
    LONGEST_WAIT_SECONDS,
    MAX_NAMES_BYTES,
    MAX_PENDING_BYTES,
    MAX_RUN_ERRORS,
    MAX_RUNS,
    MAX_STATUS_BYTES,
    STALE_LIST_SECONDS,
    UNDERWAY_SECONDS,
    Granted,
    Lease,
    Pending,
    Phase,
    Progress,
    RunRecord,
    Status,
    names_bytes,
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
    one.recent["A"] = NOW
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
    assert parse_status(b'{"seal": "s", "later": 1, "sync": {"later": 1}}') == Status(seal="s")


@pytest.mark.parametrize("kind", JobKind)
def test_each_kind_of_job_reports_to_its_part(kind):
    """Imports and removals report to their own part, all other jobs to that of the sync."""
    status = Status()
    status.progress(kind).status = Phase.RUNNING
    parts = {"import": status.import_, "remove": status.remove}
    assert parts.get(kind, status.sync).status == Phase.RUNNING


def test_what_was_not_imported_is_remembered_as_far_as_it_fits():
    """The reasons give way to the names, and the names to all, until an import of which they fit."""
    status = Status()
    few = {"A": Pending(why="w", was_in_source=True), "B": Pending(why="v")}
    status.remember_pending({"A": Pending(why="w", was_in_source=True)})
    status.remember_pending({"B": Pending(why="v")})
    assert status.import_pending == few
    status.remember_pending(
        {name: Pending(why="w" * 100, was_in_source=True) for name in names(400)}
    )
    assert status.import_pending["A"] == Pending(was_in_source=True)
    assert status.import_pending.keys() == {"A", "B", *names(400)}
    assert len(status.to_json()) <= MAX_PENDING_BYTES
    status.remember_pending({name: Pending(why="w") for name in names(9000)})
    assert status.import_pending.keys() == {ALL}
    status.remember_pending(few)
    assert status.import_pending == few


def test_writes_are_remembered_until_every_listing_shows_them():
    """Names being written are remembered for five minutes, and the old seal is void at once."""
    status = Status(seal="s", recent={"OLD": NOW})
    later = NOW + timedelta(seconds=STALE_LIST_SECONDS - 1)
    status.remember_writes(dict.fromkeys(["A", "B"], later))
    assert status.seal is None
    status.forget_writes((), later)
    assert set(status.recent) == {"OLD", "A", "B"}
    status.forget_writes((), later + timedelta(seconds=1))
    assert set(status.recent) == {"A", "B"}


def test_too_many_writes_stand_for_all():
    """Where the names would not fit, all names count as written, until the last of them is old."""
    status = Status()
    status.remember_writes(dict.fromkeys(names(5000), NOW))
    assert status.recent == {ALL: NOW}
    later = NOW + timedelta(seconds=60)
    status.remember_writes({"A": later})
    assert status.recent == {ALL: later}
    status.forget_writes((), later + timedelta(seconds=STALE_LIST_SECONDS))
    assert status.recent == {}


def test_the_writes_of_a_usual_run_are_remembered_by_name():
    """Two hundred names with usual lengths are remembered one by one, also when written again."""
    status = Status()
    status.remember_writes(dict.fromkeys(names(200, length=20), NOW))
    status.remember_writes(dict.fromkeys(names(200, length=20), NOW))
    assert len(status.recent) == 200


def test_origins_are_remembered_sorted_and_lost_ones_kept():
    """What an import brought is noted anew at each success; what is lost unconfirmed stays noted."""
    status = Status(origins={"import a:/1": ["A"], "import a:/2": ["B"], "import a:/3": None})
    status.remember_origins({"import a:/4": ["D", "C"]}, keep=["import a:/2", "import a:/3"])
    assert status.origins == {
        "import a:/2": ["B"],
        "import a:/3": None,
        "import a:/4": ["C", "D"],
    }


def test_origins_of_too_many_names_are_remembered_without_them():
    """Where the names would not fit, an import is noted without them; what is kept counts too."""
    status = Status()
    status.remember_origins({"import a:/1": names(5000)}, keep=[])
    assert status.origins == {"import a:/1": None}
    status.remember_origins({"import a:/1": names(800)}, keep=[])
    status.remember_origins({"import a:/2": names(800)}, keep=["import a:/1"])
    assert status.origins == {"import a:/1": names(800), "import a:/2": None}


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


def test_a_refused_write_is_not_remembered():
    """A name whose write was refused does not count as written, however fresh it is."""
    status = Status()
    status.remember_writes({"A": NOW, "B": NOW})
    status.forget_writes({"A"}, NOW)
    assert set(status.recent) == {"B"}


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
    at = NOW + timedelta(microseconds=1)
    for number in range(5000):
        status.remember_writes(dict.fromkeys(names(number + 1)[-1:], at))
        if ALL in status.recent:
            break
        fullest = dict(status.recent)
    status.recent = fullest
    status.remember_origins({"import a:/1": names(800)}, keep=[])
    status.granted = Granted(fingerprint="0123456789abcdef", names=names(800))
    assert names_bytes(status.granted.names) == MAX_NAMES_BYTES
    for number in range(MAX_RUNS):
        errors = {f"{name}\x01": text for name in names(60)}
        status.add_run(a_run(number, message=text, errors=errors, drift=[*errors]))
    body = status.to_json()
    assert len(body) <= MAX_STATUS_BYTES
    read = parse_status(body)
    assert read is not None
    assert read.runs[0].id == f"run-{MAX_RUNS - 1}"
    assert read.recent == fullest


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
