"""What people read after a run: who asked, what was done to which secret, and why not."""

import json

import pytest

from infra.local.oci.traffic import Fault
from tests.system.function.test_logs import runs as logged_runs

PRINCIPAL = "ocid1.user.oc1..somebody"


def test_who_asked(world):
    """The principal that IAM authenticated is in the run's record and its line of the log."""
    sync = world.sync(values={"A": "1"})
    body = json.dumps({"command": "sync", "sync": sync.name}).encode()
    world.stack.host.call(body, {"Oci-Subject-Id": PRINCIPAL})
    (run,) = sync.status.runs
    assert (run.cause, run.by) == ("command", PRINCIPAL)
    assert logged_runs(world)[-1]["by"] == PRINCIPAL
    assert logged_runs(world)[-1]["changed"] == {"create": ["A"]}


def test_nobody_says_over_http_who_they_are(world):
    """What an HTTP request says of its principal, by whichever header, is believed nowhere."""
    sync = world.sync(values={"A": "1"})
    body, headers = world.event(sync.folder)
    claims = {"Oci-Subject-Id": PRINCIPAL, "Fn-Http-H-Oci-Subject-Id": PRINCIPAL}
    assert world.post(body, headers | claims)[0] == 200
    (run,) = sync.status.runs
    assert (run.cause, run.by) == ("webhook", None)
    assert PRINCIPAL not in "".join(world.log)


def test_a_sync_tells_all_its_passes(world):
    """A sync that restores, then updates, tells of each name once, and its counts are as many as there are names."""
    sync = world.sync(values={"A": "1", "B": "2", "C": "3"})
    sync.run()
    sync.delete("B")
    sync.delete("C")
    sync.run()
    sync.set("B", "22")
    sync.set("D", "4")
    answer = sync.run()
    assert answer["run"]["changed"] == {"create": ["D"], "restore": ["B"]}
    assert answer["run"]["counts"] == {"create": 1, "restore": 1, "unchanged": 1, "errors": 0}
    assert sync.live == {"A": "1", "B": "22", "D": "4"}
    assert sync.status.runs[1].changed == {"delete": ["B", "C"]}


def test_a_force_that_came_too_late(world):
    """A force for what is done by now, on a vault that is right, succeeds: there is nothing to be forced."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    answer = sync.run(force="0123456789abcdef")
    assert (answer["outcome"], answer["message"]) == ("succeeded", None)


def test_a_name_that_a_deleted_secret_holds(world):
    """A name that OCI keeps for a deleted secret is that key's error at once: one create, no waiting."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A", state="DELETED")
    world.cloud.faults.append(
        Fault(
            "CreateSecret",
            status=409,
            code="NotAuthorizedOrResourceAlreadyExists",
            when=lambda call: call.name_or_id == "A",
        )
    )
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert "A: the name is taken" in answer["message"]
    assert world.cloud.count("CreateSecret") == 2
    assert sync.live == {"B": "2"}


def test_one_reason_for_all(world):
    """Where each key fails for the same reason it is told once, with the first names, and not cut off."""
    sync = world.sync(values={f"KEY_{n:02}": "1" for n in range(30)})
    refusal = Fault("CreateSecret", status=404, code="NotAuthorizedOrNotFound", message="no " * 60)
    world.cloud.faults.append(refusal)
    message = sync.run()["message"]
    assert "KEY_00, KEY_01, KEY_02, KEY_03, KEY_04 and 25 more: the secret" in message
    assert not message.endswith("...")
    assert len(sync.status.runs[0].errors) == 30


@pytest.mark.parametrize(
    ("field", "kind"),
    [("vaultOcid", "vault"), ("keyOcid", "key"), ("compartmentOcid", "compartment")],
)
def test_a_plan_for_what_is_not_there(world, field, kind):
    """A plan names the vault, key or compartment that is not there, before every key fails because of it."""
    sync = world.sync(values={"A": "1"})
    there = sync.config["destinationConfig"][field]
    sync.config["destinationConfig"] |= {field: f"{there}gone"}
    sync.store()
    reply = world.command("plan", sync)
    said = reply.get("error") or " ".join(reply["plan"]["warnings"])
    assert f"{there}gone" in said
    assert kind in said.lower()


def test_a_key_schema_with_a_slash(world):
    """A schema with a slash that was stored once is read; each of its keys says what is wrong, nothing is deleted."""
    sync = world.sync(options={"keySchema": "team/{{secretKey}}"}, values={"A": "1"})
    sync.seed("team-B")
    answer = sync.run()
    assert answer["outcome"] == "failed"
    assert "team/A: OCI Vault allows only letters" in answer["message"]
    assert sync.states == {"team-B": "ACTIVE"}
    world.until(lambda: any("its keySchema holds a slash" in line for line in world.log))


def test_an_empty_value(world):
    """A warning reads as a warning, not as the reason why it succeeded."""
    sync = world.sync(values={"A": "1", "EMPTY": ""})
    answer = sync.run()
    assert (answer["outcome"], answer["message"]) == (
        "succeeded",
        "Done, with warnings: EMPTY: not written, as its value in the source is empty.",
    )


def test_after_a_removal(world):
    """Whoever removed the secrets by hand reads that ticks leave the sync alone from now on."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    assert "Ticks leave this sync alone" in world.command("remove", sync)["message"]
    assert "Ticks leave this sync alone" in sync.status.remove.message


def test_drift(world):
    """What somebody changed in the vault is named in the plan before it is mended, and in the row after it."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.edit("A", value=b"by hand")
    assert sync.plan()["drift"] == ["A"]
    answer = sync.run()
    assert answer["run"]["drift"] == ["A"]
    assert sync.status.sync.message == "Changed in the vault by somebody else: A."
    sync.run()
    assert sync.status.sync.message is None


def test_its_own_deletion_is_no_drift(world):
    """A secret that the sync itself deleted and now restores was changed by nobody else."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.delete("B")
    sync.run()
    sync.set("B", "2")
    answer = sync.run()
    assert (answer["run"]["changed"], answer["message"]) == ({"restore": ["B"]}, None)


@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "code": "TooManyRequests", "headers": {"retry-after": "30"}},
        {"status": 500},
        {"delay_seconds": 5.0},
    ],
    ids=["429", "500", "hanging"],
)
def test_notices_hold_nobody_up(world, trouble):
    """However badly Notifications and Monitoring are, a webhook is answered soon; the news is told later, once."""
    sync = world.sync(values={"A": "1" * 30_000})
    for operation in ("PublishMessage", "PostMetricData"):
        world.cloud.faults.append(Fault(operation, **trouble))
    began_at = world.clock.monotonic()
    sync.webhook()
    assert world.clock.monotonic() - began_at < 4
    assert (sync.status.sync.status, world.notices) == ("failed", [])
    assert sync.status.sync.untold.has_failed
    world.cloud.faults.clear()
    for _ in range(2):
        world.age(4000)
        world.tick()
    assert [notice.title for notice in world.notices] == [f"Secret sync {sync.name} failed to sync"]
    assert sync.status.sync.untold is None
