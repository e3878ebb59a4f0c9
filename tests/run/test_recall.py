"""What a run takes up of what earlier ones noted as settled."""

from types import SimpleNamespace

import pytest

from functions.run.context import Run
from functions.state.memory import ROUND, Memory
from tests.support.plan_examples import DIGESTS, NOW, sync

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
