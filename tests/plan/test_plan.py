import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretBytes

from functions.plan.bundle import KeyChanges
from functions.plan.models import Action, Change, State
from functions.plan.ownership import OWNER_TAG
from functions.plan.plan import Plan, join
from functions.plan.shown import ShownChange, show
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
OURS = {OWNER_TAG: str(UUID(int=1))}
FULL = Plan(
    changes=(
        Change(Action.CREATE, "A", None, SecretBytes(b"hunter2")),
        Change(Action.UPDATE, "B", secret("B"), SecretBytes(b"hunter2"), "a guard"),
        Change(Action.DELETE, "C", secret("C")),
        Change(Action.DELETE, "OURS", secret("OURS", tags=OURS)),
    ),
    errors={"Z": "late", "E": "early"},
    warnings=("W: warned",),
    blocked=(secret("D", State.UPDATING),),
    stops=("Nothing was written",),
    unchanged=4,
    in_scope=frozenset(map(str, range(9))),
    drift=("B",),
)


def test_a_plan_is_shown_without_values():
    """A plan for people tells actions, names, owners, reasons and counts, and never a value."""
    shown = show(FULL, UUID(int=1), ["a fault"]).model_dump(mode="json", by_alias=True)
    assert shown == {
        "changes": [
            {"action": "create", "name": "A"},
            {"action": "update", "name": "B", "held": "a guard"},
            {"action": "delete", "name": "C", "owner": "nobody"},
            {"action": "delete", "name": "OURS", "owner": "this"},
        ],
        "errors": {"E": "early", "Z": "late"},
        "warnings": [
            "a fault",
            (
                "The source lacks 1 secret that this sync never wrote, so this is scheduled "
                "for deletion: C. A keySchema or disableSecretDeletion prevents it."
            ),
            "W: warned",
        ],
        "stops": ["Nothing was written"],
        "blocked": ["D is UPDATING"],
        "drift": ["B"],
        "inScope": 9,
        "counts": {
            "create": 1,
            "update": 1,
            "restore": 0,
            "tag": 0,
            "delete": 2,
            "unchanged": 4,
            "unknown": 0,
            "errors": 2,
        },
        "fingerprint": FULL.fingerprint,
    }
    assert "hunter2" not in repr(FULL) + str(FULL) + json.dumps(shown)


def test_the_keys_of_a_bundle_are_shown():
    """A change of a bundle shows which of its keys are added, changed and removed; no other change has keys."""
    keys = KeyChanges(added=("A",), changed=("B",), removed=("C", "D"), lost=("C",))
    plan = Plan(
        (Change(Action.UPDATE, "app", secret("app"), keys=keys), Change(Action.CREATE, "X"))
    )
    bundle, other = show(plan, UUID(int=1)).model_dump(mode="json", by_alias=True)["changes"]
    assert bundle["keys"] == {"added": ["A"], "changed": ["B"], "removed": ["C", "D"]}
    assert other == {"action": "create", "name": "X"}


def test_a_deletion_of_ones_own_needs_no_warning():
    """Nobody is warned of deletions that take only what this sync wrote, or that are held."""
    own = Change(Action.DELETE, "OURS", secret("OURS", tags=OURS))
    held = Change(Action.DELETE, "A", secret("A"), held="a guard")
    assert show(Plan((own, held)), UUID(int=1)).warnings == []


def test_keys_that_are_not_known_are_not_shown():
    """Of a bundle that could not be compared no keys are shown, rather than that none would change."""
    unknown = Change(Action.UPDATE, "app", secret("app"), keys=KeyChanges(is_known=False))
    assert show(Plan((unknown,)), UUID(int=1)).changes[0].keys is None


def test_what_need_not_be_shown_is_not_promised():
    """What a change of a plan is shown with only where there is something is no required field."""
    assert ShownChange.model_json_schema()["required"] == ["action", "name"]


def test_what_an_import_takes_first_only_gets_tags():
    """What the initial import takes into the source is then neither changed nor deleted, and named."""
    changes = (Change(Action.UPDATE, "A", secret("A")), Change(Action.DELETE, "B", secret("B")))
    rest = Change(Action.DELETE, "C", secret("C"))
    plan = Plan((*changes, rest), warnings=("W",)).after_import({"B", "A"})
    assert plan.changes == (
        Change(Action.TAG, "A", secret("A")),
        Change(Action.TAG, "B", secret("B")),
        rest,
    )
    text = "The initial import comes first and takes 2 secrets of the vault into the source: A, B."
    assert plan.warnings == ("W", text)
    assert Plan((rest,)).after_import(()) == Plan((rest,))


def test_a_deletion_of_which_nothing_is_known_is_nobodys():
    """A deletion without a secret is shown as nobody's, and warned of."""
    shown = show(Plan((Change(Action.DELETE, "A"),)), UUID(int=1))
    assert shown.changes[0].owner == "nobody"
    assert shown.warnings


def test_what_was_not_compared_is_unknown():
    """Judged by tags, a plan updates what this sync wrote otherwise; of the rest it cannot tell."""
    ours, theirs = secret("A", tags=OURS), secret("B")
    value = SecretBytes(b"hunter2")
    changes = (Change(Action.UPDATE, "A", ours, value), Change(Action.UPDATE, "B", theirs, value))
    judged = Plan(changes).judged_by_tags(UUID(int=1))
    assert [change.name for change in judged.changes] == ["A"]
    assert judged.counts()["unknown"] == 1


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.UPDATE, Action.TAG}))
def test_what_needs_no_content_is_known(action):
    """A creation, restoration or deletion follows from names alone, whosever the secret is."""
    changes = (Change(action, "A", secret("A")),)
    judged = Plan(changes).judged_by_tags(UUID(int=1))
    assert (judged.changes, judged.unknown) == (changes, 0)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "0"), (5, "0; 1; 2; 3; 4"), (6, "0; 1; 2; 3; 4; and 1 more")],
)
def test_a_few_lines_are_one_sentence(count, text):
    """The first five lines are told, and how many more there are."""
    assert join([str(number) for number in range(count)]) == text


@given(CHANGES, st.randoms())
def test_the_order_of_changes_does_not_matter_to_the_fingerprint(changes, random):
    """The fingerprint of a plan does not depend on the order of its changes."""
    shuffled = random.sample(changes, len(changes))
    assert Plan(tuple(changes)).fingerprint == Plan(tuple(shuffled)).fingerprint


@given(CHANGES, CHANGES)
def test_the_fingerprint_tells_plans_apart(one, two):
    """Two plans have one fingerprint exactly if a person must agree to the same."""

    def deeds(changes):
        return {(c.action, c.name) for c in changes if c.action == Action.DELETE or c.held}

    same = Plan(tuple(one)).fingerprint == Plan(tuple(two)).fingerprint
    assert same == (deeds(one) == deeds(two))


def test_the_fingerprint_holds_nothing_of_a_value():
    """Plans that differ in values alone have one fingerprint, which a job can carry."""
    other = replace(FULL, changes=(replace(FULL.changes[0], value=None), *FULL.changes[1:]))
    assert other.fingerprint == FULL.fingerprint
    assert len(FULL.fingerprint) == 16


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.DELETE}))
def test_what_nobody_must_agree_to_does_not_change_the_fingerprint(action):
    """A change that no guard holds back does not matter to the fingerprint, unless it deletes."""
    free, held = (Change(action, "A", secret("A"), None, why) for why in (None, "theirs"))
    assert Plan((free,)).fingerprint == Plan().fingerprint
    assert Plan((held,)).fingerprint != Plan().fingerprint
