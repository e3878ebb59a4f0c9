"""Answers of the API as the console gets them, for states that a stack comes to only with patience."""

from uuid import UUID

PROJECT = "p1"


def sync(number, **fields):
    """Return a sync that is well."""
    return {
        "id": str(UUID(int=number)),
        "name": f"sync-{number:04}",
        "description": None,
        "destination": "oci-vault",
        "isEnabled": True,
        "isAutoSyncEnabled": True,
        "version": 1,
        "projectId": PROJECT,
        "connectionId": str(UUID(int=1 << 64)),
        "syncStatus": "succeeded",
        "lastSyncJobId": "job",
        "lastSyncMessage": None,
        "lastSyncedAt": "2026-11-26T12:00:00.000Z",
        **dict.fromkeys(("importStatus", "lastImportJobId", "lastImportMessage", "lastImportedAt")),
        **dict.fromkeys(("removeStatus", "lastRemoveJobId", "lastRemoveMessage", "lastRemovedAt")),
        "isHeldAfterRemoval": False,
        "retryAt": None,
        "nextVerifyAt": None,
        "lastRun": None,
        "syncOptions": {
            "initialSyncBehavior": "overwrite-destination",
            "keySchema": "{{secretKey}}_X",
        },
        "destinationConfig": {
            "compartmentOcid": "ocid1.compartment.oc1..one",
            "vaultOcid": f"ocid1.vault.oc1.eu-frankfurt-1.{number:04}.vault",
            "keyOcid": "ocid1.key.oc1.eu-frankfurt-1.one.key",
        },
        "connection": {"app": "oci", "name": "function", "id": str(UUID(int=1 << 64))},
        "environment": {"id": str(UUID(int=2)), "slug": "prod", "name": "prod"},
        "folder": {"id": str(UUID(int=3)), "path": f"/team/{number}"},
    } | fields


def run(number, **fields):
    """Return a run that found nothing to do."""
    return {
        "id": f"run-{number}",
        "jobId": f"job-{number}",
        "kind": "verify",
        "cause": "tick",
        "startedAt": f"2026-11-26T{number:02}:00:00.000Z",
        "seconds": 1.25,
        "outcome": "succeeded",
        "message": None,
        "counts": {"unchanged": 3},
        "drift": [],
        "errors": {},
        "changed": {},
    } | fields


def plan(*changes, **fields):
    """Return a plan of (action, name) pairs."""
    counts = {action: sum(a == action for a, _ in changes) for action, _ in changes}
    return {
        "changes": [
            {"action": action, "name": name} | ({"owner": "this"} if action == "delete" else {})
            for action, name in changes
        ],
        "errors": {},
        "warnings": [],
        "stops": [],
        "blocked": [],
        "drift": [],
        "inScope": 3,
        "counts": {"unchanged": 3, "errors": 0} | counts,
        "fingerprint": "0123456789abcdef",
    } | fields


def connection(number):
    """Return a connection that signs as the function."""
    return {
        "id": str(UUID(int=number + 100)),
        "name": f"connection-{number:02}",
        "description": None,
        "app": "oci",
        "method": "resource-principal",
        "version": 1,
        "credentials": dict.fromkeys(("userOcid", "tenancyOcid", "region", "fingerprint")),
    }


def refusal(status, message):
    """Return an error as the function answers it."""
    return {"reqId": "req-0123456789", "statusCode": status, "message": message, "error": "Error"}
