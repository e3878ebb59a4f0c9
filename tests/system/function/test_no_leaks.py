"""A secret value is found nowhere but in the vault: a marker is put through every path and looked for."""

import base64
import hashlib
import json

import pytest

from infra.local.http import Answer
from infra.local.infisical.source import Secret
from infra.local.oci.cloud import BUCKET, QUEUE_ID
from infra.local.oci.traffic import Fault
from tests.support.world import running_world
from tests.system.function.test_events import vault_event

MARKER = "Marker7f3aGeheim"
VALUE = f"{MARKER} {MARKER}"
OLD = f"old{VALUE}".encode()


@pytest.fixture(scope="module")
def spied_world():
    """A stack that logs at DEBUG and remembers every queue message."""
    with running_world(env={"LOG_LEVEL": "DEBUG"}) as world:
        put, world.queued = world.cloud.queues.put, []

        def remember(queue_id, content, *rest):
            world.queued.append(content)
            return put(queue_id, content, *rest)

        world.cloud.queues.put = remember
        yield world


@pytest.fixture
def world(spied_world):
    """The stack, with nothing seen yet."""
    spied_world.reset()
    for seen in (spied_world.log, spied_world.queued, spied_world.replies):
        seen.clear()
    return spied_world


def forms(value):
    """Return a value in the forms in which it might be seen: plain, base64, hex, hashed without a key."""
    raw = value.encode()
    yield raw
    yield raw.hex().encode()
    for shift in range(3):
        yield base64.b64encode(b"\0" * shift + raw)[4:-4]
    for kind in ("md5", "sha1", "sha256", "sha512"):
        yield hashlib.new(kind, raw).hexdigest().encode()
        yield base64.b64encode(hashlib.new(kind, raw).digest())


def shown(world):
    """Return everything that the function let out, but for the content of secrets, by where it is."""
    vault, now = world.cloud.vault, world.clock.now()
    objects = world.cloud.objects
    yield from (("log", line.encode()) for line in world.log)
    yield from (("reply", reply) for reply in world.replies)
    yield from (("queue", text.encode()) for text in world.queued)
    yield from (("queue", text.encode()) for text in world.cloud.queues.contents(QUEUE_ID))
    yield from (("notice", repr(notice).encode()) for notice in world.notices)
    yield from (("metric", repr(row).encode()) for row in world.cloud.watch.metrics)
    yield from ((name, objects.get(BUCKET, name)) for name in objects.names(BUCKET))
    for secret in vault.secrets.values():
        yield secret.name, json.dumps(secret.fact(now)).encode()
    yield from (("path", call.name_or_id.encode()) for call in world.cloud.calls)
    yield from (("path", call.encode()) for call in world.infisical.calls)


def looks(sync, value):
    """Look for a value, and for the function's own secrets."""
    env = sync.world.env
    vault = sync.world.cloud.vault
    own = json.loads(vault.secrets[env["CREDENTIALS_SECRET_OCID"]].newest())
    hidden = [value, own["clientSecret"], *own["webhookSecrets"], own["digestKey"]]
    needles = [form for text in hidden for form in forms(text)] + [MARKER.encode()]
    needles += [token.encode() for token in sync.world.infisical._tokens]
    return [(where, text) for where, text in shown(sync.world) if any(n in text for n in needles)]


def every_kind_of_change(world, sync):
    """Create, update, delete and restore."""
    sync.webhook()
    sync.set("B", f"{VALUE} 2")
    sync.run()
    sync.delete("A")
    sync.run()
    sync.set("A", VALUE)
    sync.run()


def every_command(world, sync):
    """Give every command."""
    sync.seed("V", OLD)
    sync.plan()
    for behavior in ("prioritize-source", "prioritize-destination"):
        world.command("import", sync, importBehavior=behavior)
    sync.run(force=sync.plan()["fingerprint"])
    world.command("drain")
    world.command("remove", sync)


def every_event(world, sync):
    """Send every event and a tick."""
    world.config_event(sync.object)
    world.call(vault_event("updated", sync.vault_id))
    world.age(100)
    world.tick()
    sync.edit("A", value=OLD)
    world.age(4000)
    world.tick()
    sync.webhook(event="test")
    world.call(b"")


def refused_requests(world, sync):
    """Send what is refused."""
    body, headers = world.event(sync.folder)
    world.post(body.replace(b"dev", b"prd"), headers)
    world.invoke({"command": "sync", "sync": "nobody"})
    world.invoke(b"{")


def values_that_oci_refuses(world, sync):
    """Sync values and names that OCI cannot hold."""
    sync.set("BIG", VALUE * 1000)
    sync.set("NUL", f"{VALUE}\0")
    sync.set("LONE", f"{VALUE}\ud800")
    sync.set("bad name", VALUE)
    sync.run()


def keys_that_cannot_be_told(world, sync):
    """Sync keys whose value is not known."""
    world.source.add_row("dev", sync.folder, Secret("TWICE", VALUE))
    world.source.add_row("dev", sync.folder, Secret("TWICE", f"{VALUE}2"))
    world.source.add_folder("dev", "/closed")
    world.infisical.forbidden.add(("dev", "/closed"))
    sync.set("CLOSED", f"{VALUE}${{dev.closed.X}}{VALUE}")
    sync.set("GONE", f"{VALUE}${{nowhere.X}}{VALUE}${{dev.gone.X}}")
    sync.set("CIRCLE", f"{VALUE}${{CIRCLE}}")
    sync.run()


def masked(world, sync):
    """Sync values that the source hides."""
    sync.run()
    world.infisical.masked = True
    sync.run()
    world.age(5)
    sync.webhook()


def refuse_writes(status, code):
    """Return a scenario in which the vault refuses writes and quotes the value."""

    def scenario(world, sync):
        sync.seed("A", OLD)
        for operation in ("CreateSecret", "UpdateSecret"):
            text = f"secretContent {VALUE} ({base64.b64encode(VALUE.encode()).decode()}) is no good"
            fault = Fault(operation, status=status, code=code, message=text, times=2)
            world.cloud.faults.append(fault)
        sync.run()
        world.tick()

    return scenario


def no_answer(world, sync):
    """Lose the answers of the vault."""
    sync.seed("A", OLD)
    for operation in ("CreateSecret", "UpdateSecret", "GetSecretBundle"):
        world.cloud.faults.append(Fault(operation, drop="answer", times=2))
    sync.run()


def the_queue_is_down(world, sync):
    """Send triggers while the queue is down."""
    world.cloud.faults.append(Fault("PutMessages", status=404, code="NotAuthorizedOrNotFound"))
    sync.webhook()
    world.invoke({"command": "sync", "sync": sync.name})


def source_answers(answer):
    """Return a scenario in which the source answers so."""

    def scenario(world, sync):
        world.infisical.faults = lambda request: None if request.path.endswith("login") else answer
        sync.run()
        world.age(5)
        sync.webhook()
        world.invoke({"command": "plan", "sync": sync.name})

    return scenario


def rows(*values):
    """Return the answer of a list with these values."""
    row = {"id": "1", "type": "shared", "secretKey": "A", "environment": "dev", "secretPath": "/"}
    return Answer(200, {"secrets": [{**row, "secretValue": v} for v in values], "imports": []})


def imports_that_the_source_refuses(world, sync):
    """Import what the source does not take."""
    sync.seed("V", OLD)
    sync.seed("RAW", b"\xff" + OLD)
    sync.seed("SPACED", b"  " + OLD + b"  ")

    def refuse(request):
        body = {"statusCode": 400, "error": "BadRequest", "message": f"{request.body!r} is wrong"}
        return Answer(400, body) if "batch" in request.path else None

    world.infisical.faults = refuse
    world.command("import", sync)
    world.infisical.faults = lambda _request: None
    world.infisical.approvals = True
    world.command("import", sync, importBehavior="prioritize-destination")


def bad_credentials(world, sync):
    """Run while the login is refused."""
    world.infisical.expire_tokens()
    secret = world.infisical.client_secret
    world.infisical.client_secret = "another"
    sync.run()
    world.infisical.client_secret = secret
    world.stack.host.kill()


SCENARIOS = {
    "every kind of change": every_kind_of_change,
    "every command": every_command,
    "every event": every_event,
    "refused requests": refused_requests,
    "values that OCI refuses": values_that_oci_refuses,
    "keys that cannot be told": keys_that_cannot_be_told,
    "masked": masked,
    "400 of the vault": refuse_writes(400, "InvalidParameter"),
    "400 of a reuse rule": refuse_writes(400, "SecretReuse"),
    "409 of the vault": refuse_writes(409, "IncorrectState"),
    "404 of the vault": refuse_writes(404, "NotAuthorizedOrNotFound"),
    "429 of the vault": refuse_writes(429, "TooManyRequests"),
    "500 of the vault": refuse_writes(500, "InternalServerError"),
    "no answer of the vault": no_answer,
    "the queue is down": the_queue_is_down,
    "an answer that is no JSON": source_answers(Answer(200, b"{" + OLD)),
    "an answer of another form": source_answers(Answer(200, {"secrets": {"A": VALUE}})),
    "a value of another type": source_answers(rows({"x": VALUE})),
    "a value in a list": source_answers(rows([VALUE], VALUE)),
    "a page instead of an answer": source_answers(Answer(400, b"<html>" + OLD)),
    "a refusal that quotes": source_answers(Answer(422, {"message": [{"received": VALUE}]})),
    "imports that the source refuses": imports_that_the_source_refuses,
    "bad credentials": bad_credentials,
}


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_a_value_is_found_nowhere_but_in_the_vault(world, scenario):
    """In logs at DEBUG, replies, queue, status, notices, metrics, tags and paths no value ever shows."""
    sync = world.sync(values={"A": VALUE, "B": f"{VALUE}\n{VALUE}"})
    scenario(world, sync)
    assert looks(sync, VALUE) == []


def test_the_marker_is_put_through(world):
    """The search itself works: the marker reaches the vault, and it would be found in a log."""
    sync = world.sync(values={"A": VALUE})
    sync.run()
    assert sync.live == {"A": VALUE}
    assert any("sync" in line for line in world.replies[0].decode().splitlines())
    for form in forms(VALUE):
        world.log.append(f"x{form.decode()}x")
        assert looks(sync, VALUE)
        world.log.clear()
