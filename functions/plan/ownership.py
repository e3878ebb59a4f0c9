"""Equality without reading: a keyed digest of a value, kept in the tags of a vault secret."""

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import SecretBytes

OWNER_TAG = "oci-vault-sync"
DIGEST_TAG = "oci-vault-sync-digest"
CONNECTION_OWNER = "connection"
"""As owner: the secret is the private key of an OCI connection."""
MOST_REMEMBERED = 20_000


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
            known = f"{self.key_id}:{made}"
            if len(self._made) >= MOST_REMEMBERED:  # a worker sees the values of many syncs
                self._made.clear()
            self._made[vault_ocid, name, value] = known
        return known

    def knows(self, digest: str | None) -> bool:
        """Say whether a digest was made with this key: then it tells equal from different."""
        return digest is not None and digest.startswith(f"{self.key_id}:")

    def sign(self, message: str) -> str:
        """Return the seal of a queue message.

        It has a key of its own, made of what is no value's digest: no tag of a secret can pass for it.
        """
        return hmac.new(self._message_key, message.encode(), hashlib.sha256).hexdigest()

    def is_signed(self, message: str, seal: object) -> bool:
        """Say whether this is the seal of the message."""
        given = str(seal).encode(errors="replace")
        return hmac.compare_digest(self.sign(message).encode(), given)

    @cached_property
    def key_id(self) -> str:
        """Which key this is."""
        return self._hmac(b"oci-vault-sync key id")[:8]

    @cached_property
    def _message_key(self) -> bytes:
        return self._hmac(b"oci-vault-sync queue messages").encode()

    def _hmac(self, message: bytes) -> str:
        return hmac.new(self.key.get_secret_value(), message, hashlib.sha256).hexdigest()
