"""A page of a proxy, half an answer, or one that says nothing, each with status 200, from any service."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.calls.deadline import Gate
from functions.cloud.clients import Clients
from functions.cloud.queue import Queue
from functions.cloud.secret_reader import read_secret
from functions.errors import Refused, Temporary, WrongState
from functions.stores.bucket_url import parse_bucket_url
from functions.stores.oci import OciStore
from infra.local.http import Answer
from infra.local.oci.cloud import BUCKET, NAMESPACE, QUEUE_ID
from tests.support.clouds import function_identity
from tests.support.network import PrivateCa


def page(answer):
    """A proxy answers in the place of the service."""
    return replace(answer, body=b"<html>Sign in</html>", headers={"content-type": "text/html"})


def half(answer):
    """The connection was cut in a way that nobody noticed."""
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    return replace(answer, body=body[: len(body) // 2], headers=without_etag(answer))


def nothing(answer):
    """The service says null."""
    return replace(answer, body=b"null", headers=without_etag(answer))


def empty(answer):
    """The service names no field."""
    body = b"[{}]" if isinstance(answer.body, list | tuple) else b"{}"
    return replace(answer, body=body, headers=without_etag(answer))


def an_object(answer):
    """The service answers an object in the place of a list, or of anything else."""
    return replace(answer, body=b"{}", headers=without_etag(answer))


def nulls(answer):
    """The service names each field, and none has a value."""
    body = None if isinstance(answer.body, bytes) else answer.body
    blank = json.loads(json.dumps(body), object_hook=dict.fromkeys)
    return replace(answer, body=json.dumps(blank).encode(), headers=without_etag(answer))


def without_etag(answer):
    """Return the headers of an answer but its ETag."""
    return {name: value for name, value in answer.headers.items() if name.lower() != "etag"}


USES = {
    "ListSecrets": lambda it: it.vault.list(),
    "GetSecret": lambda it: it.vault.get(it.held.id),
    "GetSecretBundle": lambda it: it.vault.read(it.held.id),
    "GetSecretBundleByName": lambda it: it.vault.find("HELD"),
    "CreateSecret": lambda it: it.vault.create("NEW", b"x", {}, "token"),
    "UpdateSecret": lambda it: it.vault.update(it.held, b"y", {}),
    "ListSecretVersions": lambda it: it.vault.prune_versions(it.held, it.later),
    "GetMessages": lambda it: it.queue.receive(20, 30),
    "PutMessages": lambda it: it.queue.put(["a"]),
    "GetStats": lambda it: it.queue.depth(),
    "ListObjects": lambda it: it.store.list(""),
    "GetObject": lambda it: it.store.get("held"),
    "PutObject": lambda it: it.store.put("new", b"x"),
}


@pytest.fixture
def it(bench):
    """Everything that calls OCI, with something to be found everywhere."""
    bench.held = None
    bench.sim.seed("HELD", b"x")
    bench.held = bench.secret("HELD")
    calls = bench.clients.open(bench.gate)
    bench.queue = Queue(calls, QUEUE_ID, bench.cloud.url)
    bench.queue.put(["waiting"])
    bench.store = OciStore(parse_bucket_url(f"oci://{BUCKET}@{NAMESPACE}/x"), calls)
    bench.store.put("held", b"x")
    bench.later = bench.clock.now() + timedelta(days=2)
    return bench


@pytest.mark.parametrize("how", [page, half, nothing, empty, an_object, nulls])
@pytest.mark.parametrize("operation", USES)
def test_what_is_no_answer(it, operation, how):
    """An answer that lacks what is used of it is trouble that may pass: nothing counts as read or done."""
    it.fail(operation, garble=how)
    with pytest.raises(Temporary, match="answer cannot be used"):
        USES[operation](it)
    assert it.clock.seconds < 60


@pytest.mark.parametrize("operation", sorted(USES.keys() - {"UpdateSecret"}))
def test_an_answer_that_is_lost_once(it, operation):
    """What may be repeated is repeated: one unusable answer is not even noticed."""
    it.fail(operation, garble=page, times=1)
    USES[operation](it)


@pytest.mark.parametrize("operation", ["CancelSecretDeletion", "ScheduleSecretDeletion"])
def test_a_page_in_the_place_of_no_answer(it, operation):
    """Where the service answers nothing, the page of a proxy does not count as done."""
    it.fail(operation, garble=page)
    uses = {
        "CancelSecretDeletion": lambda: it.vault.restore(it.held),
        "ScheduleSecretDeletion": lambda: it.vault.schedule_deletion(it.held, it.later),
    }
    if operation == "CancelSecretDeletion":
        it.vault.schedule_deletion(it.held, it.later)
    with pytest.raises((Temporary, WrongState)):  # the second, as the call was carried out
        uses[operation]()


def test_credentials_that_are_no_answer(it):
    """Credentials come from an answer that can be used, or not at all."""
    it.fail("GetSecretBundle", garble=page)
    with pytest.raises(Temporary, match="credentials: OCI's answer cannot be used"):
        read_secret(it.clients.open(it.gate), it.held.id, "credentials")


def test_a_certificate_that_is_not_trusted(bench, tmp_path):
    """A proxy that breaks TLS open is told at once, with the settings that help."""
    identity, _ = function_identity()
    with PrivateCa(tmp_path).serving(lambda _: Answer(200)) as url:
        calls = Clients(identity, bench.clock, lambda: 0.5, url).open(Gate(bench.clock, 60))
        with pytest.raises(Refused, match=r"endpoint is not trusted.*NO_PROXY"):
            Queue(calls, QUEUE_ID, url).depth()
    assert bench.clock.seconds == 0
