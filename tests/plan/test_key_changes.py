"""Which keys of a bundle a plan is about."""

from dataclasses import replace

from pydantic import SecretBytes

from functions.plan.bundle import KeyBundle, KeyChanges
from functions.plan.desired import desired_from
from functions.plan.key_changes import parts_of, with_keys
from functions.plan.models import Action, Change, State
from tests.support.plan_examples import bundles, planner, secret, source, tags

APP = planner(bundle={"name": "app"})
NOW = desired_from(source({"A": "1", "B": "2"}), APP.schema)
CONTENT = NOW.values["app"].get_secret_value().decode()


def planned(*listing, this=APP, **contents):
    """Return the only change of a plan, with its keys."""
    held = bundles(**contents)
    [change] = with_keys(this.plan(NOW, listing, held), NOW, held, this).changes
    return change


def test_a_new_bundle_adds_all_its_keys():
    """A bundle that is not there gets all its keys."""
    change = planned()
    assert (change.action, change.keys) == (Action.CREATE, KeyChanges(added=("A", "B")))


def test_a_bundle_that_differs_is_compared_by_key():
    """What was read tells which keys are others, in either format; what is equal has no change."""
    old = planned(secret("app"), app='{"A":"0","C":"3"}')
    assert old.keys == KeyChanges(("B",), ("A",), ("C",), ("C",), frozenset("AC"))
    assert planned(secret("app"), app="A=0\nC=3\n").keys == old.keys


def test_a_bundle_that_was_not_read():
    """Nothing is known of the keys of what was not read, or is no bundle of somebody else's."""
    own = secret("app", tags=tags("app", "of old"))
    assert planned(own).keys == planned(own, app="no bundle").keys == KeyChanges(is_known=False)
    assert planned(own).is_loss


def test_what_the_sync_wrote_is_only_put_right():
    """Where the tag promises what is desired, and somebody spoiled the content, no key is lost."""
    promised = secret("app", tags=tags("app", CONTENT))
    assert planned(promised, app="spoiled").keys == KeyChanges()


def test_other_changes_have_no_keys():
    """A restored, mended or deleted secret has no changes of keys; nor has that of a sync without bundle."""
    assert planned(secret("app", State.PENDING_DELETION)).keys is None
    single = planner()
    plan = single.plan(desired_from(source({"A": "1"}), single.schema), [], {})
    assert with_keys(plan, NOW, {}, single) is plan


def test_the_content_of_a_bundle_is_read_where_its_tag_is_not_the_desired_one():
    """Which keys differ no tag tells: an own bundle is read unless it is equal, a single secret is not."""

    def read(this, held, name):
        desired = desired_from(source({"A": "1", "B": "2"}), this.schema)
        nothing = {"settled": (), "unsure": (), "verify": ()}
        return [one.name for one in this.must_read(desired, [held], **nothing)] == [name]

    assert read(APP, secret("app", tags=tags("app", "of old")), "app")
    assert not read(APP, secret("app", tags=tags("app", CONTENT)), "app")
    assert not read(planner(), secret("A", tags=tags("A", "of old")), "A")


def parts(change, *known):
    """Return the changes of the keys as action, name and value."""
    values = {"app/A": SecretBytes(b"1"), "app/B": SecretBytes(b"2")}
    found = [*parts_of(change, KeyBundle("app"), values, known)]
    assert all(part.secret is change.secret and part.keys is None for part in found)
    return [
        (part.action, part.name, part.value and part.value.get_secret_value()) for part in found
    ]


def test_the_parts_of_a_bundle():
    """Each key that differs is a change of its own; what is only known is lost where there is no bundle."""
    keys = KeyChanges(added=("B",), changed=("A",), removed=("C",))
    update = Change(Action.UPDATE, "app", secret("app"), SecretBytes(b"{}"), keys=keys)
    assert parts(update, "D") == [
        (Action.CREATE, "app/B", b"2"),
        (Action.UPDATE, "app/A", b"1"),
        (Action.DELETE, "app/C", None),
    ]
    create = Change(Action.CREATE, "app", None, SecretBytes(b"{}"), keys=KeyChanges(added=("A",)))
    assert parts(create, "B", "D") == [
        (Action.CREATE, "app/A", b"1"),
        (Action.DELETE, "app/D", None),
    ]
    delete = replace(update, action=Action.DELETE, keys=None)
    assert [name for _, name, _ in parts(delete, "D", "A")] == ["app/A", "app/D"]
    assert parts(replace(update, keys=None)) == []
