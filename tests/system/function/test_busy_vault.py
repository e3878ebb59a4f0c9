"""A vault in transition, slow, stale or full: a run waits, goes on, or says why it cannot."""

import threading

import pytest

from infra.local.oci.secret import Durations
from infra.local.oci.traffic import Fault


@pytest.mark.parametrize(
    "state", ["CREATING", "UPDATING", "DELETING", "SCHEDULING_DELETION", "CANCELLING_DELETION"]
)
def test_a_busy_vault_blocks(world, state):
    """While any secret of the vault is in transition nothing is written, and the status says which."""
    sync = world.sync(values={"A": "1"}, options={"keySchema": "app_{{secretKey}}"})
    sync.seed("STUCK", state=state)
    reply = world.briefly(4, {"command": "sync", "sync": sync.name})
    assert reply["outcome"] == "waiting"
    assert f"STUCK is {state}" in reply["message"]
    assert 'blockingScope "schema"' in reply["message"]
    assert "app_A" not in sync.live
    sync.edit("STUCK", state="ACTIVE")
    world.age(60)
    world.tick()
    assert sync.live == {"app_A": "1", "STUCK": "old"}
    assert sync.status.sync.status == "succeeded"


def test_a_state_that_passes(world):
    """A state that ends within the budget is waited for."""
    sync = world.sync(values={"A": "1"})
    sync.seed("BUSY", state="UPDATING")
    threading.Timer(0.3, sync.edit, ("BUSY",), {"state": "ACTIVE"}).start()
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "1"}


def test_blocking_scope_schema(world):
    """With blockingScope schema only names in scope block."""
    options = {"keySchema": "app_{{secretKey}}", "blockingScope": "schema"}
    sync = world.sync(values={"A": "1"}, options=options)
    sync.seed("STUCK", state="UPDATING")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live["app_A"] == "1"


def test_twenty_restores_take_one_wait(world):
    """Twenty wanted secrets that are pending deletion are restored together, then updated if they differ."""
    names = [f"K{n:02}" for n in range(20)]
    sync = world.sync(values=dict.fromkeys(names, "1"))
    for number, name in enumerate(names):
        sync.seed(name, b"1" if number % 2 else b"0", state="PENDING_DELETION")
    cancelling_seconds = 0.5
    world.cloud.vault.durations = Durations(cancelling=cancelling_seconds)
    started = world.clock.monotonic()
    assert sync.run()["outcome"] == "succeeded"
    assert world.clock.monotonic() - started < 4 * cancelling_seconds
    assert sync.live == dict.fromkeys(names, "1")
    names = world.operations()
    assert names.count("CancelSecretDeletion") == 20
    assert names.count("UpdateSecret") == 10
    last = len(names) - names[::-1].index("CancelSecretDeletion")
    assert "ListSecrets" not in names[names.index("CancelSecretDeletion") : last]


@pytest.mark.parametrize("times", [1, 3])
def test_content_that_is_late_after_a_restore(world, times):
    """A 404 on the content of a secret that was just restored is tried again, and nobody is told of it."""
    sync = world.sync(values={"A": "1"})
    sync.seed("A", b"0", state="PENDING_DELETION")
    world.cloud.faults.append(Fault("GetSecretBundle", status=404, times=times))
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "1"}


def test_content_that_stays_away_after_a_restore(world):
    """Content that cannot be read for good is that key's error, restored or not."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A", b"0", state="PENDING_DELETION")
    world.cloud.faults.append(Fault("GetSecretBundle", status=404))
    assert sync.run()["outcome"] == "failed"
    world.cloud.faults.clear()
    assert "cannot be read" in sync.status.runs[0].errors["A"]
    assert sync.live["B"] == "2"


def test_a_secret_in_state_failed(world):
    """A wanted secret in state FAILED is an error for that key, never a silent success."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A", state="FAILED")
    sync.run()
    assert sync.live["B"] == "2"
    assert "FAILED" in sync.status.runs[0].errors["A"]
    assert sync.status.sync.status == "failed"


def test_a_deleted_namesake(world):
    """A DELETED secret beside a live one of the same name does not count."""
    sync = world.sync(values={"A": "1"})
    sync.seed("A", b"ancient", state="DELETED")
    sync.seed("A", b"old")
    sync.run()
    assert sync.live["A"] == "1"
    assert world.cloud.count("CreateSecret") == 0


def test_a_lost_answer(world):
    """A write whose answer was lost is recognised and not repeated blindly."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("B", b"0")
    world.cloud.faults += [
        Fault("CreateSecret", drop="answer", times=1),
        Fault("UpdateSecret", drop="answer", times=1),
    ]
    sync.run()
    assert sync.live == {"A": "1", "B": "2"}
    assert (sync.versions("A"), sync.versions("B")) == (1, 2)


def test_throttling(world):
    """Calls that are refused for their rate are made again, slower, within the run."""
    sync = world.sync(values={f"K{n}": "1" for n in range(12)})
    world.cloud.rate_limits["write"] = 10
    assert sync.run()["outcome"] == "succeeded"
    assert len(sync.live) == 12


def test_the_version_limit(world):
    """At the limit of versions the oldest are given up, and the update is made."""
    world.cloud.vault.version_limit = 3
    sync = world.sync(values={"A": "0"})
    for n in range(5):
        sync.set("A", str(n))
        assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "4"}


def test_versions_are_given_up_early(world):
    """A verification that finds many versions of its own secret gives the oldest up, before a write has to."""
    sync = world.sync(values={"OWN": "1", "THEIRS": "1"})
    sync.seed("THEIRS", b"1")
    sync.run()

    def edit(*values):
        for name in ("OWN", "THEIRS"):
            for value in values:
                sync.edit(name, value=value)

    def given_up(name):
        versions = world.cloud.vault.get(name, sync.vault_id).versions.values()
        return [version.number for version in versions if version.deletion]

    edit(*[b"2"] * 22, b"1")
    sync.run()
    assert (sync.versions("OWN"), given_up("OWN")) == (24, [])
    edit(b"2", b"1")
    for _ in range(2):
        assert sync.run()["outcome"] == "succeeded"
        assert (given_up("OWN"), given_up("THEIRS")) == ([1, 2, 3, 4, 5], [])
    assert sync.live == {"OWN": "1", "THEIRS": "1"}


def test_a_name_taken_in_another_compartment(world):
    """A name that a secret of another compartment holds is an error for that key; the others go on."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A", compartmentId="ocid1.compartment.oc1..elsewhere")
    sync.run()
    assert "the name is taken" in sync.status.runs[0].errors["A"]
    assert sync.live["B"] == "2"


def test_a_stale_list(world):
    """A list that does not show the last minutes yet leads to no second version and no old value."""
    sync = world.sync(values={"A": "1", "B": "1"})
    sync.run()
    world.cloud.vault.list_staleness_seconds = 0.5
    sync.set("A", "2")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live == {"A": "2", "B": "1"}
    sync.run()
    assert (sync.versions("A"), sync.versions("B")) == (2, 1)


@pytest.mark.parametrize("refuse", ["refuse_tags", "refuse_tags_with_content"])
def test_tags_are_refused(world, refuse):
    """Where tags are refused the values are written all the same, and compared by reading."""
    setattr(world.cloud.vault, refuse, True)
    sync = world.sync(values={"A": "1"})
    for value in ("1", "2"):
        sync.set("A", value)
        assert sync.run()["outcome"] == "succeeded"
        assert sync.live == {"A": value}
    sync.run()
    assert sync.versions("A") == 2


def test_an_answer_that_is_nonsense(world):
    """An answer of OCI that cannot be used ends the run as waiting, says so, and frees the lease."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.cloud.faults.append(Fault("GetSecretBundle", status=200))
    answer = sync.run()
    assert answer["outcome"] == "waiting"
    assert "OCI's answer cannot be used" in answer["message"]
    assert sync.status.lease is None
    world.cloud.faults.clear()
    assert sync.run()["outcome"] == "succeeded"
