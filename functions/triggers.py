"""Bytes → one typed trigger, authenticated. Nothing is read from outside before that."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from pydantic import SecretStr, StringConstraints, ValidationError

from functions.core.config import Camel, describe
from functions.core.errors import InvalidInput, Rejected
from functions.core.job import Args
from functions.core.models import Folder

MAX_WEBHOOK_BYTES = 1_000_000
MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_AGE_SECONDS = 300
SIGNATURE_HEADERS = ("x-infisical-signature", "x-kms-signature")
WEBHOOK_PATH = "/webhooks/infisical"
API_ROOT = "/api/v1/"
TICKING = frozenset({"OK_TO_FIRING", "REPEAT"})
ALARM_TYPES = TICKING | {"FIRING_TO_OK", "RESET"}


@dataclass(frozen=True, slots=True)
class Call:
    """What reached the function. Without HTTP intent `method` is None."""

    body: bytes
    method: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Webhook:
    """The source says that a folder changed; `is_test` asks only for an answer."""

    folder: Folder
    is_test: bool


@dataclass(frozen=True, slots=True)
class ResourceEvent:
    """OCI says that something happened to one of its resources."""

    type: str
    resource_name: str
    compartment_id: str
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message that asks for nothing."""

    why: str


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A call of the management API; `path` begins behind the gateway's prefix. Not authenticated yet."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Command(Camel):
    """A direct invocation, which IAM has authenticated."""

    command: Literal["sync", "plan", "import", "remove", "tick", "drain"]
    sync: Annotated[str, StringConstraints(min_length=1)] | None = None
    force: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")] | None = None
    import_behavior: Literal["prioritize-source", "prioritize-destination"] = "prioritize-source"

    @property
    def args(self) -> Args:
        """Return what the job of this command carries."""
        behavior = self.import_behavior if self.command == "import" else None
        return Args(force=self.force, import_behavior=behavior)


Trigger = Webhook | ResourceEvent | Tick | Ignored | ApiRequest | Command
WebhookSecrets = Callable[[bool], tuple[SecretStr, ...]]
"""Returns the secrets; with True it may fetch them anew, as one may have been rotated."""


def parse(call: Call, secrets: WebhookSecrets, now: datetime) -> Trigger:
    """Return the trigger. Raises InvalidInput, Rejected."""
    if len(call.body) > MAX_BODY_BYTES:
        raise InvalidInput(f"The body is larger than {MAX_BODY_BYTES} bytes.")
    if call.method is None:
        return _parse_event(call.body)
    path, _, query_text = call.url.partition("?")
    path = path.rstrip("/") or "/"
    if API_ROOT in path or path.endswith("/healthz"):
        start = path.rfind(API_ROOT) if API_ROOT in path else path.rfind("/healthz")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        return ApiRequest(call.method, path[start:], query, call.headers, call.body)
    if path.endswith(WEBHOOK_PATH):
        if call.method != "POST":
            raise InvalidInput("A webhook is delivered by POST.")
        return _parse_webhook(call, secrets, now)
    raise Rejected(404, f"There is nothing at this path; webhooks go to …{WEBHOOK_PATH}.")


def _parse_webhook(call: Call, secrets: WebhookSecrets, now: datetime) -> Trigger:
    if len(call.body) > MAX_WEBHOOK_BYTES:
        raise InvalidInput(f"A webhook's body has at most {MAX_WEBHOOK_BYTES} bytes.")
    header = next((call.headers[h] for h in SIGNATURE_HEADERS if h in call.headers), "")
    stamp, _, signature = header.removeprefix("t=").partition(";")
    if not (header.startswith("t=") and signature and stamp.isascii() and stamp.isdigit()):
        raise Rejected(401, "The webhook is not signed; give it a secret key in the source.")
    if not any(_is_signed(call.body, signature, secrets(again)) for again in (False, True)):
        raise Rejected(401, "The webhook's signature does not fit any of webhookSecrets.")
    body = _json_object(call.body)
    if body.get("timestamp") != int(stamp):
        raise Rejected(401, "The webhook's timestamp is not the signed one.")
    if abs(now.timestamp() - int(stamp) / 1000) > MAX_AGE_SECONDS:
        raise Rejected(401, f"The webhook is more than {MAX_AGE_SECONDS} seconds old or ahead.")
    event = body.get("event")
    if event not in ("secrets.modified", "test"):
        return Ignored("only secrets.modified asks for a sync")
    project = body.get("project")
    project = project if isinstance(project, dict) else {}
    where = [project.get("workspaceId") or project.get("projectId")]
    where += [project.get("environment"), project.get("secretPath")]
    if not all(isinstance(part, str) and part for part in where):
        raise InvalidInput("The webhook names no project, environment and secretPath.")
    path = "/" + str(where[2]).strip("/")
    return Webhook(Folder(str(where[0]), str(where[1]), path), is_test=event == "test")


def _is_signed(body: bytes, signature: str, secrets: tuple[SecretStr, ...]) -> bool:
    expected = [
        hmac.new(secret.get_secret_value().strip().encode(), body, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    given = signature.encode(errors="replace")
    return any(hmac.compare_digest(text.encode(), given) for text in expected)


def _parse_event(body: bytes) -> Trigger:
    """Tell alarm messages, OCI events, scheduler bodies and commands apart."""
    if not body.strip():
        return Tick()
    data = _json_object(body)
    fields = {name.lower(): value for name, value in data.items()}
    if "command" in data:
        try:
            command = Command.model_validate(data)
        except ValidationError as error:
            raise InvalidInput(f"The command is wrong. {describe(error)}") from None
        return Tick() if command.command == "tick" else command
    if "eventtype" in fields:
        return _parse_resource_event(fields)
    kind = str(fields.get("type"))
    if kind in ALARM_TYPES:
        return Tick() if kind in TICKING else Ignored("the alarm stopped firing")
    raise InvalidInput(
        "This is neither a command, an OCI event nor an alarm message. "
        'A command looks like {"command": "sync", "sync": "<name or id>"}.'
    )


def _parse_resource_event(fields: Mapping[str, Any]) -> ResourceEvent:
    data = fields.get("data")
    data = data if isinstance(data, dict) else {}
    details = data.get("additionalDetails")
    return ResourceEvent(
        type=str(fields["eventtype"]).lower(),
        resource_name=str(data.get("resourceName") or ""),
        compartment_id=str(data.get("compartmentId") or ""),
        details={k: str(v) for k, v in details.items()} if isinstance(details, dict) else {},
    )


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("The body is not JSON in UTF-8.") from None
    if not isinstance(data, dict):
        raise InvalidInput("The body is not a JSON object.")
    return data
