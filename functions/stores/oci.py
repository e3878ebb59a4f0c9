"""The config store in OCI Object Storage, by its native API."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, TypeVar

from oci.object_storage import ObjectStorageClient

from functions.calls.deadline import Gate
from functions.calls.retry import Retrying
from functions.cloud.clients import Clients
from functions.cloud.errors import BucketHidden, ObjectMissing
from functions.errors import Conflict, InvalidSettings, NotFound
from functions.ports import ABSENT, CHUNK_BYTES, Entry, Stored

T = TypeVar("T")


class OciStore:
    """A bucket and prefix, `oci://BUCKET@NAMESPACE/PREFIX`; lives as long as the container."""

    def __init__(self, url: str, clients: Clients, random: Callable[[], float]) -> None:
        match = re.fullmatch(r"oci://([A-Za-z0-9_.-]+)@([A-Za-z0-9_.-]+)(/.*)?", url)
        if match is None:
            raise InvalidSettings("CONFIG_STORE: must look like oci://BUCKET@NAMESPACE/PREFIX")
        self.bucket, self.namespace, path = match.groups(default="")
        self.prefix = path.strip("/") + "/" if path.strip("/") else ""
        self.url = f"oci://{self.bucket}@{self.namespace}/{self.prefix}".removesuffix("/")
        self._clients = clients
        self._random = random

    def open(self, gate: Gate) -> "OpenOciStore":
        """Return the store for one invocation."""
        return OpenOciStore(self, self._clients, Retrying(gate, self._random))


class OpenOciStore:
    """The store of one invocation, as `ConfigStore` describes it."""

    def __init__(self, store: OciStore, clients: Clients, retrying: Retrying) -> None:
        self.url = store.url
        self._store = store
        self._clients = clients
        self._retrying = retrying
        self._bucket = (store.namespace, store.bucket)

    def list(self, prefix: str) -> Sequence[Entry]:
        """Return all objects whose name begins with `prefix`, sorted by name."""
        own = self._store.prefix
        entries = [
            Entry(row.name.removeprefix(own), row.etag, row.time_modified)
            for row in self._rows(own + prefix)
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def get(self, name: str) -> Stored | None:
        """Return the object, or None where there is none."""

        def use(client: Any) -> Stored:
            response = client.get_object(*self._bucket, self._store.prefix + name)
            with closing(response.data):
                return Stored.of(response.data.iter_content(CHUNK_BYTES), response.headers["etag"])

        try:
            return self._call(name, use)
        except ObjectMissing:
            return None

    def put(self, name: str, body: bytes, *, if_match: str | None = None) -> str:
        """Write and return the new ETag. `if_match`: an ETag, ABSENT, or None to overwrite.

        Raises Conflict where the object is not as expected. After a lost answer this may be one's
        own write: read back and look for one's own mark.
        """
        expected = {"if_none_match": "*"} if if_match == ABSENT else {"if_match": if_match}

        def use(client: Any) -> str:
            path = (*self._bucket, self._store.prefix + name)
            return str(client.put_object(*path, body, **expected).headers["etag"])

        try:
            return self._call(name, use)
        except ObjectMissing:
            raise Conflict(f"object {name}: it was expected to be there") from None

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        """Delete; an absent object is no error. Raises Conflict."""
        path = (*self._bucket, self._store.prefix + name)
        with suppress(ObjectMissing):
            self._call(name, lambda client: client.delete_object(*path, if_match=if_match))

    def _rows(self, prefix: str) -> Iterator[Any]:
        start: str | None = None
        while True:
            found = self._page(prefix, start)
            yield from found.objects
            start = found.next_start_with
            if start is None:
                return

    def _page(self, prefix: str, start: str | None) -> Any:
        def use(client: Any) -> Any:
            fields = "name,etag,timeModified"
            return client.list_objects(*self._bucket, prefix=prefix, start=start, fields=fields)

        return self._call(f"{prefix}*", use).data

    def _call(self, name: str, use: Callable[[Any], T]) -> T:
        what = f"object {name} of bucket {self._store.bucket}"
        try:
            return self._retrying.call(
                lambda: self._clients.call(ObjectStorageClient, use, what=what),
                self._clients.pace("objects"),
            )
        except BucketHidden as error:
            raise NotFound(str(error)) from None
