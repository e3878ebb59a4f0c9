from datetime import timedelta
from typing import get_args

import pytest
from pydantic import ValidationError

from functions.plan.job import Args, Cause, Job, plain_id
from functions.plan.models import JobKind
from tests.support.plan_examples import NOW, OBJECT

HINTS = {"webhook", "event", "vault-event", "tick"}


def a_job(**fields):
    """Return a job."""
    usual = {"kind": JobKind.SYNC, "cause": "webhook", "created_at": NOW, "not_before": NOW}
    return Job(config=OBJECT, job_id="0123abcd", **usual | fields)


@pytest.mark.parametrize("cause", get_args(Cause))
@pytest.mark.parametrize("kind", JobKind)
def test_what_compares_contents(kind, cause):
    """A verification compares contents, and a sync that somebody asked for; no import and no removal does."""
    is_asked_for = kind == JobKind.SYNC and cause not in HINTS
    assert a_job(kind=kind, cause=cause).verifies == (kind == JobKind.VERIFY or is_asked_for)


@pytest.mark.parametrize("cause", get_args(Cause))
def test_what_another_run_serves(cause):
    """Hints of a change are served by any later look; what a person asked for is served by nothing else."""
    assert a_job(cause=cause).is_coalescable == (cause in HINTS)


@pytest.mark.parametrize(
    "given", ["req-1a2b", "/ABC/DEF_1", "//A.b:c", "a" * 126, "ocid1.user.oc1..aaaa"]
)
def test_a_harmless_id_is_kept(given):
    """The id of a request or person is kept as it is if it is harmless in a log and in a header."""
    assert plain_id(given) == given


@pytest.mark.parametrize(
    "given", ["", "a b", "a\n", "///a", "é", "a" * 127, None, 7, b"req-1a2b", ["a"]]
)
def test_any_other_id_is_none(given):
    """Whatever else a request says of itself is left out."""
    assert plain_id(given) is None


@pytest.mark.parametrize(
    ("field", "right"), [("force", "0a" * 8), ("plan", "0a" * 8), ("run", "0a" * 16)]
)
def test_what_a_job_carries_looks_like_it(field, right):
    """A fingerprint has 16 hexadecimal digits and a run's id 32: a job carries nothing else by these names."""
    assert getattr(Args(**{field: right}), field) == right
    for wrong in (right[1:], right + "0", right.upper(), f" {right[1:]}", ""):
        with pytest.raises(ValidationError):
            Args(**{field: wrong})


def test_what_older_containers_do_not_know_is_left_out():
    """A job that carries no plan does not name it: a container of before would take no such job."""
    assert "plan" not in Args(force="0a" * 8).model_dump(by_alias=True)
    assert Args(plan="0a" * 8).model_dump(by_alias=True)["plan"] == "0a" * 8


def test_attempts_count_from_one():
    """A job that says to be before its first attempt is none of ours."""
    with pytest.raises(ValidationError):
        a_job(attempt=0)


def test_the_next_attempt():
    """The next attempt is the same job, counted, due later; one that gets on counts from one."""
    later = NOW + timedelta(seconds=30)
    assert a_job().attempt == 1
    job = a_job(attempt=3)
    assert job.again(later) == a_job(attempt=4, not_before=later)
    assert job.as_first_attempt() == a_job(attempt=1)


def test_a_job_that_is_put_off():
    """A job that is put off is due later and never sooner than it was."""
    later = NOW + timedelta(seconds=30)
    assert a_job().later(later) == a_job(not_before=later)
    assert a_job(not_before=later).later(NOW) == a_job(not_before=later)
