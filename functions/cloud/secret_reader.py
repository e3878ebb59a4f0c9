"""Where the credentials JSON and the certificates come from: a vault secret or a file."""

import base64
import binascii
from logging import getLogger
from pathlib import Path

from oci.secrets import SecretsClient

from functions.cloud.clients import OciCalls, vault_endpoint
from functions.cloud.permissions import see_statements
from functions.errors import Forbidden, InvalidSettings, NotFound, Refused, Temporary

log = getLogger(__name__)


def from_file(path: str, name: str) -> bytes:
    """Return the content of the file that a setting names. Raises InvalidSettings."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidSettings(f"{name}: not readable ({type(error).__name__})") from None


def from_secret(calls: OciCalls, secret_ocid: str, name: str) -> bytes:
    """Return the content of the secret that a setting names. Raises InvalidSettings, Temporary.

    Whoever calls the function may see why, so OCI's words, with ids in them, are for the log only.
    """
    try:
        return read_secret(calls, secret_ocid, name)
    except Refused as error:
        log.error("%s", error)  # noqa: TRY400 - it says it all
        is_permission = isinstance(error, NotFound | Forbidden)
        hint = see_statements("get_secret_bundle") if is_permission else ""
        raise InvalidSettings(
            f"{name}: absent, or this function may not read it ({type(error).__name__}){hint}"
        ) from None
    except Temporary as error:
        log.warning("%s", error)
        raise Temporary(f"{name}: it cannot be read just now", error.retry_after_seconds) from None


def read_secret(calls: OciCalls, secret_ocid: str, what: str) -> bytes:
    """Return the content of a vault secret. Raises InvalidSettings, Refused, Temporary."""
    bundle = calls.call(
        SecretsClient,
        lambda client: client.get_secret_bundle(secret_ocid),
        what=what,
        endpoint=vault_endpoint(secret_ocid, "secrets.vaults"),
    )
    try:
        return base64.b64decode(bundle.data.secret_bundle_content.content)
    except (binascii.Error, AttributeError):
        raise InvalidSettings(f"{what}: the secret has no content") from None
