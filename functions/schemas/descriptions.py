"""What the OpenAPI document says in words besides what routes and models say themselves."""

from collections.abc import Mapping

ABOUT = (
    "Keeps folders of an Infisical-compatible secret manager in step with OCI Vault. The routes, names and "
    "answers are those of Infisical's secret syncs; what goes beyond them is described here."
)
TAGS = {
    "Secret syncs": "A folder of the source, a vault, and how the one is kept in the other.",
    "OCI connections": "Who signs the calls to OCI, and what can be chosen through it.",
    "Source": "What can be chosen as the source of a sync.",
    "Server": "Who asks, what this server is, and the emergency stop.",
}
_TAG_BY_PATH = {
    "/secret-syncs": "Secret syncs",
    "/app-connections": "OCI connections",
    "/projects": "Source",
}
FIELDS = {
    "projectId": "The project in the source.",
    "connectionId": "The OCI connection; without one the function's own principal signs.",
    "environment": "The environment's slug.",
    "secretPath": "The folder, as an absolute path.",
    "isAutoSyncEnabled": "Whether webhooks, events and ticks sync it. `isEnabled` is another name.",
    "initialSyncBehavior": "What the first run does with secrets that the vault already holds.",
    "keySchema": "The name in the vault: {{secretKey}}, perhaps {{environment}}, and {{folderPath}} for the "
    "sub-folder, with _ for each slash. Only names that fit it are ever changed or deleted.",
    "disableSecretDeletion": "Whether secrets stay in the vault that the source does not hold any more.",
    "includeAllSubFolders": "Whether the folders below are synced too; only with overwrite-destination.",
    "deletionDays": "How long a deleted secret can be brought back.",
    "blockingScope": "Whose lifecycle states make the sync wait: those of the whole vault, or of names "
    "that fit the key schema.",
    "maxPercent": "The share of deletions above which a person must agree.",
    "minCount": "From how many deletions on.",
    "filter": "Which keys are synced, by the source's tags; only with overwrite-destination.",
    "bundle": "All keys of the folder as one vault secret; only with overwrite-destination, not with "
    "includeAllSubFolders or disableSecretDeletion. Its name is used as it is.",
    "format": "One JSON object of texts, or lines KEY=value that a POSIX shell reads.",
    "match": "Whether a key needs any of the tags, or all.",
    "freeformTags": "Free-form tags that every secret gets besides the sync's own.",
    "definedTags": "Defined tags that every secret gets, by namespace.",
    "compartmentOcid": "The compartment of the secrets.",
    "vaultOcid": "The vault.",
    "keyOcid": "The key that encrypts new secrets.",
    "privateKey": "In PEM; it is stored in OCI Vault and never answered.",
    "keyStorage": "Where the private key is stored, if not beside the function's own credentials.",
}
"""By name, as a field means the same wherever it stands."""
_PLACE = {
    "compartmentOcid": "ocid1.compartment.oc1..example",
    "vaultOcid": "ocid1.vault.oc1.eu-frankfurt-1.example.vault",
    "keyOcid": "ocid1.key.oc1.eu-frankfurt-1.example.key",
}
EXAMPLES: Mapping[str, object] = {
    "SyncConfig": {
        "name": "my-oci-vault-sync",
        "projectId": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "description": "an example sync",
        "environment": "dev",
        "secretPath": "/my-secrets",
        "isAutoSyncEnabled": True,
        "syncOptions": {
            "initialSyncBehavior": "import-prioritize-source",
            "keySchema": "DEV_{{secretKey}}",
        },
        "destinationConfig": _PLACE,
    },
    "OwnConnection": {"name": "function-in-zurich", "method": "resource-principal"},
    "KeyConnection": {
        "name": "other-tenancy",
        "method": "access-key",
        "credentials": {
            "userOcid": "ocid1.user.oc1..example",
            "tenancyOcid": "ocid1.tenancy.oc1..example",
            "region": "eu-frankfurt-1",
            "fingerprint": "12:34:56:78:9a:bc:de:f0:12:34:56:78:9a:bc:de:f0",
            "privateKey": "-----BEGIN PRIVATE KEY-----...",
        },
    },
}


def tag_of(path: str) -> str:
    """Return the tag of the operations at a path."""
    found = (tag for part, tag in _TAG_BY_PATH.items() if part in path)
    return next(found, "Server")
