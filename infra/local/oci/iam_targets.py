"""What a request to the simulators is about, in the terms of IAM, and the answer where it may not."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from infra.local.http import Failure, Request
from infra.local.oci.iam import Need
from infra.local.oci.kms import Kms
from infra.local.oci.objects import Objects, hidden
from infra.local.oci.permissions import OPERATIONS
from infra.local.oci.vault_store import Vault

Arguments = Mapping[str, Any]

_AT_HOME = {
    "queue_id": "target.queue.id",
    "bucket": "target.bucket.name",
    "function_id": "target.function.id",
    "topic_id": "",
}
"""Arguments of routes that name what lies in one compartment, and the variables that name it."""


class _Thing(NamedTuple):
    """What a request is about; the vault and key that it lies in, where it does."""

    compartment_id: str
    targets: Mapping[str, str]
    vault_id: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Targets:
    """Knows where things lie; queues, buckets, functions and topics lie in the compartment `home`."""

    vault: Vault
    kms: Kms
    objects: Objects
    home: str

    def needs(self, operation: str, request: Request, arguments: Arguments) -> Iterable[Need]:
        """Return the permissions that a request needs; none where what it is about is not there."""
        if operation == "PutObject" and self._is_new(**arguments):
            operation = "CreateObject"
        required = OPERATIONS[operation]
        for thing in self._things(operation, request, arguments):
            for permission in required.own:
                yield Need(permission, thing.compartment_id, thing.targets)
            for permission in required.vault:
                home = self.kms.vaults.get(thing.vault_id, {}).get("compartmentId", "")
                yield Need(permission, home, {"target.vault.id": thing.vault_id})
            for permission in required.key:
                home = self.kms.keys.get(thing.key_id, {}).get("compartmentId", "")
                yield Need(permission, home, {"target.key.id": thing.key_id})

    def _is_new(self, bucket: str, name: str, **_: str) -> bool:
        return name not in self.objects.names(bucket, name)

    def _things(self, operation: str, request: Request, arguments: Arguments) -> list[_Thing]:
        for argument, variable in _AT_HOME.items():
            if argument in arguments:
                targets = {variable: arguments[argument]} if variable else {}
                return [_Thing(self.home, targets)]
        query = request.query
        match operation:
            case "CreateSecret":
                return [_secret(request.json())]
            case "GetSecretBundleByName":
                held = self.vault.holder(query.get("vaultId", ""), query.get("secretName", ""))
                return self._secret(held.id if held else "")
            case "PostMetricData":
                return [
                    _Thing(row["compartmentId"], {"target.metrics.namespace": row["namespace"]})
                    for row in request.json().get("metricData", [])
                ]
        if "secret_id" in arguments:
            return self._secret(arguments["secret_id"])
        # A list is about a compartment. Whether one of secrets says which vault is not documented.
        compartment_id = arguments.get("one_id") or query.get("compartmentId", "")
        vault_id, key_id = arguments.get("vault_id", ""), arguments.get("key_id", "")
        return [_Thing(compartment_id, {}, vault_id, key_id)]

    def _secret(self, secret_id: str) -> list[_Thing]:
        secret = self.vault.secrets.get(secret_id)
        if secret is None:
            return []
        thing = _secret(secret.fact(self.vault.clock.now()))
        return [thing._replace(targets={**thing.targets, "target.secret.id": secret_id})]


def _secret(facts: Mapping[str, Any]) -> _Thing:
    vault_id = facts.get("vaultId", "")
    targets = {"target.vault.id": vault_id, "target.secret.name": facts.get("secretName", "")}
    return _Thing(facts.get("compartmentId", ""), targets, vault_id, facts.get("keyId", ""))


def refusal(arguments: Arguments) -> Failure:
    """Return the answer to a request that is not permitted: OCI does not tell that from absence."""
    if "bucket" in arguments:
        return hidden(arguments["namespace"], arguments["bucket"])
    message = "Authorization failed or requested resource not found."
    return Failure(404, "NotAuthorizedOrNotFound", message)
