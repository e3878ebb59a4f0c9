"""Carrying out one change, against a vault in memory that obeys OCI's rules."""

from datetime import timedelta

import pytest
from pydantic import SecretBytes

from functions.errors import NameTaken, ValueReused
from functions.plan.models import Action, Change, State
from functions.plan.ownership import OWNER_TAG
from functions.run.apply import Applier, Results
from infra.local.oci.cloud import COMPARTMENT_ID, KEY_ID, VAULT_ID
from infra.local.oci.secret import Durations
from infra.local.oci.vault_store import Vault
from tests.support.memory_vault import MemoryVault
from tests.support.plan_examples import OWN_SYNC, planner, secret
from tests.support.virtual_time import VirtualClock


@pytest.fixture
def vault():
    """An empty vault."""
    place = {"vaultId": VAULT_ID, "compartmentId": COMPARTMENT_ID, "keyId": KEY_ID}
    return Vault(VirtualClock(), Durations(), place)


def create(vault, value, *, recent=()):
    """Create the secret A, which the listing does not show; return what became of it."""
    return made(vault, Change(Action.CREATE, "A", None, SecretBytes(value)), recent=recent)


def made(vault, change, *, recent=(), port=MemoryVault):
    """Make a change; return what became of it."""
    now = vault.clock.now()
    applier = Applier(
        vault=port(vault, VAULT_ID, COMPARTMENT_ID),
        planner=planner(),
        compartment_id=COMPARTMENT_ID,
        token=lambda name, tags: name + tags,
        deletion_time=now + timedelta(days=7),
        now=now,
        is_recent=lambda name: name in recent,
    )
    results = Results()
    (task,) = applier.tasks([change], results)
    task()
    return results


def test_a_create_that_meets_its_own_value(vault):
    """A create whose name is held by an ACTIVE secret with the wanted value is done."""
    vault.seed("A", b"wanted")
    [there] = MemoryVault(vault, VAULT_ID, COMPARTMENT_ID).list()
    results = create(vault, b"wanted")
    assert (results.done, results.ids) == ({"A": Action.CREATE}, {"A": there.id})


def test_a_create_that_meets_another_value(vault):
    """A create that meets another value under its name looks again: it never counts as written."""
    vault.seed("A", b"somebody's")
    results = create(vault, b"wanted")
    assert (results.done, results.errors) == ({}, {})
    assert "ACTIVE" in results.again["A"]
    assert vault.live() == {"A": b"somebody's"}


@pytest.mark.parametrize("state", [State.PENDING_DELETION, State.CREATING, State.UPDATING])
def test_a_create_that_meets_a_secret_that_is_not_active(vault, state):
    """A create that meets a secret in transition looks again, even where the value is the wanted one."""
    vault.seed("A", b"wanted", state=state)
    results = create(vault, b"wanted")
    assert (results.done, results.errors) == ({}, {})
    assert state.value in results.again["A"]


def test_a_name_that_is_taken_elsewhere(vault):
    """A name that a secret of another compartment holds is an error, with where to look."""
    vault.seed("A", b"wanted", compartmentId="ocid1.compartment.oc1..another")
    results = create(vault, b"wanted")
    assert (results.done, results.again) == ({}, {})
    assert "another compartment" in results.errors["A"]


@pytest.mark.parametrize(
    ("found", "recent", "is_looked_at_again"),
    [
        (None, ["A"], True),
        (None, [], False),
        (secret("A", State.DELETED, compartment_id=COMPARTMENT_ID), ["A"], True),
        (secret("A", State.DELETED, compartment_id=COMPARTMENT_ID), [], False),
        (secret("A", compartment_id="another"), ["A"], False),
    ],
)
def test_a_taken_name_of_which_nothing_is_to_be_seen(vault, found, recent, is_looked_at_again):
    """Such a name is its key's error at once, unless this sync wrote it lately and the listing may be stale."""

    class Taken(MemoryVault):
        def create(self, *_):
            raise NameTaken("it is taken")

        def find(self, _name):
            return found

    change = Change(Action.CREATE, "A", None, SecretBytes(b"wanted"))
    results = made(vault, change, recent=recent, port=Taken)
    assert (results.again.keys(), results.errors.keys()) == (
        ({"A"}, set()) if is_looked_at_again else (set(), {"A"})
    )


class Reused(MemoryVault):
    """A vault that takes no value again that the secret held before."""

    def update(self, *_):
        raise ValueReused("it held that before")


class NothingToPromote(Reused):
    """The same, where no version with the value can be made the current one."""

    def promote(self, *_):
        return False


@pytest.mark.parametrize(("port", "can"), [(Reused, True), (NothingToPromote, False)])
def test_a_value_that_the_secret_held_before(vault, port, can):
    """A value that OCI does not take again is promoted where it lies; where that cannot be it is an error."""
    vault.seed("A", b"first")
    [held] = MemoryVault(vault, VAULT_ID, COMPARTMENT_ID).list()
    results = made(vault, Change(Action.UPDATE, "A", held, SecretBytes(b"first")), port=port)
    assert results.done == ({"A": Action.UPDATE} if can else {})
    assert results.errors == ({} if can else {"A": "it held that before"})


def deleted_after(vault, edit, *, tags=None):
    """Delete the secret A, which is edited after it was listed; return what became of it."""
    vault.seed("A", b"x", freeformTags=tags or {})
    [listed] = MemoryVault(vault, VAULT_ID, COMPARTMENT_ID).list()
    vault.edit("A", **edit)
    return made(vault, Change(Action.DELETE, "A", listed, None))


def test_a_stranger_that_changed_since_it_was_listed_is_not_deleted(vault):
    """What has no tag of this sync may be another sync's by now: it is deleted as it was listed, or not at all."""
    results = deleted_after(vault, {"freeformTags": {OWNER_TAG: "another sync"}})
    assert (results.done, results.errors) == ({}, {})
    assert "changed meanwhile" in results.again["A"]
    assert vault.get("A").state(vault.clock.now()) == State.ACTIVE


@pytest.mark.parametrize(
    ("tags", "edit"),
    [
        ({}, {}),
        ({}, {"value": b"y"}),
        ({OWNER_TAG: OWN_SYNC}, {"freeformTags": {OWNER_TAG: OWN_SYNC, "team": "a"}}),
    ],
)
def test_what_is_deleted_whatever_changed(vault, tags, edit):
    """The sync's own secret is deleted though its tags changed, a stranger though its value did."""
    assert deleted_after(vault, edit, tags=tags).done == {"A": Action.DELETE}
    assert vault.get("A").state(vault.clock.now()) == State.PENDING_DELETION


@pytest.mark.parametrize("has_old", [True, False], ids=["old ones go", "none may go"])
def test_a_secret_that_is_full_of_versions(vault, has_old):
    """A value that finds no room is written once the oldest versions go; where none may go it is an error."""
    vault.version_limit = 3 if has_old else 1
    vault.seed("A", b"0")
    for value in (b"1", b"2") if has_old else ():
        vault.edit("A", value=value)
    [held] = MemoryVault(vault, VAULT_ID, COMPARTMENT_ID).list()
    results = made(vault, Change(Action.UPDATE, "A", held, SecretBytes(b"wanted")))
    assert results.done == ({"A": Action.UPDATE} if has_old else {})
    assert list(results.errors) == ([] if has_old else ["A"])
    assert vault.live() == {"A": b"wanted" if has_old else b"0"}
