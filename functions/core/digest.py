"""Equality without reading: a keyed digest of a value, kept in the tags of a vault secret."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import SecretBytes

OWNER_TAG = "oci-vault-sync"
DIGEST_TAG = "oci-vault-sync-digest"
CONNECTION_OWNER = "connection"
"""As owner: the secret is the private key of an OCI connection."""


@dataclass(frozen=True, slots=True)
class Digests:
    """Makes digests `<key id>:<HMAC-SHA256 hex>`; without the key they tell nothing of a value."""

    key: SecretBytes

    def of(self, vault_ocid: str, name: str, value: SecretBytes) -> str:
        """Return the digest of a value under a name in a vault."""
        message = b"\0".join((vault_ocid.encode(), name.encode(), value.get_secret_value()))
        return f"{self._key_id()}:{self._hmac(message)}"

    def seal(self, tagged: Iterable[tuple[str, str]]) -> str:
        """Return one digest of many (name, digest) pairs: what a fresh listing must look like."""
        return self._hmac(repr(sorted(tagged)).encode())

    def _key_id(self) -> str:
        return self._hmac(b"oci-vault-sync key id")[:8]

    def _hmac(self, message: bytes) -> str:
        return hmac.new(self.key.get_secret_value(), message, hashlib.sha256).hexdigest()
