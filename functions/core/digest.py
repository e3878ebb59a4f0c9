"""Equality without reading: a keyed digest of a value, kept in the tags of a vault secret."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import SecretBytes

OWNER_TAG = "oci-vault-sync"
DIGEST_TAG = "oci-vault-sync-digest"
CONNECTION_OWNER = "connection"
"""As owner: the secret is the private key of an OCI connection."""


@dataclass(frozen=True)
class Digests:
    """Makes digests `<key id>:<HMAC-SHA256 hex>`; without the key they tell nothing of a value."""

    key: SecretBytes
    _made: dict[tuple[str, str, SecretBytes], str] = field(default_factory=dict, repr=False)
    """What was made before: a run asks for the digest of each of its values several times."""

    def of(self, vault_ocid: str, name: str, value: SecretBytes) -> str:
        """Return the digest of a value under a name in a vault."""
        known = self._made.get((vault_ocid, name, value))
        if known is None:
            parts = (vault_ocid.encode(), name.encode(), value.get_secret_value())
            made = self._hmac(b"\0".join(parts))
            known = f"{self._key_id}:{made}"
            self._made[vault_ocid, name, value] = known
        return known

    def seal(self, tagged: Iterable[tuple[str, str]]) -> str:
        """Return one digest of many (name, digest) pairs: what a fresh listing must look like."""
        return self._hmac(repr(sorted(tagged)).encode())

    @cached_property
    def _key_id(self) -> str:
        return self._hmac(b"oci-vault-sync key id")[:8]

    def _hmac(self, message: bytes) -> str:
        return hmac.new(self.key.get_secret_value(), message, hashlib.sha256).hexdigest()
