"""Requests that are refused: each gets a clear answer, and nothing is read or started."""

import json

import pytest

from infra.local.infisical.webhooks import sign
from infra.local.oci.cloud import QUEUE_ID
from infra.local.oci.traffic import Fault
from tests.support.world import reads_nothing

FOLDER = "/somewhere"


def stale(world):
    """Return a delivery that is too old."""
    return world.event(FOLDER, late_seconds=301)


def ahead(world):
    """Return a delivery from too far ahead."""
    return world.event(FOLDER, late_seconds=-330)


def unsigned(world):
    """Return a delivery without a signature."""
    return world.event(FOLDER)[0], {}


def wrongly_signed(world):
    """Return a delivery signed with another key."""
    return world.event(FOLDER, secret="another")


def garbled(world):
    """Return a delivery whose signature has no separator."""
    body, headers = world.event(FOLDER)
    return body, {name: value.replace(";", "") for name, value in headers.items()}


def replayed(world):
    """Return a delivery with the signature of another."""
    _, headers = world.event(FOLDER)
    return world.event("/elsewhere")[0], headers


def other_stamp(world):
    """Return a delivery whose time is not the one in its body."""
    body, _ = world.event(FOLDER)
    secret = world.infisical.webhook_secret
    now = int(world.clock.now().timestamp() * 1000) + 5
    return body, {"x-infisical-signature": sign(body, secret, now)}


def not_ascii(world):
    """Return a delivery whose signature is no ASCII."""
    body, _ = world.event(FOLDER)
    return body, {"x-infisical-signature": "t=²;\u00fc"}


@pytest.mark.parametrize(
    "make", [unsigned, wrongly_signed, garbled, replayed, other_stamp, stale, ahead, not_ascii]
)
def test_a_wrong_signature_reads_nothing(world, make):
    """No, wrong, stale or replayed signature: 401, and nothing but the credentials is read."""
    status, body = world.post(*make(world))
    assert (status, "webhook" in body["message"]) == (401, True)
    assert reads_nothing(world)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"", 400),
        (b'{"event": "secrets.modified", "x": "\xff"}', 400),
        (b"[]", 400),
        (b"[" * 50_000, 400),
        (b"x" * 1_000_001, 400),
        (b"x" * (6 * 1024 * 1024), 400),
    ],
    ids=["not json", "empty", "not UTF-8", "array", "deep", "large", "6 MB"],
)
def test_a_body_that_is_no_event(world, body, status):
    """A signed body that is not JSON, not UTF-8, no object or too large is answered 400."""
    stamp = int(world.clock.now().timestamp() * 1000)
    headers = {"x-infisical-signature": sign(body, world.infisical.webhook_secret, stamp)}
    answer, problem = world.post(body, headers)
    assert (answer, "body" in problem["message"]) == (status, True)
    assert reads_nothing(world)


def signed(world, **body):
    """Deliver this body, signed."""
    stamp = int(world.clock.now().timestamp() * 1000)
    raw = json.dumps({**body, "timestamp": stamp}).encode()
    headers = {"x-infisical-signature": sign(raw, world.infisical.webhook_secret, stamp)}
    return world.post(raw, headers)


@pytest.mark.parametrize(
    "project",
    [None, [], {}, {"workspaceId": "p", "environment": "dev"}, {"workspaceId": 1}, "x"],
)
def test_an_event_that_names_no_folder(world, project):
    """A signed event without project, environment and path is answered 400."""
    status, problem = signed(world, event="secrets.modified", project=project)
    assert (status, "names no project" in problem["message"]) == (400, True)
    assert reads_nothing(world)


def test_another_event(world):
    """An event that tells of no change is answered 200 and does nothing."""
    status, body = signed(world, event="honey-token.triggered", project={})
    assert (status, body["message"]) == (
        200,
        "Nothing to do: only secrets.modified asks for a sync.",
    )
    assert reads_nothing(world)


@pytest.mark.parametrize(
    "where",
    [
        {"folder": "/nobody/syncs/this"},
        {"folder": "/x", "environment": "nowhere"},
        {"folder": "/x", "project": "00000000-0000-4000-8000-000000000009"},
        {"folder": "/x", "project": "../../status"},
    ],
)
def test_an_event_of_a_folder_that_no_sync_follows(world, where):
    """An unknown project, environment or path is answered 200: there is no sync for it."""
    world.sync()
    where = dict(where)
    status, body = world.webhook(where.pop("folder"), **where)
    assert status == 200
    assert body["message"].startswith("No sync for ")
    assert world.cloud.queues.contents(QUEUE_ID) == []


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "POST", 404), ("/webhooks/other", "POST", 404), ("/webhooks/infisical", "GET", 400)],
)
def test_another_place(world, path, method, status):
    """Another path is answered 404, another method 400."""
    assert world.post(b"{}", path=path, method=method)[0] == status
    assert reads_nothing(world)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"what?", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "neither a command"),
        ({"type": "SOMETHING"}, "neither a command"),
        (b"x" * (6 * 1024 * 1024 + 1), "larger than"),
    ],
    ids=str,
)
def test_a_call_without_http_is_refused_by_raising(world, body, says):
    """A direct invocation that is no command raises: a response would count as success."""
    reply = world.invoke(body)
    assert reply.status == 502
    assert says in reply.body.decode()
    assert world.cloud.queues.contents(QUEUE_ID) == []


HTTP = {"Fn-Intent": "httprequest", "Fn-Http-Request-Url": "/webhooks/infisical"}


@pytest.mark.parametrize(
    "headers", [{"Fn-Http-Method": "POST"}, {"Fn-Http-H-Host": "x"}, {"Fn-Http-H-Fn-Intent": "x"}]
)
def test_a_command_by_http(world, headers):
    """A command that comes by HTTP is never taken for a direct invocation, whatever its headers."""
    sync = world.sync(values={"A": "1"})
    body = json.dumps({"command": "sync", "sync": sync.name}).encode()
    reply = world.stack.host.call(body, HTTP | headers)
    assert "outcome" not in json.loads(reply.body)
    assert (sync.live, reads_nothing(world)) == ({}, True)


@pytest.mark.parametrize("given", ["x", "httprequest", ""])
def test_the_intent_is_the_platform_s(world, given):
    """A refusal keeps its status whatever a caller's own Fn-Intent header says."""
    status, problem = world.post(b"{}", {"Fn-Intent": given})
    assert (status, problem["statusCode"]) == (401, 401)
    assert world.post(b"", {"Fn-Intent": given}, path="/nothing")[0] == 404


def test_no_time_is_left(world):
    """A webhook for which no time is left is answered 503, and nothing is started."""
    sync = world.sync(values={"A": "1"})
    body, headers = world.event(sync.folder)
    signature = {f"Fn-Http-H-{name}": value for name, value in headers.items()}
    late = {"Fn-Http-Method": "POST", "Fn-Deadline": world.soon(-1)}
    reply = world.stack.host.call(body, HTTP | signature | late)
    assert reply.headers["fn-http-status"] == "503"
    assert (sync.live, world.operations()) == ({}, [])


def test_two_syncs_of_one_name(world):
    """A name that two syncs share is refused; either id works."""
    one, two = world.sync(values={"A": "1"}), world.sync(values={"B": "2"})
    two.store(name=one.name)
    assert "give an id" in one.run()["error"]
    assert one.live == two.live == {}


def test_the_queue_is_down_for_a_webhook(world):
    """A webhook whose job cannot be queued is answered 503, and nothing is started."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("PutMessages", status=400, code="Down"))
    status, problem = sync.webhook()
    assert status == 503
    assert "could not be queued" in problem["message"]
    assert sync.live == {}
    assert not {"ListSecrets", "PutObject"} & set(world.operations())
    assert world.infisical.calls == []


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_of_oci_is_none_of_the_sender(world, status):
    """What OCI refuses to the function is a 502 to who sent the webhook, whatever OCI's own status was."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("ListObjects", status=status, code="NotAuthorizedOrNotFound"))
    assert sync.webhook()[0] == 502
    assert sync.live == {}


@pytest.mark.parametrize("kind", ["command", "event"])
def test_the_queue_is_down_for_a_call_without_http(world, kind):
    """A command whose job cannot be queued answers so, an event raises; nothing is started."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("PutMessages", status=404, code="NotAuthorizedOrNotFound"))
    if kind == "command":
        assert "could not be queued" in sync.run()["error"]
    else:
        with pytest.raises(AssertionError, match="could not be queued"):
            world.config_event(sync.object)
    assert sync.live == {}
    assert "PutObject" not in world.operations()
