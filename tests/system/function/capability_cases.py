"""What the function does for people, each in small: first what must be there, then the thing itself.

Each yields twice: when all is prepared, and what came of it.
"""

import json

from functions.plan.oci_connection import OWN_CONNECTION_ID
from infra.local.buckets import PREFIX
from infra.local.oci.cloud import BUCKET, VAULT_ID
from infra.local.oci.traffic import Fault
from tests.support.api import CONNECTIONS, SYNCS, access_key
from tests.support.example_sync import PROJECT
from tests.support.payloads import payload
from tests.support.world import function
from tests.system.function.policies import SECRETS, VAULTS, Told, a_sync, api, command, holds

OWN = f"{CONNECTIONS}/{OWN_CONNECTION_ID}"


def begins(world):
    """A cold container reads its credentials."""
    with function(world) as host:
        yield
        reply = host.call(b'{"command": "drain"}')
    yield Told(reply.status == 200, reply.body.decode())


def creates(world):
    """A new key becomes a secret."""
    sync = a_sync(world, {"A": "1"})
    yield
    text = command(world, "sync", sync)
    yield Told(holds(sync, A="1"), text)


def updates(world):
    """A changed value becomes a new version."""
    sync = a_sync(world, {"A": "1"})
    sync.run()
    sync.set("A", "2")
    yield
    text = command(world, "sync", sync)
    yield Told(holds(sync, A="2"), text)


def deletes(world):
    """A key that is gone has its secret scheduled for deletion."""
    sync = a_sync(world, {"A": "1", "B": "2"})
    sync.run()
    sync.delete("B")
    yield
    text = command(world, "sync", sync)
    yield Told(holds(sync, A="1"), text)


def restores(world):
    """A key that is back has its secret restored and updated."""
    sync = a_sync(world, {"A": "1", "B": "2"})
    sync.run()
    sync.delete("B")
    sync.run()
    sync.set("B", "3")
    yield
    text = command(world, "sync", sync)
    yield Told(holds(sync, A="1", B="3"), text)


def prunes(world):
    """At the limit of versions old ones are given up for a new one."""
    world.cloud.vault.version_limit = 3
    sync = a_sync(world, {"A": "0"})
    for number in range(1, 4):
        sync.run()
        sync.set("A", str(number))
    yield
    text = command(world, "sync", sync)
    yield Told(holds(sync, A="3"), text)


def compares(world):
    """A secret that was written by hand is read and put right."""
    sync = a_sync(world, {"A": "1"})
    sync.seed(f"{sync.prefix}A", b"by hand", compartmentId=SECRETS)
    yield
    text = command(world, "sync", sync)
    yield Told(holds(sync, A="1"), text)


def imports(world):
    """The initial import brings into the source what the vault holds."""
    sync = a_sync(world, {"A": "1"}, initialSyncBehavior="import-prioritize-destination")
    sync.seed(f"{sync.prefix}B", b"2", compartmentId=SECRETS)
    yield
    text = command(world, "sync", sync)
    rows = {row.key: row.value for row in world.source.folders["dev", sync.folder].secrets}
    yield Told(rows == {"A": "1", "B": "2"} and holds(sync, A="1", B="2"), text)


def plans_and_removes(world):
    """A plan, and a removal of what was synced, by command."""
    sync = a_sync(world, {"A": "1"})
    yield
    planned = command(world, "plan", sync)
    command(world, "sync", sync)
    text = command(world, "remove", sync)
    yield Told('"create"' in planned and holds(sync), planned + text)


def hears(world):
    """A webhook of the source, and an event of the bucket, each set off a sync."""
    sync = a_sync(world, {"A": "1"})
    yield
    status, answer = sync.webhook()
    is_heard = status == 200 and holds(sync, A="1")
    sync.store(description="changed")
    world.config_event(sync.object)
    runs = [run.cause for run in sync.status.runs]
    yield Told(is_heard and runs == ["event", "webhook"], json.dumps(answer))


def ticks(world):
    """A tick verifies what is due and works off the queue."""
    sync = a_sync(world, {"A": "1"})
    sync.run()  # its message stays until the next tick
    sync.set("A", "2")
    sync.store(description="changed")
    yield
    world.tick()
    yield Told(holds(sync, A="2") and not world.queue.messages)


def tells_its_health(world):
    """In a container of its own, as an answer is remembered: store, queue and source are asked."""
    asking = {"fn-intent": "httprequest", "fn-http-method": "GET"}
    with function(world) as host:
        yield
        told = host.call(b"", {**asking, "fn-http-request-url": "/healthz"}).body
    yield Told(json.loads(told) == {"status": "ok"}, told.decode())


def starts_workers(world):
    """In a container of its own: one that has done so before knows its endpoint already."""
    started = []
    usual = world.cloud.functions.on_invoke
    world.cloud.functions.on_invoke = lambda *call: started.append(call[2]) or b""
    with function(world) as host:
        host.call(b'{"command": "drain"}')
        for _ in range(8):
            a_sync(world, {"A": "1"})
        world.cloud.faults.append(Fault("CreateSecret", delay_seconds=0.3))
        yield
        host._timeout_seconds = 4  # too little for all of them
        host.call(json.dumps(payload("alarm-repeat")).encode())
    world.cloud.functions.on_invoke = usual
    yield Told(started == [True] * 4)


def tells_of_failures(world):
    """A failure is published."""
    sync = a_sync(world, {"A": "1"})
    sync.store(secretPath="/nowhere")
    yield
    text = command(world, "sync", sync)
    yield Told(len(world.notices) == 1, text)


def counts_runs(world):
    """Runs are counted."""
    sync = a_sync(world, {"A": "1"})
    world.cloud.watch.metrics.clear()
    yield
    text = command(world, "sync", sync)
    yield Told(len(world.cloud.watch.metrics) > 0, text)


def lists_compartments(world):
    """The API lists the compartments."""
    yield
    yield api(world, "GET", f"{OWN}/compartments")


def lists_vaults(world):
    """The API lists the vaults."""
    a_sync(world)
    yield
    yield api(world, "GET", f"{OWN}/vaults?compartmentOcid={VAULTS}")


def lists_keys(world):
    """The API lists the keys of a vault."""
    a_sync(world)
    yield
    yield api(world, "GET", f"{OWN}/vault-keys?compartmentOcid={VAULTS}&vaultOcid={VAULT_ID}")


def serves_a_sync(world):
    """Made, changed, looked at and deleted with its secrets, by the API."""
    sync = a_sync(world, {"A": "1"})
    body = {**sync.config, "name": f"{sync.name}-api"}
    world.cloud.objects.remove(BUCKET, f"{PREFIX}/{sync.object}")
    yield
    made = api(world, "POST", SYNCS, body)
    if not made.worked:
        yield made
        return
    path = f"{SYNCS}/{json.loads(made.text)['secretSync']['id']}"
    steps = [
        api(world, "PATCH", path, {"description": "changed"}),
        api(world, "GET", f"{SYNCS}?projectId={PROJECT}"),
        api(world, "GET", f"{path}/runs"),
        api(world, "DELETE", f"{path}?removeSecrets=true"),
    ]
    worked = all(step.worked for step in steps) and holds(sync)
    yield Told(worked, "\n".join(step.text for step in steps))


def deletes_a_sync(world):
    """A sync is deleted by the API, its secrets left."""
    sync = a_sync(world, {"A": "1"})
    sync.run()
    (row,) = json.loads(api(world, "GET", f"{SYNCS}?projectId={PROJECT}").text)["secretSyncs"]
    yield
    yield api(world, "DELETE", f"{SYNCS}/{row['id']}?removeSecrets=false")


def keeps_a_private_key(world):
    """Beside the function's credentials; and discards it with its connection."""
    a_sync(world)
    credentials, key = access_key(world.keys)
    world.cloud.trust(key)
    yield
    body = {"name": "other-tenancy", "method": "access-key", "credentials": credentials}
    made = api(world, "POST", CONNECTIONS, body)
    if not made.worked:
        yield made
        return
    connection = json.loads(made.text)["appConnection"]["id"]
    gone = api(world, "DELETE", f"{CONNECTIONS}/{connection}")
    states = world.cloud.vault.states().items()
    kept = [state for name, state in states if "connection" in name]
    yield Told(gone.worked and kept == ["PENDING_DELETION"], made.text + gone.text)
