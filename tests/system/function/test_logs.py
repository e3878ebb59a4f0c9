"""What an operator finds in the log: one line a run, each line with the request that it is for."""

import json

import pytest
import urllib3

from infra.local.oci.traffic import Fault

HIDDEN = {"status": 404, "code": "NotAuthorizedOrNotFound"}


def lines(world):
    """The log so far; the pipe to it may lag behind the answers."""
    return [json.loads(line) for line in list(world.log) if line.startswith("{")]


def runs(world, count=1):
    """The lines of the runs so far, at least so many; those of an earlier test may come late."""
    return world.until(
        lambda: (
            (found := [line for line in lines(world) if _is_end(world, line)])
            and len(found) >= count
            and found
        )
    )


def _is_end(world, line):
    return line["message"] == "run ended" and line["sync"] in world.names


def request(world, sync, **headers):
    """Deliver a webhook with more headers; return the headers of the answer."""
    body, signed = world.event(sync.folder)
    url = f"{world.stack.gateway.url}/webhooks/infisical"
    return urllib3.request("POST", url, body=body, headers=signed | headers, retries=False).headers


def test_a_run_leaves_one_line(world):
    """A run leaves one line that tells what it was, what it changed, what it called and how it ended."""
    sync = world.sync(values={"A": "1", "B": "2"})
    sync.run()
    sync.set("A", "3")
    world.cloud.reset_calls()
    world.infisical.calls.clear()
    answer = sync.run()
    _, line = runs(world, 2)
    calls = line.pop("calls")
    assert {name: line.pop(name) for name in ("time", "seconds", "requestId", "callId")}
    assert line == {
        "level": "INFO",
        "logger": "functions.run.run",
        "message": "run ended",
        "sync": sync.name,
        "syncId": answer["id"],
        "project": sync.config["projectId"],
        "kind": "sync",
        "cause": "command",
        "by": None,
        "jobId": answer["jobId"],
        "attempt": 1,
        "changes": {"update": 1},
        "changed": {"update": ["A"]},
        "unchanged": 1,
        "errors": 0,
        "drift": 0,
        "outcome": "succeeded",
        "reason": None,
    }
    made = world.operations()
    for method, operation in (
        ("list_secrets", "ListSecrets"),
        ("get_secret_bundle", "GetSecretBundle"),
        ("update_secret", "UpdateSecret"),
    ):
        assert calls[method] == made.count(operation) > 0
    assert calls["GET /api/v4/secrets"] == 1


def test_calls_of_either_store_are_counted(any_world):
    """The calls to the config store are counted, be it Object Storage or S3."""
    any_world.sync(values={"A": "1"}).run()
    (line,) = runs(any_world)
    puts = {name: n for name, n in line["calls"].items() if name.lower().startswith("put")}
    assert list(puts) in (["put_object"], ["PutObject"])
    assert all(n >= 3 for n in puts.values())


def test_calls_that_are_tried_again_are_counted_each(world):
    """Each try of a call is counted, and none of a run before."""
    sync = world.sync(values={"A": "1"})
    sync.run()
    world.cloud.faults.append(Fault("ListSecrets", status=500, times=2))
    sync.run()
    first, second = runs(world, 2)
    assert (first["calls"]["list_secrets"], second["calls"]["list_secrets"]) == (1, 3)


def test_no_name_is_in_a_count(world):
    """The routes of the source are counted as such, without project, folder or key."""
    sync = world.sync(values={"A": "1"})
    other = f"{sync.folder}-other"
    world.source.set("dev", other, "B", "2")
    world.source.add_import("dev", sync.folder, "dev", other)
    sync.run()
    (line,) = runs(world)
    assert [name for name in line["calls"] if "/" in name and sync.name in name] == []
    assert [name for name in line["calls"] if sync.config["projectId"] in name] == []


def test_a_run_that_recorded_nothing_leaves_a_line(world):
    """A run that another one keeps from starting, or from recording its outcome, leaves a line too."""
    lease = json.dumps({"lease": {"run": "other", "expiresAt": world.soon(30)}}).encode()
    sync = world.sync(values={"A": "1"})
    world.bucket.put(sync.status_object, lease)
    sync.webhook()
    other = world.sync(values={"A": "1"})

    def take_over(call):
        if call.operation == "CreateSecret":
            world.bucket.put(other.status_object, lease)

    world.cloud.after = take_over
    other.webhook()
    held, lost = runs(world, 2)
    assert (held["outcome"], held["sync"]) == ("held", sync.name)
    assert (lost["outcome"], lost["sync"], lost["changes"]) == (
        "waiting",
        other.name,
        {"create": 1},
    )
    assert "could not be recorded" in lost["reason"]


def test_a_run_that_the_store_refuses_leaves_a_line(world):
    """A run whose outcome the store refuses for good leaves a line that tells what it changed."""
    sync = world.sync(values={"A": "1"})

    def refuse(call):
        if call.operation == "CreateSecret":
            world.cloud.faults.append(Fault("PutObject", **HIDDEN))

    world.cloud.after = refuse
    sync.run()
    (line,) = runs(world)
    assert (line["outcome"], line["changes"]) == ("waiting", {"create": 1})
    assert line["calls"]["create_secret"] == 1
    assert "see the policy statement store" in line["reason"]


def test_the_request_id_of_the_caller_is_kept(world):
    """A caller's request id is in every line, in the answer, in the calls to OCI and in later runs for it."""
    sync = world.sync(values={"A": "1"})
    world.cloud.faults.append(Fault("CreateSecret", **HIDDEN))
    answered = request(world, sync, **{"opc-request-id": "/My.Request/7"})
    assert answered["opc-request-id"] == "/My.Request/7"
    (line,) = runs(world)
    assert line["requestId"] == "/My.Request/7"
    assert "(opc-request-id My-Request/" in line["reason"]
    assert json.loads(world.queue.messages[0].content)["requestId"] == "/My.Request/7"

    world.cloud.faults.clear()
    world.age(60)
    world.tick()
    late = runs(world, 2)[1]
    assert (late["requestId"], late["outcome"]) == ("/My.Request/7", "succeeded")
    assert late["callId"] not in (line["callId"], late["requestId"])


@pytest.mark.parametrize(
    "given",
    [{}, {"x-request-id": "a b"}, {"opc-request-id": "x" * 129}, {"opc-request-id": "//"}],
)
def test_without_a_proper_request_id_the_call_has_one(world, given):
    """Without a request id, or with one that is not plain, the id of the platform's call serves."""
    answered = request(world, world.sync(values={"A": "1"}), **given)
    (line,) = runs(world)
    assert answered["opc-request-id"] == line["requestId"] == line["callId"]


def test_another_name_of_the_request_id(world):
    """X-Request-Id is taken where there is no opc-request-id, also for what is refused."""
    answer = urllib3.request(
        "GET",
        f"{world.stack.gateway.url}/api/v1/secret-syncs/options",
        headers={"X-Request-Id": "abc-1"},
        retries=False,
    )
    assert (answer.status, answer.headers["opc-request-id"]) == (401, "abc-1")
