"""What a run takes up of what earlier ones noted, and of what happens meanwhile."""

from types import SimpleNamespace

import pytest

from functions.plan.models import JobKind, SourceSecrets
from functions.plan.written import Written
from functions.run.context import Run
from functions.run.observe import Observed
from functions.state.memory import ROUND, Memory
from tests.support.plan_examples import DIGESTS, NOW, planner, sync
from tests.support.virtual_time import VirtualClock

JOB, NOTED = "0123abcd", {"A": "digest"}


def recalled(memory, *, verifies):
    """Return what a run of the job takes up of a memory."""
    run = SimpleNamespace(
        memory=memory,
        job=SimpleNamespace(job_id=JOB, verifies=verifies, created_at=NOW),
        services=SimpleNamespace(digests=DIGESTS),
        sync=sync(),
        summary=SimpleNamespace(read_at=None),
        settled={},
    )
    Run.recall(run)
    return run.settled


def a_memory(settled_by, *, has_round):
    """Return a memory in which somebody noted something, while a verification is under way or not."""
    memory = Memory()
    if has_round:
        memory.begin_round(NOW, sync().etag, DIGESTS.key_id)
    memory.settled, memory.settled_by = dict(NOTED), settled_by
    return memory


@pytest.mark.parametrize(
    ("settled_by", "has_round", "verifies", "takes_up", "is_kept"),
    [
        (JOB, False, False, True, True),
        ("another0", False, False, False, False),
        (ROUND, True, False, False, True),
        (ROUND, True, True, True, True),
        ("another0", False, True, False, False),
    ],
    ids=["its own", "another's", "beside a round", "the round's", "a new round"],
)
def test_what_is_taken_up(settled_by, has_round, verifies, takes_up, is_kept):
    """A job takes up what its earlier attempts noted, a verification what its round did; no job spoils a round."""
    memory = a_memory(settled_by, has_round=has_round)
    settled = recalled(memory, verifies=verifies)
    assert settled == (NOTED if takes_up else {})
    assert memory.settled == (NOTED if is_kept else {})
    settled["B"] = "more"
    assert ("B" in memory.settled) == (takes_up or not is_kept)
    assert (memory.round is not None) == (has_round or verifies)


@pytest.mark.parametrize(
    ("kind", "force", "follows"),
    [
        (JobKind.SYNC, None, True),
        (JobKind.VERIFY, None, True),
        (JobKind.SYNC, "0123456789abcdef", False),
        (JobKind.IMPORT, None, False),
        (JobKind.REMOVE, None, False),
    ],
)
@pytest.mark.parametrize("rerun", [True, False])
def test_whose_news_are_followed(kind, force, follows, rerun):
    """A sync follows the hints that come while it is on, but not where a person agreed to its plan."""
    run = SimpleNamespace(
        job=SimpleNamespace(kind=kind, args=SimpleNamespace(force=force)),
        document=SimpleNamespace(status=SimpleNamespace(rerun=rerun)),
    )
    assert Run.has_news.fget(run) == (follows and rerun)


@pytest.mark.parametrize("is_doubted", [True, False])
def test_names_that_a_listing_may_not_show(is_doubted):
    """A taken name may be one that was just written, or any while all are doubted; not one that was refused."""
    memory = Memory(recent=dict.fromkeys(("A", "REFUSED"), Written(at=NOW)))
    if is_doubted:
        memory.doubt_everything(NOW)
    run = SimpleNamespace(
        sync=sync(),
        services=SimpleNamespace(clock=VirtualClock()),
        memory=memory,
        observer=SimpleNamespace(vault=None, planner=lambda _: planner()),
        _refusals={"REFUSED": "no"},
        _token=None,
    )
    applier = Run._applier(run, Observed(SourceSecrets(()), []))
    shown = {name: applier.is_recent(name) for name in ("A", "B", "REFUSED")}
    assert shown == {"A": True, "B": is_doubted, "REFUSED": is_doubted}
