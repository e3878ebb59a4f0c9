"""OCI Vault: the retrieval API of secret content (20190301)."""

import base64

from infra.local.http import Answer, Request, Route, absent, invalid, page, wire_time
from infra.local.oci.secret import READABLE, Secret, Version
from infra.local.oci.vault_store import Vault


class BundleApi:
    """The operations on content. What is not readable in its state answers 404."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def routes(self) -> list[Route]:
        """Return the operations."""
        base, locked = "/20190301/secretbundles", self._vault.locked
        one = f"{base}/<secret_id>"
        by_name = f"{base}/actions/getByName"
        return [
            Route("GetSecretBundle", "bundle", "GET", one, "secret_id", locked(self._get)),
            Route(
                "GetSecretBundleByName",
                "bundle",
                "POST",
                by_name,
                "secretName",
                locked(self._named),
            ),
            Route(
                "ListSecretBundleVersions",
                "list",
                "GET",
                f"{one}/versions",
                "secret_id",
                locked(self._versions),
            ),
        ]

    def _get(self, request: Request, secret_id: str) -> Answer:
        return self._bundle(request, self._vault.found(secret_id))

    def _named(self, request: Request) -> Answer:
        query = request.query
        name, vault_id = query.get("secretName", ""), query.get("vaultId", "")
        secret = self._vault.holder(vault_id, name)
        if secret is None:
            raise absent(f"secret {name} in vault {vault_id}")
        return self._bundle(request, secret)

    def _bundle(self, request: Request, secret: Secret) -> Answer:
        now = self._vault.clock.now()
        if secret.state(now) not in READABLE:
            raise absent(f"a readable version of secret {secret.id}")
        version = self._choose(request, secret)
        shown = secret.version_wire(version, now)
        content = base64.b64encode(version.content).decode()
        body = {
            "secretId": secret.id,
            "versionNumber": version.number,
            "versionName": version.name,
            "stages": shown["stages"],
            "timeCreated": shown["timeCreated"],
            "timeOfDeletion": wire_time(version.deletion),
            "metadata": secret.fact(now).get("metadata") or {},
            "secretBundleContent": {"contentType": "BASE64", "content": content},
        }
        return Answer(200, body, {"etag": secret.etag})

    def _choose(self, request: Request, secret: Secret) -> Version:
        query, now = request.query, self._vault.clock.now()
        asked = [key for key in ("versionNumber", "secretVersionName", "stage") if key in query]
        if len(asked) > 1:
            raise invalid(f"{' and '.join(asked)} exclude each other.")
        for version in reversed(secret.there(now)):
            if query.get("versionNumber", str(version.number)) != str(version.number):
                continue
            if query.get("secretVersionName", version.name) != version.name:
                continue
            stage = query.get("stage", None if asked else "CURRENT")
            if stage in (None, *secret.stages(version, now)):
                return version
        raise absent(f"that version of secret {secret.id}")

    def _versions(self, request: Request, secret_id: str) -> Answer:
        secret, now = self._vault.found(secret_id), self._vault.clock.now()
        rows = [secret.version_wire(version, now) for version in reversed(secret.there(now))]
        shown, headers = page(rows, request)
        return Answer(200, shown, headers)
