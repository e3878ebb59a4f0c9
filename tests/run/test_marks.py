"""Marks of what is about to be written, and what becomes of them."""

from datetime import timedelta

import pytest
from pydantic import SecretBytes

from functions.plan.models import Action, Change
from functions.plan.ownership import DIGEST_TAG
from functions.plan.written import UNDERWAY, Written, short
from functions.run.apply import Results
from functions.run.marks import Marks
from functions.state.memory import Memory
from tests.support.plan_examples import NOW, planner, secret, tags

BEFORE = Written(at=NOW - timedelta(minutes=1), id="id-of-A", digest="0" * 16)
OLD, NEW = tags("A", "old"), tags("A", "new")
DIGEST = short(NEW[DIGEST_TAG])


def change(action, found=None, value="new"):
    """Return a change of A."""
    return Change(action, "A", found, SecretBytes(value.encode()) if value else None)


def marked(one, memory, settled=None, **results):
    """Mark a change, of which this became known meanwhile."""
    settled = {} if settled is None else settled
    return Marks.put(memory, settled, [one], planner(), Results(**results), NOW)


UPDATE = change(Action.UPDATE, secret("A", tags=OLD))


def test_what_is_about_to_be_written_is_not_settled():
    """A mark says that nothing is known of the name: not what it holds, nor that it was read or written."""
    memory, settled = Memory(settled={"A": "x", "B": "y"}, settled_by="job"), {"A": "x", "B": "y"}
    marked(UPDATE, memory, settled)
    assert memory.recent == {"A": Written(at=NOW)}
    assert memory.settled == settled == {"B": "y"}


@pytest.mark.parametrize(
    ("one", "known", "settles"),
    [
        (change(Action.CREATE), {"id": "new-id", "digest": DIGEST}, True),
        (UPDATE, {"id": "id-of-A", "digest": DIGEST}, True),
        (
            change(Action.TAG, secret("A", tags=NEW)),
            {"id": "id-of-A", "digest": DIGEST, "looks_as_before": True},
            True,
        ),
        (
            change(Action.RESTORE, secret("A", tags=OLD)),
            {"id": "id-of-A", "digest": short(OLD[DIGEST_TAG]), "looks_as_before": True},
            False,
        ),
        (
            change(Action.DELETE, secret("A", tags=OLD), value=None),
            {
                "id": "id-of-A",
                "digest": short(OLD[DIGEST_TAG]),
                "is_going": True,
                "looks_as_before": True,
            },
            False,
        ),
    ],
    ids=lambda it: str(it.action) if isinstance(it, Change) else "",
)
@pytest.mark.parametrize("settled_by", ["job", ""])
def test_what_is_known_to_be_done(one, known, settles, settled_by):
    """What a listing must show is noted; a value that was written is settled, for later runs where there may be some."""
    memory, settled = Memory(settled_by=settled_by), {}
    marks = marked(one, memory, settled, done={"A": one.action}, ids={"A": "new-id"})
    marks.confirm()
    assert memory.recent == {"A": Written(at=NOW, **known)}
    assert settled == ({"A": DIGEST} if settles else {})
    assert memory.settled == (settled if settled_by else {})


def test_what_is_not_known_to_be_done():
    """What may be under way, or was not begun, is not confirmed."""
    memory, settled = Memory(settled_by="job"), {}
    marked(UPDATE, memory, settled, again={"A": "later"}).confirm()
    assert (memory.recent, memory.settled, settled) == ({"A": Written(at=NOW)}, {}, {})


@pytest.mark.parametrize("before", [None, BEFORE])
@pytest.mark.parametrize(
    ("one", "results", "stays"),
    [
        (UPDATE, {}, None),
        (UPDATE, {"done": {"A": Action.UPDATE}}, Written(at=NOW)),
        (UPDATE, {"again": {"A": "later"}}, Written(at=NOW)),
        (UPDATE, {"errors": {"A": "no"}}, Written(at=NOW - UNDERWAY)),
        (change(Action.CREATE), {"errors": {"A": "no"}}, None),
    ],
    ids=["not begun", "done", "perhaps", "update refused", "create refused"],
)
def test_what_was_not_written_after_all(before, one, results, stays):
    """The mark of what was not begun or refused goes; of an update that was refused some part may be written."""
    memory = Memory(recent={"A": before} if before else {})
    marked(one, memory, **results).take_back()
    mark = stays and stays.model_copy(update={"is_twice": before is not None})
    assert memory.recent.get("A") == (mark or before)
