"""Configs, settings, sources and names that are wrong: each is named, and the rest goes on."""

import json
from uuid import uuid4

import pytest

from functions.state.status import parse_status
from infra.local.http import Answer
from infra.local.infisical.source import Secret
from infra.local.oci.cloud import BUCKET
from tests.support.example_sync import PROJECT
from tests.support.world import PREFIX, function
from tests.system.function.test_ticks import messages, put_job


def options(**more):
    """Return sync options."""
    return {"initialSyncBehavior": "overwrite-destination", **more}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"secretPath": "no/slash"}, "secretPath"),
        ({"projectId": "another"}, "projectId"),
        ({"syncOptions": options(keySchema="static")}, "syncOptions.keySchema"),
        ({"syncOptions": options(deletionDays=31)}, "syncOptions.deletionDays"),
        ({"syncOptions": {}}, "syncOptions.initialSyncBehavior"),
        (
            {
                "destinationConfig": {
                    "compartmentOcid": "ocid1.vault.oc1..x",
                    "vaultOcid": "ocid1.vault.oc1.eu.x",
                    "keyOcid": "x",
                }
            },
            "destinationConfig.compartmentOcid",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_config_that_is_wrong(world, change, named):
    """A wrong config is named in log and status with field and reason; the other syncs run."""
    bad, good = world.sync(), world.sync(values={"A": "1"})
    bad.store(**change)
    assert good.webhook()[0] == 200
    assert good.live == {"A": "1"}
    assert (bad.status.sync.status, bad.live) == ("failed", {})
    assert f"{bad.object}: {named}" in bad.status.sync.message
    world.until(lambda: any(bad.object in line and named in line for line in world.log))


def test_a_config_that_is_not_json(world):
    """A config that is no JSON at all is reported, and runs as soon as it is mended."""
    sync = world.sync(values={"A": "1"})
    world.bucket.put(sync.object, b"\xff{")
    world.tick()
    assert "Invalid JSON" in sync.status.sync.message
    sync.store()
    world.tick()
    assert sync.live == {"A": "1"}
    assert sync.status.sync.status == "succeeded"


def test_a_config_with_a_byte_order_mark(world):
    """A config that an editor saved with a mark before it is a config like any other."""
    sync = world.sync(values={"A": "1"})
    world.bucket.put(sync.object, b"\xef\xbb\xbf" + world.bucket.get(sync.object))
    assert sync.webhook()[0] == 200
    assert sync.live == {"A": "1"}


def test_what_is_no_config(world):
    """Folders that the Console made, and notes for people, are no configs: nothing is said of them."""
    sync = world.sync(values={"A": "1"})
    others = ["secret-syncs/", f"secret-syncs/{PROJECT}/", f"secret-syncs/{PROJECT}/readme.txt"]
    for name in (*others, "connections/", "connections/readme.txt"):
        world.bucket.put(name, b"")
    lines = len(world.log)
    world.tick()
    sync.webhook()
    assert sync.live == {"A": "1"}
    statuses = world.cloud.objects.names(BUCKET, f"{PREFIX}/status/")
    assert [name.removeprefix(f"{PREFIX}/") for name in statuses] == [sync.status_object]
    assert not any("is wrong" in line for line in world.log[lines:])
    for name in (*others, "connections/", "connections/readme.txt"):
        world.cloud.objects.remove(BUCKET, f"{PREFIX}/{name}")


def test_an_event_about_a_wrong_config(world):
    """An event about a config that is wrong is answered: delivered again it would change nothing."""
    sync = world.sync(values={"A": "1"})
    world.bucket.put(sync.object, b"{")
    assert "No sync" in world.config_event(sync.object)["message"]
    assert "Invalid JSON" in sync.status.sync.message


def test_a_config_under_a_wrong_name(world):
    """A config whose object name no sync may have is reported in the log."""
    sync = world.sync(values={"A": "1"})
    world.bucket.put(f"secret-syncs/{PROJECT}/a b.json", json.dumps(sync.config).encode())
    sync.webhook()
    assert sync.live == {"A": "1"}
    world.until(lambda: any("a b.json" in line and "must be named" in line for line in world.log))


def test_missing_settings(world):
    """A function without settings fails each call with one message that names all of them."""
    names = ["SOURCE_URL", "CONFIG_STORE", "QUEUE_OCID", "QUEUE_ENDPOINT"]
    with function(world, **dict.fromkeys(names)) as host:
        reply = host.call(b"")
        http = {"Fn-Http-Method": "POST", "Fn-Http-H-x": "y", "Fn-Intent": "httprequest"}
        answer = host.call(b"{}", {**http, "Fn-Http-Request-Url": "/webhooks/infisical"})
    assert reply.status == 502
    assert all(name in reply.body.decode() for name in names)
    assert answer.headers["fn-http-status"] == "500"
    assert world.cloud.calls == []


def test_the_credentials_are_no_credentials(world):
    """Credentials that cannot be read or parsed fail a call with a message, never with their content."""
    bad = world.cloud.vault.seed("bad-credentials", b'{"clientId": "geheim", "digestKey": "short"}')
    with function(world, CREDENTIALS_SECRET_OCID=bad) as host:
        reply = host.call(b'{"command": "sync", "sync": "x"}')
    assert "clientSecret: Field required" in reply.body.decode()
    assert "geheim" not in reply.body.decode() + "".join(world.log)
    with function(world, CREDENTIALS_SECRET_OCID=f"{bad}x") as host:
        reply = host.call(b'{"command": "sync", "sync": "x"}')
    assert "CREDENTIALS_SECRET_OCID" in reply.body.decode()


def fail_source(world, status, error, message="no"):
    """Make the source answer everything but logins so."""
    body = {"statusCode": status, "error": error, "message": message}
    world.infisical.faults = lambda request: (
        None if request.path.endswith("login") else Answer(status, body)
    )


@pytest.fixture
def at_work(world):
    """A sync whose vault holds something to lose."""
    sync = world.sync(values={"A": "1"})
    sync.seed("OLD")
    sync.seed("A")
    return sync


def untouched(sync):
    """Say whether the vault is as it was."""
    return sync.live == {"A": "old", "OLD": "old"} and set(sync.states.values()) == {"ACTIVE"}


def test_the_folder_is_missing(at_work, world):
    """A folder that does not exist fails the sync and leaves the vault untouched."""
    world.source.delete_folder("dev", at_work.folder)
    at_work.webhook()
    assert at_work.status.sync.status == "failed"
    assert at_work.folder in at_work.status.sync.message
    assert untouched(at_work)


def test_the_environment_is_missing(at_work):
    """An environment that does not exist fails the sync and leaves the vault untouched."""
    at_work.store(environment="nowhere")
    at_work.run()
    assert at_work.status.sync.status == "failed"
    assert "nowhere" in at_work.status.sync.message
    assert untouched(at_work)


def test_no_permission_for_the_folder(at_work, world):
    """A folder that may not be read fails the sync and leaves the vault untouched."""
    world.infisical.forbidden.add(("dev", at_work.folder))
    at_work.webhook()
    assert at_work.status.sync.status == "failed"
    assert "not allowed" in at_work.status.sync.message
    assert untouched(at_work)


def test_the_values_are_masked(at_work, world):
    """Masked values fail the sync and leave the vault untouched."""
    world.infisical.masked = True
    at_work.webhook()
    assert at_work.status.sync.status == "failed"
    assert "hid" in at_work.status.sync.message
    assert untouched(at_work)


def test_the_login_is_refused(at_work, world):
    """A refused login fails the sync after one attempt: repeated ones would lock the identity out."""
    secret = world.infisical.client_secret
    world.infisical.client_secret = "rotated"
    world.infisical.expire_tokens()
    try:
        at_work.webhook()
    finally:
        world.infisical.client_secret = secret
        world.stack.host.kill()  # the container remembers the refusal, as it should
    assert at_work.status.sync.status == "failed"
    assert "login" in at_work.status.sync.message.lower()
    assert sum("login" in call for call in world.infisical.calls) == 1
    assert untouched(at_work)


def test_the_source_is_down(at_work, world):
    """A source that does not work leaves the vault untouched and the job on the queue."""
    world.infisical.faults = lambda _request: Answer(400, b"<html>not the API</html>")
    at_work.webhook()
    assert at_work.status.sync.status in ("failed", "pending")
    assert at_work.status.sync.message
    assert untouched(at_work)


def test_a_failure_is_told_once_and_so_is_the_recovery(at_work, world):
    """A failing sync is notified at its first failure and when it works again."""
    world.infisical.masked = True
    at_work.run()
    at_work.run()
    assert [notice.title for notice in world.notices] == [
        f"Secret sync {at_work.name} failed to sync"
    ]
    world.infisical.masked = False
    at_work.run()
    assert [notice.title for notice in world.notices[1:]] == [
        f"Secret sync {at_work.name} recovered"
    ]


def test_names_and_values_that_oci_refuses(world):
    """What OCI refuses or cannot hold is reported key by key; the other keys are synced."""
    bad = ["a/b", "A B", "schlüssel", "L" * 256]
    sync = world.sync(values={"GOOD": "1", "BIG": "x" * 25_001, "EMPTY": "", "MOST": "x" * 25_000})
    for key in bad:
        world.source.add_row("dev", sync.folder, Secret(key, "1"))
    sync.run()
    assert sync.live == {"GOOD": "1", "MOST": "x" * 25_000}
    (run,) = sync.status.runs
    assert run.errors.keys() == {*bad, "BIG"}
    assert "25001 bytes" in run.errors["BIG"]
    assert "longer than 255" in run.errors["L" * 256]
    assert sync.status.sync.status == "failed"
    assert world.cloud.count("CreateSecret") == 2


def test_a_large_value_is_counted_in_bytes(world):
    """The limit of a value's size counts bytes, not characters."""
    sync = world.sync(values={"A": "ü" * 12_501})
    sync.run()
    assert "25002 bytes" in sync.status.sync.message
    assert world.cloud.count("CreateSecret") == 0


def test_a_duplicate_key(world):
    """A key that the folder holds twice is an error for that key and neither written nor deleted."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.seed("A")
    world.source.add_row("dev", sync.folder, Secret("A", "other"))
    sync.run()
    assert sync.live == {"A": "old", "B": "2"}
    assert sync.status.runs[0].errors.keys() == {"A"}


@pytest.mark.parametrize("field", ["vaultOcid", "keyOcid"])
def test_a_vault_or_key_that_does_not_exist(world, field):
    """A vault or key that does not exist fails the sync with a message that names it."""
    sync = world.sync(values={"A": "1"})
    wrong = sync.config["destinationConfig"][field] + "gone"
    sync.store(destinationConfig={**sync.config["destinationConfig"], field: wrong})
    sync.run()
    assert sync.status.sync.status == "failed"
    assert wrong in sync.status.sync.message


def test_a_status_object_full_of_nonsense(world):
    """A status object that was edited into nonsense is reported and rebuilt by the next run."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    for nonsense in (b"{", b"[]", b'{"lease": 5}', b"\xff", b'{"runs": [{}]}'):
        world.bucket.put(sync.status_object, nonsense)
        world.log.clear()
        assert sync.run()["outcome"] == "succeeded"
        assert parse_status(world.bucket.get(sync.status_object)).sync.status == "succeeded"
        world.until(lambda: any("not readable" in line for line in world.log))


def test_a_lease_from_a_clock_that_jumped(world):
    """A lease that reaches further into the future than clocks may differ counts for nothing."""
    sync = world.sync(values={"A": "1"})
    lease = {"lease": {"run": "another", "expiresAt": "2999-01-01T00:00:00Z"}}
    world.bucket.put(sync.status_object, json.dumps(lease).encode())
    assert sync.run()["outcome"] == "succeeded"


def test_a_config_that_is_too_large(any_world):
    """A config of more than 64 KB is reported and not read, by ticks and by jobs alike; the others go on."""
    world = any_world
    large, other = world.sync(values={"A": "1"}), world.sync(values={"A": "1"})
    config = world.bucket.get(large.object)
    world.bucket.put(large.object, config + b" " * 5_000_000)
    put_job(world, large, cause="command")
    world.tick()
    assert (large.live, other.live) == ({}, {"A": "1"})
    told = large.status.sync
    assert (told.status, told.message) == (
        "failed",
        f"{large.object}: is larger than 65536 bytes",
    )
    assert messages(world) == []
    world.bucket.put(large.object, config + b" " * 10_000)
    world.tick()
    assert large.live == {"A": "1"}


def test_a_status_that_is_too_large(any_world):
    """A status document of more than 64 KB, which no run writes, counts as unreadable and is rebuilt."""
    sync = any_world.sync(values={"A": "1"})
    any_world.bucket.put(sync.status_object, b'{"isPaused": true}' + b" " * 5_000_000)
    any_world.tick()
    assert sync.live == {"A": "1"}
    assert len(any_world.bucket.get(sync.status_object)) < 10_000


def test_a_connection_that_is_too_large(world):
    """A connection of more than 64 KB is not read; a sync that names it fails and says why."""
    wanted = str(uuid4())
    name = f"connections/{wanted}.json"
    world.bucket.put(name, b"{}" + b" " * 5_000_000)
    sync = world.sync(values={"A": "1"}, connectionId=wanted)
    try:
        answer = sync.run()
    finally:
        world.cloud.objects.remove(BUCKET, f"{PREFIX}/{name}")
    assert (answer["outcome"], answer["message"]) == (
        "failed",
        f"{name}: is larger than 65536 bytes",
    )
