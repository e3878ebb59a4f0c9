"""OCI Vault: the management API of secrets (20180608), with its true lifecycle."""

import hashlib
from datetime import datetime, timedelta

from functions.plan.models import State
from infra.local.http import Answer, Failure, Handler, Json, Request, Route, absent, invalid, page
from infra.local.oci import vault_rules as rules
from infra.local.oci.kms import Kms
from infra.local.oci.secret import Secret, Version
from infra.local.oci.vault_store import Vault

RETRY_TOKEN_LIFE = timedelta(hours=24)
_REQUIRED = ("compartmentId", "vaultId", "keyId", "secretName", "secretContent")
_SETTABLE = {
    "definedTags",
    "description",
    "freeformTags",
    "metadata",
    "replicationConfig",
    "rotationConfig",
    "secretRules",
    "secretGenerationContext",
}


class VaultApi:
    """The operations on secrets and their versions."""

    def __init__(self, vault: Vault, kms: Kms) -> None:
        self._vault = vault
        self._kms = kms
        self._retries: dict[str, tuple[datetime, bytes, Answer]] = {}

    def routes(self) -> list[Route]:
        """Return the operations."""
        base = "/20180608/secrets"
        one, act = f"{base}/<secret_id>", f"{base}/<secret_id>/actions"
        version = f"{one}/version/<int:number>"
        rows: list[tuple[str, str, str, str, Handler]] = [
            ("ListSecrets", "list", "GET", base, self._list),
            ("GetSecret", "read", "GET", one, self._get),
            ("CreateSecret", "write", "POST", base, self._create),
            ("UpdateSecret", "write", "PUT", one, self._update),
            ("ScheduleSecretDeletion", "write", "POST", f"{act}/scheduleDeletion", self._schedule),
            ("CancelSecretDeletion", "write", "POST", f"{act}/cancelDeletion", self._cancel),
            ("ChangeSecretCompartment", "write", "POST", f"{act}/changeCompartment", self._rehome),
            ("ListSecretVersions", "list", "GET", f"{one}/versions", self._versions),
            ("GetSecretVersion", "read", "GET", version, self._version),
            (
                *("ScheduleSecretVersionDeletion", "write", "POST"),
                *(f"{version}/actions/scheduleDeletion", self._schedule_version),
            ),
            (
                *("CancelSecretVersionDeletion", "write", "POST"),
                *(f"{version}/actions/cancelDeletion", self._cancel_version),
            ),
        ]
        keys = {"CreateSecret": "secretName", "ListSecrets": "compartmentId"}
        return [
            Route(name, family, method, rule, keys.get(name, "secret_id"), self._vault.locked(run))
            for name, family, method, rule, run in rows
        ]

    def _writable(self, request: Request, secret_id: str, state: State) -> Secret:
        secret = self._vault.found(secret_id)
        rules.check_etag(secret, request.headers.get("if-match"))
        rules.check_state(secret, self._vault.clock.now(), state)
        return secret

    def _shown(self, secret: Secret) -> Answer:
        return Answer(200, secret.wire(self._vault.clock.now()), {"etag": secret.etag})

    def _done(self, secret: Secret) -> Answer:
        self._vault.touch(secret)
        return Answer(200, None, {"etag": secret.etag})

    def _list(self, request: Request) -> Answer:
        query = request.query
        if not query.get("compartmentId"):
            raise Failure(400, "MissingParameter", "compartmentId is required.")
        self._kms.check_place(query["compartmentId"], query.get("vaultId"))
        as_of = self._vault.clock.now() - timedelta(seconds=self._vault.list_staleness_seconds)
        state = query.get("lifecycleState", "").upper()
        rows = [
            secret
            for secret in self._vault.secrets.values()
            if secret.created <= as_of
            and secret.fact(as_of)["compartmentId"] == query["compartmentId"]
            and query.get("vaultId", secret.vault_id) == secret.vault_id
            and query.get("name", secret.name) == secret.name
            and (not state or secret.state(as_of) == state)
        ]
        by_name = query.get("sortBy") == "NAME"
        rows.sort(key=lambda secret: (secret.name if by_name else "", secret.created))
        if query.get("sortOrder", "ASC" if by_name else "DESC").upper() == "DESC":
            rows.reverse()
        shown, headers = page(rows, request)
        return Answer(200, [secret.summary(as_of) for secret in shown], headers)

    def _get(self, _request: Request, secret_id: str) -> Answer:
        return self._shown(self._vault.found(secret_id))

    def _create(self, request: Request) -> Answer:
        now, token = self._vault.clock.now(), request.headers.get("opc-retry-token", "")
        digest = hashlib.sha256(request.body).digest()
        if token in self._retries and now - self._retries[token][0] < RETRY_TOKEN_LIFE:
            _, former, answer = self._retries[token]
            if former != digest:
                raise Failure(
                    409, "InvalidatedRetryToken", "The retry token was used for another request."
                )
            return answer
        answer = self._shown(self._created(request.json(), now))
        if token:
            self._retries[token] = (now, digest, answer)
        return answer

    def _created(self, body: Json, now: datetime) -> Secret:
        for field in _REQUIRED:
            if not body.get(field):
                raise Failure(400, "MissingParameter", f"{field} is required.")
        rules.check_name(body["secretName"])
        content = rules.decode_content(body["secretContent"])
        self._kms.check_place(body["compartmentId"], body["vaultId"])
        self._kms.check_key(body["vaultId"], body["keyId"])
        self._check_tags(body, self._vault.refuse_tags)
        if self._vault.holder(body["vaultId"], body["secretName"]):
            raise invalid(f"A secret with the name {body['secretName']} already exists.")
        facts = {key: value for key, value in body.items() if key != "secretContent"}
        ready = now + timedelta(seconds=self._vault.durations.creating)
        secret = self._vault.add(facts, now, (now, State.CREATING), (ready, State.ACTIVE))
        secret.add_version(now, ready, content, body["secretContent"])
        return secret

    def _check_tags(self, body: Json, refused: object) -> None:
        if "freeformTags" not in body:
            return
        rules.check_tags(body["freeformTags"])
        if refused:
            raise invalid("freeformTags cannot be set in this request.")

    def _update(self, request: Request, secret_id: str) -> Answer:
        vault, now = self._vault, self._vault.clock.now()
        secret = self._writable(request, secret_id, State.ACTIVE)
        body = request.json()
        spec, number = body.get("secretContent"), body.get("currentVersionNumber")
        rules.check_update(secret, body, now)
        self._check_tags(body, vault.refuse_tags or (spec and vault.refuse_tags_with_content))
        ready = now + timedelta(seconds=vault.durations.updating)
        if spec:
            content = rules.decode_content(spec)
            rules.check_version(secret, spec, content, vault.version_limit, now)
            secret.add_version(now, ready, content, spec)
        if number:
            if self._there(secret, number).deletion:
                raise invalid(f"Version {number} is scheduled for deletion.")
            secret.promote(ready, number)
        secret.change(now, **{key: value for key, value in body.items() if key in _SETTABLE})
        secret.move(now, State.UPDATING, ready, State.ACTIVE)
        vault.touch(secret)
        return self._shown(secret)

    def _schedule(self, request: Request, secret_id: str) -> Answer:
        secret, now = self._writable(request, secret_id, State.ACTIVE), self._vault.clock.now()
        when = rules.check_deletion_time(request.json(), now)
        secret.schedule(now, when, self._vault.durations)
        return self._done(secret)

    def _cancel(self, request: Request, secret_id: str) -> Answer:
        vault, now = self._vault, self._vault.clock.now()
        secret = self._writable(request, secret_id, State.PENDING_DELETION)
        end = now + timedelta(seconds=vault.durations.cancelling)
        secret.move(now, State.CANCELLING_DELETION, end, State.ACTIVE)
        secret.change(now, timeOfDeletion=None)
        return self._done(secret)

    def _rehome(self, request: Request, secret_id: str) -> Answer:
        secret = self._writable(request, secret_id, State.ACTIVE)
        self._kms.identity.check(request.json()["compartmentId"])
        secret.change(self._vault.clock.now(), compartmentId=request.json()["compartmentId"])
        return self._done(secret)

    def _there(self, secret: Secret, number: int) -> Version:
        version = secret.versions.get(number)
        if version is None or not version.is_there(self._vault.clock.now()):
            raise absent(f"version {number} of secret {secret.id}")
        return version

    def _versions(self, request: Request, secret_id: str) -> Answer:
        secret, now = self._vault.found(secret_id), self._vault.clock.now()
        rows = [secret.version_wire(version, now) for version in secret.there(now)]
        if request.query.get("sortOrder", "DESC").upper() == "DESC":
            rows.reverse()
        shown, headers = page(rows, request)
        return Answer(200, shown, headers)

    def _version(self, _request: Request, secret_id: str, number: int) -> Answer:
        secret = self._vault.found(secret_id)
        body = secret.version_wire(self._there(secret, number), self._vault.clock.now())
        return Answer(200, body, {"etag": secret.etag})

    def _schedule_version(self, request: Request, secret_id: str, number: int) -> Answer:
        secret, now = self._writable(request, secret_id, State.ACTIVE), self._vault.clock.now()
        version = self._there(secret, number)
        rules.check_version_deletion(secret, version, now)
        version.deletion = rules.check_deletion_time(request.json(), now)
        return self._done(secret)

    def _cancel_version(self, request: Request, secret_id: str, number: int) -> Answer:
        secret = self._writable(request, secret_id, State.ACTIVE)
        self._there(secret, number).deletion = None
        return self._done(secret)
