import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.errors import InvalidInput
from functions.core.job import Args, Job, parse_job
from functions.core.models import JobKind
from tests.core.kit import NOW, OBJECT

CAUSES = ["webhook", "event", "vault-event", "tick", "api", "command"]


def job(**fields) -> Job:
    """Return a job."""
    usual = {
        "config": OBJECT,
        "kind": JobKind.SYNC,
        "cause": "webhook",
        "created_at": NOW,
        "not_before": NOW,
        "job_id": "0123abcd",
    }
    return Job(**usual | fields)


def message(**fields):
    """Return a queue message with fields changed; None drops one."""
    row = json.loads(job().to_message()) | fields
    return json.dumps({name: value for name, value in row.items() if value is not None})


def test_a_message_is_what_the_design_says():
    """A queue message is versioned camelCase JSON and tells the whole job."""
    made = job(args=Args(force="0123456789abcdef"), attempt=3, request_id="/abc/DEF")
    assert json.loads(made.to_message()) == {
        "v": 1,
        "config": OBJECT,
        "kind": "sync",
        "cause": "webhook",
        "createdAt": "2026-01-01T00:00:00Z",
        "notBefore": "2026-01-01T00:00:00Z",
        "attempt": 3,
        "jobId": "0123abcd",
        "requestId": "/abc/DEF",
        "args": {"force": "0123456789abcdef", "importBehavior": None, "deleteConfig": False},
    }


@given(
    st.sampled_from(JobKind),
    st.sampled_from(CAUSES),
    st.integers(1, 100),
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.builds(
        Args,
        force=st.none() | st.from_regex("[0-9a-f]{16}", fullmatch=True),
        import_behavior=st.sampled_from([None, "prioritize-source", "prioritize-destination"]),
        delete_config=st.booleans(),
    ),
)
def test_a_job_comes_back_from_the_queue_as_it_was(kind, cause, attempt, wait, args):
    """A job that went through the queue is the same job."""
    made = job(kind=kind, cause=cause, attempt=attempt, not_before=NOW + wait, args=args)
    assert parse_job(made.to_message()) == made


def test_a_job_may_say_nothing_of_its_request():
    """A message that names no request is read as it is."""
    assert parse_job(message(requestId=None)).request_id is None


def test_the_next_attempt_is_the_same_job_later():
    """The next attempt counts one more and is due later; nothing else changes."""
    later = NOW + timedelta(minutes=1)
    assert job().again(later) == job(attempt=2, not_before=later)


@pytest.mark.parametrize("cause", CAUSES)
def test_only_jobs_that_people_asked_for_ask_for_an_act_of_their_own(cause):
    """What a webhook, event or tick causes is a hint; a call or command is not."""
    assert job(cause=cause).is_hint == (cause not in ("api", "command"))


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("", "Invalid JSON"),
        ("[]", "body"),
        (message(v=2), "v:"),
        (message(kind="explode"), "kind:"),
        (message(cause="boredom"), "cause:"),
        (message(jobId=None), "jobId:"),
        (message(jobId="../../x"), "jobId:"),
        (message(attempt=0), "attempt:"),
        (message(requestId="a b"), "requestId:"),
        (message(createdAt="2026-01-01T00:00:00"), "createdAt:"),
        (message(args={"force": "hunter2"}), "args.force:"),
        (message(config="status/project-1/api.json"), "not the name of a sync config"),
    ],
)
def test_an_unreadable_message_is_explained_without_its_content(body, where):
    """A message that is no job is refused with the field that is wrong, never with what it holds."""
    with pytest.raises(InvalidInput) as refusal:
        parse_job(body)
    assert "queue message" in str(refusal.value)
    assert where in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_message_of_a_newer_version_is_understood():
    """What a newer version adds to a message is ignored, so no job is lost while two are deployed."""
    assert parse_job(message(later="something")) == parse_job(message())
