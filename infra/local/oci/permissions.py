"""Which permissions a policy's verb brings, and which an operation needs, as Oracle documents them.

The tables are those of Oracle's policy reference: Vault, Object Storage, Queue, Functions, Notifications,
Monitoring, IAM, Registry. What the function's own code says of permissions is not asked here.
"""

from collections.abc import Mapping
from typing import NamedTuple

VERBS = ("inspect", "read", "use", "manage")

FAMILIES: Mapping[str, tuple[str, ...]] = {
    "functions-family": ("fn-app", "fn-function", "fn-invocation"),
    "ons-family": ("ons-topics", "ons-subscriptions"),
    "object-family": ("objectstorage-namespaces", "buckets", "objects"),
    "secret-family": ("secrets", "secret-versions", "secret-bundles"),
    "virtual-network-family": (),  # nothing here asks for its permissions
}

_ADDED: Mapping[str, tuple[str, str, str, str]] = {
    "vaults": (
        "VAULT_INSPECT",
        "VAULT_READ",
        "VAULT_CREATE_KEY VAULT_IMPORT_KEY VAULT_CREATE_SECRET",
        "VAULT_CREATE VAULT_UPDATE VAULT_DELETE VAULT_MOVE VAULT_BACKUP VAULT_RESTORE VAULT_REPLICATE",
    ),
    "keys": (
        "KEY_INSPECT",
        "KEY_READ",
        "KEY_ENCRYPT KEY_DECRYPT KEY_EXPORT KEY_SIGN KEY_VERIFY",
        "KEY_CREATE KEY_UPDATE KEY_ROTATE KEY_DELETE KEY_MOVE KEY_IMPORT KEY_BACKUP KEY_RESTORE",
    ),
    "secrets": (
        "SECRET_INSPECT",
        "SECRET_READ",
        "SECRET_UPDATE SECRET_ROTATE",
        "SECRET_CREATE SECRET_DELETE SECRET_MOVE SECRET_REPLICATE_CONFIGURE",
    ),
    "secret-versions": (
        "SECRET_VERSION_INSPECT",
        "SECRET_VERSION_READ",
        "",
        "SECRET_VERSION_DELETE",
    ),
    "secret-bundles": ("SECRET_BUNDLE_INSPECT", "SECRET_BUNDLE_READ", "", ""),
    "tenancies": ("TENANCY_INSPECT", "", "TENANCY_UPDATE", ""),
    "users": ("USER_INSPECT", "USER_READ", "USER_UPDATE", "USER_CREATE USER_DELETE"),
    "compartments": (
        "COMPARTMENT_INSPECT",
        "COMPARTMENT_READ",
        "COMPARTMENT_UPDATE",
        "COMPARTMENT_CREATE COMPARTMENT_DELETE COMPARTMENT_RECOVER",
    ),
    "queues": (
        "QUEUE_INSPECT",
        "QUEUE_READ",
        "QUEUE_UPDATE QUEUE_PRODUCE",
        "QUEUE_CREATE QUEUE_DELETE QUEUE_MOVE QUEUE_CONSUME",
    ),
    "queue-push": ("", "", "QUEUE_PRODUCE", ""),
    "queue-pull": ("", "", "QUEUE_CONSUME", ""),
    "objectstorage-namespaces": (
        "",
        "OBJECTSTORAGE_NAMESPACE_READ",
        "",
        "OBJECTSTORAGE_NAMESPACE_UPDATE",
    ),
    "buckets": (
        "BUCKET_INSPECT",
        "BUCKET_READ",
        "BUCKET_UPDATE",
        "BUCKET_CREATE BUCKET_DELETE PAR_MANAGE RETENTION_RULE_MANAGE RETENTION_RULE_LOCK",
    ),
    "objects": (
        "OBJECT_INSPECT",
        "OBJECT_READ",
        "OBJECT_OVERWRITE",
        "OBJECT_CREATE OBJECT_DELETE OBJECT_VERSION_DELETE OBJECT_RESTORE OBJECT_UPDATE_TIER",
    ),
    "fn-app": ("FN_APP_LIST", "FN_APP_READ", "", "FN_APP_CREATE FN_APP_DELETE FN_APP_UPDATE"),
    "fn-function": (
        "FN_FUNCTION_LIST",
        "FN_FUNCTION_READ",
        "",
        "FN_FUNCTION_CREATE FN_FUNCTION_DELETE FN_FUNCTION_UPDATE",
    ),
    "fn-invocation": ("", "", "FN_INVOCATION", ""),
    "ons-topics": (
        "ONS_TOPIC_INSPECT",
        "ONS_TOPIC_READ",
        "ONS_TOPIC_PUBLISH ONS_TOPIC_SUBSCRIBE",
        "ONS_TOPIC_CREATE ONS_TOPIC_MOVE ONS_TOPIC_UPDATE ONS_TOPIC_DELETE",
    ),
    "ons-subscriptions": ("ONS_SUBSCRIPTION_INSPECT", "", "", "ONS_SUBSCRIPTION_MOVE"),
    "metrics": ("METRIC_INSPECT", "METRIC_READ", "METRIC_WRITE", ""),
    "repos": (
        "REPOSITORY_INSPECT",
        "REPOSITORY_READ",
        "REPOSITORY_UPDATE",
        "REPOSITORY_CREATE REPOSITORY_DELETE REPOSITORY_MANAGE",
    ),
}

PERMISSIONS = frozenset(" ".join(text for row in _ADDED.values() for text in row).split())

VARIABLES = frozenset(
    {
        "request.operation",
        "request.permission",
        "request.principal.compartment.id",
        "request.principal.id",
        "request.principal.type",
        "request.resource.compartment.id",
        "target.bucket.name",
        "target.function.id",
        "target.key.id",
        "target.metrics.namespace",
        "target.queue.id",
        "target.secret.id",
        "target.secret.name",
        "target.vault.id",
    }
)


class Required(NamedTuple):
    """What an operation needs: permissions on the thing that it is about, on its vault, on its key."""

    own: tuple[str, ...]
    vault: tuple[str, ...] = ()
    key: tuple[str, ...] = ()


# Reading content decrypts it: the reference does not list KEY_DECRYPT, people report that it is needed.
OPERATIONS: Mapping[str, Required] = {
    "ListSecrets": Required(("SECRET_INSPECT",)),
    "GetSecret": Required(("SECRET_READ",)),
    "CreateSecret": Required(
        ("SECRET_CREATE",), vault=("VAULT_CREATE_SECRET",), key=("KEY_ENCRYPT", "KEY_DECRYPT")
    ),
    "UpdateSecret": Required(("SECRET_UPDATE",)),
    "ScheduleSecretDeletion": Required(("SECRET_DELETE",)),
    "CancelSecretDeletion": Required(("SECRET_DELETE",)),
    "ChangeSecretCompartment": Required(("SECRET_MOVE", "SECRET_UPDATE")),
    "ListSecretVersions": Required(("SECRET_VERSION_INSPECT",)),
    "GetSecretVersion": Required(("SECRET_VERSION_READ",)),
    "ScheduleSecretVersionDeletion": Required(("SECRET_VERSION_DELETE", "SECRET_UPDATE")),
    "CancelSecretVersionDeletion": Required(("SECRET_VERSION_DELETE", "SECRET_UPDATE")),
    "GetSecretBundle": Required(("SECRET_BUNDLE_READ",), key=("KEY_DECRYPT",)),
    "GetSecretBundleByName": Required(("SECRET_BUNDLE_READ",), key=("KEY_DECRYPT",)),
    "ListSecretBundleVersions": Required(("SECRET_BUNDLE_INSPECT",)),
    "ListVaults": Required(("VAULT_INSPECT",)),
    "GetVault": Required((), vault=("VAULT_READ",)),
    "ListKeys": Required(("KEY_INSPECT",)),
    "GetKey": Required((), key=("KEY_READ",)),
    "ListCompartments": Required(("COMPARTMENT_INSPECT",)),
    "GetCompartment": Required(("COMPARTMENT_INSPECT",)),
    "GetTenancy": Required(("TENANCY_INSPECT",)),
    "GetUser": Required(("USER_READ",)),
    "PutMessages": Required(("QUEUE_PRODUCE",)),
    **dict.fromkeys(
        ("GetMessages", "DeleteMessage", "DeleteMessages", "UpdateMessage", "UpdateMessages"),
        Required(("QUEUE_CONSUME",)),
    ),
    "GetStats": Required(("QUEUE_READ",)),
    "GetNamespace": Required(()),
    "GetBucket": Required(("BUCKET_READ",)),
    "ListObjects": Required(("OBJECT_INSPECT",)),
    "HeadObject": Required(("OBJECT_READ",)),
    "GetObject": Required(("OBJECT_READ",)),
    "CreateObject": Required(("OBJECT_CREATE",)),  # PutObject where there is none
    "PutObject": Required(("OBJECT_OVERWRITE",)),
    "DeleteObject": Required(("OBJECT_DELETE",)),
    "GetFunction": Required(("FN_FUNCTION_READ",)),
    "InvokeFunction": Required(("FN_INVOCATION",)),
    "PublishMessage": Required(("ONS_TOPIC_PUBLISH",)),
    "PostMetricData": Required(("METRIC_WRITE",)),
}


def permissions(verb: str, resource_type: str) -> frozenset[str]:
    """Return what `<verb> <resource type>` grants. Raises KeyError, ValueError where there is none."""
    upto = VERBS.index(verb) + 1
    types = FAMILIES.get(resource_type, (resource_type,))
    return frozenset(" ".join(text for one in types for text in _ADDED[one][:upto]).split())
