import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from functions.plan.models import Action, Change, State
from functions.plan.plan import Plan
from tests.support.plan_examples import secret

CHANGES = st.lists(
    st.builds(
        Change,
        action=st.sampled_from(Action),
        name=st.from_regex("[A-C]{1,2}", fullmatch=True),
        held=st.sampled_from([None, "a guard"]),
    ),
    unique_by=lambda change: change.name,
    max_size=5,
)
FULL = Plan(
    changes=(
        Change(Action.CREATE, "A", None, SecretBytes(b"hunter2")),
        Change(Action.UPDATE, "B", secret("B"), SecretBytes(b"hunter2"), "a guard"),
        Change(Action.DELETE, "C", secret("C")),
    ),
    errors={"Z": "late", "E": "early"},
    warnings=("W: warned",),
    blocked=(secret("D", State.UPDATING),),
    stops=("Nothing was written",),
    unchanged=4,
)


def test_a_plan_is_shown_without_values():
    """A plan for people tells actions, names, reasons and counts, and never a value."""
    assert FULL.public() == {
        "changes": [
            {"action": "create", "name": "A"},
            {"action": "update", "name": "B", "held": "a guard"},
            {"action": "delete", "name": "C"},
        ],
        "errors": {"E": "early", "Z": "late"},
        "warnings": ["W: warned"],
        "stops": ["Nothing was written"],
        "blocked": ["D is UPDATING"],
        "counts": {
            "create": 1,
            "update": 1,
            "restore": 0,
            "tag": 0,
            "delete": 1,
            "unchanged": 4,
            "errors": 2,
        },
        "fingerprint": FULL.fingerprint,
    }
    assert list(FULL.public()["errors"]) == ["E", "Z"]
    assert "hunter2" not in repr(FULL) + str(FULL) + json.dumps(FULL.public())


@given(CHANGES, st.randoms())
def test_the_order_of_changes_does_not_matter_to_the_fingerprint(changes, random):
    """The fingerprint of a plan does not depend on the order of its changes."""
    shuffled = random.sample(changes, len(changes))
    assert Plan(tuple(changes)).fingerprint == Plan(tuple(shuffled)).fingerprint


@given(CHANGES, CHANGES)
def test_the_fingerprint_tells_plans_apart(one, two):
    """Two plans have one fingerprint exactly if they do the same to the same names."""

    def deeds(changes):
        return {(c.action, c.name) for c in changes if c.action != Action.TAG or c.held}

    same = Plan(tuple(one)).fingerprint == Plan(tuple(two)).fingerprint
    assert same == (deeds(one) == deeds(two))


def test_the_fingerprint_holds_nothing_of_a_value():
    """Plans that differ in values alone have one fingerprint, which a job can carry."""
    other = replace(FULL, changes=(replace(FULL.changes[0], value=None), *FULL.changes[1:]))
    assert other.fingerprint == FULL.fingerprint
    assert len(FULL.fingerprint) == 16


def test_mending_a_tag_does_not_change_the_fingerprint():
    """Mending one's own tag does not matter to the fingerprint; taking over another's does."""
    mended, taken = (Change(Action.TAG, "A", secret("A"), None, held) for held in (None, "theirs"))
    assert Plan((mended,)).fingerprint == Plan().fingerprint
    assert Plan((taken,)).fingerprint != Plan().fingerprint
