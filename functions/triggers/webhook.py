"""The webhook of the secret manager: a signed message that says which folder changed."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import SecretStr

from functions.errors import InvalidInput, Rejected
from functions.plan.models import Folder
from functions.triggers.call import Call, Ignored, json_object

MAX_WEBHOOK_BYTES = 1_000_000
MAX_AGE_SECONDS = 300
MAX_STAMP_DIGITS = 16
SIGNATURE_HEADERS = ("x-infisical-signature", "x-kms-signature")
WEBHOOK_PATH = "/webhooks/infisical"


@dataclass(frozen=True, slots=True)
class Webhook:
    """The source says that a folder changed; `is_test` asks only for an answer."""

    folder: Folder
    is_test: bool


WebhookSecrets = Callable[[bool], tuple[SecretStr, ...]]
"""Returns the secrets; with True it may fetch them again, as one may have been rotated."""


def parse_webhook(call: Call, secrets: WebhookSecrets, now: datetime) -> Webhook | Ignored:
    """Authenticate a webhook and say what it is about. Raises InvalidInput, Rejected."""
    if len(call.body) > MAX_WEBHOOK_BYTES:
        raise InvalidInput(f"A webhook's body has at most {MAX_WEBHOOK_BYTES} bytes.")
    header = next((call.headers[h] for h in SIGNATURE_HEADERS if h in call.headers), "")
    stamp, _, signature = header.removeprefix("t=").partition(";")
    is_stamp = stamp.isascii() and stamp.isdigit() and len(stamp) <= MAX_STAMP_DIGITS
    if not (header.startswith("t=") and signature and is_stamp):
        raise Rejected(401, "The webhook is not signed; give it a secret key in the source.")
    if not any(_is_signed(call.body, signature, secrets(again)) for again in (False, True)):
        raise Rejected(401, "The webhook's signature does not fit any of webhookSecrets.")
    body = json_object(call.body)
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
