"""An object of the config store as it was read, and how large one may be."""

from collections.abc import Iterable
from dataclasses import dataclass

from functions.core.errors import InvalidInput

MAX_OBJECT_BYTES = 64 * 1024
CHUNK_BYTES = 4096
"""Small, as a chunk may be compressed: no more is unpacked at once than a container can bear."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of the config store. One that is too large is not read: its body is empty."""

    body: bytes
    etag: str
    is_too_large: bool = False

    @classmethod
    def of(cls, chunks: Iterable[bytes], etag: str) -> "Stored":
        """Take an object in, no further than MAX_OBJECT_BYTES."""
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > MAX_OBJECT_BYTES:
                return cls(b"", etag, is_too_large=True)
        return cls(bytes(body), etag)

    def whole(self, name: str) -> bytes:
        """Return the content. Raises InvalidInput where the object is too large."""
        if self.is_too_large:
            raise InvalidInput(f"{name}: is larger than {MAX_OBJECT_BYTES} bytes")
        return self.body
