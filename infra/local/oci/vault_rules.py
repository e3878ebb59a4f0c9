"""What OCI Vault refuses, and how it says so."""

import base64
import binascii
import re
from datetime import datetime, timedelta

from functions.plan.models import State
from infra.local.http import Failure, Json, invalid, parse_time
from infra.local.oci.secret import Secret, Version

MAX_CONTENT_BYTES = 25_000
MAX_TAGS = 10
MAX_TAG_KEY_CHARACTERS = 100
MAX_TAG_VALUE_CHARACTERS = 256
MAX_PENDING_VERSIONS = 30
SOONEST_DELETION = timedelta(hours=24)
LATEST_DELETION = timedelta(days=30)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")


def check_name(name: object) -> None:
    """Refuse a secret name with other characters than OCI allows."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(
            "secretName may hold only letters, digits, hyphens, underscores and periods, "
            "255 at most."
        )


def check_tags(tags: object) -> None:
    """Refuse free-form tags beyond the limits of OCI."""
    if not isinstance(tags, dict) or len(tags) > MAX_TAGS:
        raise invalid(f"freeformTags must be a map of at most {MAX_TAGS} tags.")
    for key, value in tags.items():
        if not 0 < len(key) <= MAX_TAG_KEY_CHARACTERS or len(value) > MAX_TAG_VALUE_CHARACTERS:
            raise invalid(f"The free-form tag {key[:MAX_TAG_KEY_CHARACTERS]} is too long.")


def decode_content(spec: Json) -> bytes:
    """Return the bytes of a `secretContent`."""
    if spec.get("contentType") != "BASE64":
        raise invalid("secretContent.contentType must be BASE64.")
    try:
        content = base64.b64decode(spec.get("content") or "", validate=True)
    except (binascii.Error, ValueError):
        raise invalid("secretContent.content is not valid base64.") from None
    if not content:
        raise invalid("secretContent.content must not be empty.")
    if len(content) > MAX_CONTENT_BYTES:
        raise invalid(f"secretContent.content must be at most {MAX_CONTENT_BYTES} bytes.")
    return content


def check_deletion_time(body: Json, now: datetime) -> datetime:
    """Return the time of a scheduled deletion: 24 hours to 30 days ahead, 30 days by default."""
    text = body.get("timeOfDeletion")
    when = parse_time(text) if text else now + LATEST_DELETION
    if not SOONEST_DELETION <= when - now <= LATEST_DELETION:
        raise invalid("timeOfDeletion must be between 1 and 30 days from now.")
    return when


def check_state(secret: Secret, now: datetime, *allowed: State) -> None:
    """Refuse a call that the lifecycle state forbids."""
    state = secret.state(now)
    if state not in allowed:
        raise Failure(
            409, "IncorrectState", f"The secret {secret.id} is in state {state}, not {allowed[0]}."
        )


def check_etag(secret: Secret, if_match: str | None) -> None:
    """Refuse a call that was made for another revision."""
    if if_match not in (None, secret.etag):
        raise Failure(412, "NoEtagMatch", "The if-match header does not match the current etag.")


def check_update(secret: Secret, body: Json, now: datetime) -> None:
    """Refuse combinations of fields, and writes to secrets that others keep."""
    if sum(key in body for key in ("secretContent", "currentVersionNumber", "secretRules")) > 1:
        raise invalid(
            "secretContent, currentVersionNumber and secretRules cannot be updated together."
        )
    if "secretContent" in body and "replicationConfig" in body:
        raise invalid("secretContent and replicationConfig cannot be updated together.")
    facts = secret.fact(now)
    if facts.get("isReplica"):
        raise invalid("A replica cannot be updated; update its source.")
    if "secretContent" in body and facts.get("isAutoGenerationEnabled"):
        raise invalid("The content of an auto-generated secret cannot be supplied.")


def check_version(secret: Secret, spec: Json, content: bytes, limit: int, now: datetime) -> None:
    """Refuse a new version: too many, its name used before, or its content forbidden by a rule."""
    if sum(version.deletion is None for version in secret.there(now)) >= limit:
        raise Failure(
            400, "LimitExceeded", f"The secret has reached its limit of {limit} active versions."
        )
    if spec.get("name") and any(v.name == spec["name"] for v in secret.versions.values()):
        raise invalid("A secret version with this name already exists.")
    for rule in secret.fact(now).get("secretRules") or []:
        if rule.get("ruleType") != "SECRET_REUSE_RULE":
            continue
        deleted_too = rule.get("isEnforcedOnDeletedSecretVersions")
        former = secret.versions.values() if deleted_too else secret.there(now)
        if any(version.content == content for version in former):
            raise invalid("The secret reuse rule forbids content that an earlier version had.")


def check_version_deletion(secret: Secret, version: Version, now: datetime) -> None:
    """Refuse to schedule the deletion of a version that is in use, or of too many."""
    if secret.stages(version, now) != ["DEPRECATED"] or version.deletion:
        raise Failure(409, "IncorrectState", "Only a DEPRECATED version can be deleted.")
    if sum(v.deletion is not None for v in secret.there(now)) >= MAX_PENDING_VERSIONS:
        raise Failure(400, "LimitExceeded", "Too many versions are pending deletion.")
