"""A missing permission is named by the policy statement that gives it, and never taken for absence."""

import pytest
from oci import exceptions

from functions.calls.deadline import Gate
from functions.cloud.errors import translate
from functions.cloud.invoke import Function
from functions.cloud.queue import Queue
from functions.errors import NotFound
from functions.stores.bucket_url import parse_bucket_url
from functions.stores.oci import OciStore
from infra.local.oci.cloud import FUNCTION_ID, QUEUE_ID
from infra.local.oci.traffic import Fault

ABSENT = "absent, or not permitted to this principal"
HIDDEN = {"status": 404, "code": "NotAuthorizedOrNotFound"}


@pytest.mark.parametrize(
    ("status", "code", "operation", "hint"),
    [
        (404, "NotAuthorizedOrNotFound", "list_secrets", f": {ABSENT} (see the policy statement list-secrets)"),
        (404, "NotAuthorizedOrNotFound", "create_secret", f": {ABSENT} (see the policy statements write-secrets, use-vault, use-key)"),
        (404, "BucketNotFound", "put_object", f": {ABSENT} (see the policy statement store)"),
        (404, "NotAuthorizedOrNotFound", "get_user", f": {ABSENT}"),
        (403, "NotAllowed", "put_messages", ": not permitted to this principal (see the policy statement put-jobs)"),
        (409, "NotAuthorizedOrResourceAlreadyExists", "update_secret", ": there already, or not permitted to this principal (see the policy statement write-secrets)"),
        (404, "ObjectNotFound", "get_object", ""),
        (409, "IncorrectState", "update_secret", ""),
        (500, "InternalError", "get_secret", ""),
    ],
)  # fmt: skip
def test_a_refusal_names_the_statements(status, code, operation, hint):
    """Where a permission may be missing the message names the statements that give it, else none."""
    error = exceptions.ServiceError(status, code, {}, "words", operation_name=operation)
    assert str(translate(error, "X")) == f"X{hint}: OCI answered {status} {code}: words"


def test_the_vault_names_the_statement(bench):
    """Each call to the vault that is refused names its own statement."""
    secret_id = bench.sim.seed("KEY", b"x")
    bench.cloud.faults.append(Fault("*", **HIDDEN))
    secret = bench.sim.get("KEY")
    for call, statement in (
        (bench.vault.list, "list-secrets"),
        (lambda: bench.vault.get(secret_id), "write-secrets"),
        (lambda: bench.vault.create("NEW", b"x", {}, "token"), "write-secrets, use-vault, use-key"),
        (lambda: bench.vault.prune_versions(secret, bench.clock.now()), "prune-versions"),
    ):
        with pytest.raises(NotFound, match=rf"\(see the policy statements? {statement}\)"):
            call()
    bench.cloud.faults[:] = [Fault("GetSecretBundle", **HIDDEN)]
    with pytest.raises(NotFound, match="see the policy statements read-content, use-key"):
        bench.vault.read(secret_id)


def test_the_other_services_name_the_statement(bench):
    """Store, queue and function name theirs too, and a hidden bucket is not an absent object."""
    clock, clients = bench.clock, bench.clients
    bench.cloud.faults.append(Fault("*", **HIDDEN))
    calls = clients.open(Gate(clock, deadline=60))
    queue = Queue(calls, QUEUE_ID, bench.cloud.url)
    store = OciStore(parse_bucket_url("oci://configs@local/p"), calls)
    function = Function(calls, FUNCTION_ID)
    for call, statement in (
        (lambda: queue.put(["x"]), "put-jobs"),
        (lambda: queue.receive(1, 60), "take-jobs"),
        (queue.depth, "queue-depth"),
        (lambda: store.list("x"), "store"),
        (lambda: store.get("x"), "store"),
        (lambda: store.delete("x"), "store"),
        (lambda: function.start({}), "find-itself"),
    ):
        with pytest.raises(NotFound, match=rf"\(see the policy statement {statement}\)"):
            call()
    bench.cloud.faults[:] = [Fault("*", status=404, code="BucketNotFound")]
    with pytest.raises(NotFound, match=r"bucket configs: .*\(see the policy statement store\)"):
        store.get("x")
