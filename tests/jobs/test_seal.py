import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from functions.errors import InvalidInput
from functions.jobs.seal import MAX_AHEAD, seal, seal_fields
from functions.jobs.seal import parse_job as parse
from functions.plan.job import Args, Job
from functions.plan.models import JobKind
from functions.plan.ownership import Digests
from tests.support.plan_examples import DIGESTS, NOW, OBJECT, VAULT

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


def parse_job(text, digests):
    """Read a message at a time of which the tests know."""
    return parse(text, digests, NOW)


def message(**fields):
    """Return a queue message with fields changed; None drops one."""
    row = json.loads(seal(job(), DIGESTS)) | fields
    del row["seal"]
    return seal_fields({name: value for name, value in row.items() if value is not None}, DIGESTS)


def test_a_message_is_what_the_design_says():
    """A queue message is versioned camelCase JSON and tells the whole job."""
    made = job(args=Args(force="0123456789abcdef"), attempt=3, request_id="/abc/DEF")
    told = json.loads(seal(made, DIGESTS))
    assert len(told.pop("seal")) == 64
    assert told == {
        "v": 1,
        "config": OBJECT,
        "kind": "sync",
        "cause": "webhook",
        "createdAt": "2026-01-01T00:00:00Z",
        "notBefore": "2026-01-01T00:00:00Z",
        "attempt": 3,
        "jobId": "0123abcd",
        "requestId": "/abc/DEF",
        "by": None,
        "args": {
            "force": "0123456789abcdef",
            "importBehavior": None,
            "deleteConfig": False,
            "run": None,
        },
    }


@given(
    st.sampled_from(JobKind),
    st.sampled_from(CAUSES),
    st.integers(1, 100),
    st.timedeltas(timedelta(0), MAX_AHEAD),
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
    assert parse_job(seal(made, DIGESTS), DIGESTS) == made


@pytest.mark.parametrize("given", [None, "", "a b", "a\n", "x" * 129, "//", 7, ["a"]])
def test_no_job_is_lost_for_its_request(given):
    """A message that names no request, or none that is plain, is a job all the same."""
    assert parse_job(message(requestId=given), DIGESTS) == parse_job(message(), DIGESTS)


def test_the_next_attempt_is_the_same_job_later():
    """The next attempt counts one more and is due later; nothing else changes."""
    later = NOW + timedelta(minutes=1)
    assert job().again(later) == job(attempt=2, not_before=later)


@pytest.mark.parametrize("cause", CAUSES)
def test_only_jobs_that_people_asked_for_ask_for_an_act_of_their_own(cause):
    """What a webhook, event or tick causes is a hint; a call or command is not."""
    assert job(cause=cause).is_coalescable == (cause not in ("api", "command"))


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
        (message(createdAt="2026-01-01T00:00:00"), "createdAt:"),
        (message(args={"force": "hunter2"}), "args.force:"),
        (message(config="status/project-1/api.json"), "not the name of a sync config"),
        (message(config="secret-syncs/../status/x.json"), "not the name of a sync config"),
        (message(config=f"secret-syncs/p/{'x' * 256}.json"), "not the name of a sync config"),
        (message(createdAt="9999-12-31T23:59:59Z"), "too far ahead"),
        (message(notBefore="9999-12-31T23:59:59Z"), "too far ahead"),
        (message(createdAt="2026-01-01T02:00:01Z"), "too far ahead"),
    ],
)
def test_an_unreadable_message_is_explained_without_its_content(body, where):
    """A message that is no job is refused with the field that is wrong, never with what it holds."""
    with pytest.raises(InvalidInput) as refusal:
        parse_job(body, DIGESTS)
    assert "queue message" in str(refusal.value)
    assert where in str(refusal.value)
    assert "hunter2" not in str(refusal.value)


def test_a_message_of_a_newer_version_is_understood():
    """What a newer version adds to a message is ignored, so no job is lost while two are deployed."""
    assert parse_job(message(later="something"), DIGESTS) == parse_job(message(), DIGESTS)


def forged(text, how):
    """Return a message as somebody without the digest key can make it."""
    row = json.loads(text)
    given = row.pop("seal")
    other = Digests(SecretBytes(b"a former key, or nobody's. 32 bytes"))
    if how == "changed":
        return json.dumps(row | {"seal": given, "attempt": 19})
    seals = {"none": None, "no text": 7, "no ASCII": "\ud800é", "of a tag": tag_of(row)}
    return seal_fields(row, other) if how == "other key" else json.dumps(row | {"seal": seals[how]})


def tag_of(row):
    """Return the digest of a value that is the message, as the tag of a secret shows it."""
    value = SecretBytes(json.dumps(row, sort_keys=True).encode())
    return DIGESTS.of(VAULT, "A", value).partition(":")[2]


FORGERIES = ["none", "no text", "no ASCII", "of a tag", "changed", "other key"]


@pytest.mark.parametrize("how", FORGERIES)
@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("kind", ["sync", "verify"])
def test_without_a_seal_a_message_is_a_hint_of_the_clock(kind, cause, how):
    """A message that was not made here may ask for a look, with no more rights than the clock has."""
    text = forged(message(kind=kind, cause=cause, attempt=20), how)
    assert parse_job(text, DIGESTS) == job(kind=kind, cause="tick", attempt=1)


@pytest.mark.parametrize("how", FORGERIES)
@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "remove"},
        {"kind": "import", "cause": "tick"},
        {"args": {"force": "0123456789abcdef"}},
        {"kind": "verify", "args": {"deleteConfig": True}},
        {"args": {"importBehavior": "prioritize-source"}},
    ],
)
def test_without_a_seal_a_message_asks_for_no_act(fields, how):
    """What a look alone would not do is refused without a right seal, and the refusal says so."""
    assert parse_job(message(**fields), DIGESTS)
    with pytest.raises(InvalidInput, match="its seal is not of this digestKey"):
        parse_job(forged(message(**fields), how), DIGESTS)


def test_a_message_that_is_nested_without_end():
    """A message that no parser can hold is refused like any other nonsense."""
    with pytest.raises(InvalidInput, match="Invalid JSON"):
        parse_job("[" * 100_000, DIGESTS)


def test_a_job_that_waits_is_the_same_job():
    """A job that is put off is due later, never earlier, and has lost no attempt."""
    later = NOW + timedelta(minutes=1)
    assert job().later(later) == job(not_before=later)
    assert job(not_before=later).later(NOW) == job(not_before=later)


def test_a_job_that_got_on_begins_anew():
    """A job that made progress has all its attempts before it again."""
    assert job(attempt=7).as_first_attempt() == job()
