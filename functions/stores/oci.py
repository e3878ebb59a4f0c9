"""The config store in OCI Object Storage, by its native API."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from typing import Any, TypeVar

from oci.object_storage import ObjectStorageClient

from functions.cloud.clients import OciCalls
from functions.cloud.errors import BucketHidden, ObjectMissing
from functions.errors import Conflict, NotFound
from functions.ports import ABSENT, CHUNK_BYTES, MAX_OBJECT_BYTES, Entry, Stored
from functions.stores.bucket_url import BucketUrl

T = TypeVar("T")


class OciStore:
    """A bucket and prefix of OCI Object Storage."""

    def __init__(self, place: BucketUrl, calls: OciCalls) -> None:
        self.url = place.text
        self._place = place
        self._calls = calls
        self._bucket = (place.namespace, place.bucket)

    def list(self, prefix: str) -> Sequence[Entry]:
        own = self._place.prefix
        entries = [
            Entry(row.name.removeprefix(own), row.etag, row.time_modified, row.size)
            for row in self._rows(own + prefix)
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def get(self, name: str, *, max_bytes: int = MAX_OBJECT_BYTES) -> Stored | None:

        def use(client: Any) -> Stored:
            response = client.get_object(*self._bucket, self._place.prefix + name)
            with closing(response.data):
                chunks = response.data.iter_content(CHUNK_BYTES)
                return Stored.of(chunks, response.headers["etag"], max_bytes)

        try:
            return self._call(name, use)
        except ObjectMissing:
            return None

    def put(self, name: str, body: bytes, *, if_match: str | None = None) -> str:
        expected = {"if_none_match": "*"} if if_match == ABSENT else {"if_match": if_match}

        def use(client: Any) -> str:
            path = (*self._bucket, self._place.prefix + name)
            return str(client.put_object(*path, body, **expected).headers["etag"])

        try:
            return self._call(name, use)
        except ObjectMissing:
            raise Conflict(f"object {name}: it was expected to be there") from None

    def delete(self, name: str, *, if_match: str | None = None) -> None:
        path = (*self._bucket, self._place.prefix + name)
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
            fields = "name,etag,timeModified,size"
            return client.list_objects(*self._bucket, prefix=prefix, start=start, fields=fields)

        return self._call(f"{prefix}*", use).data

    def _call(self, name: str, use: Callable[[Any], T]) -> T:
        what = f"object {name} of bucket {self._place.bucket}"
        try:
            return self._calls.call(ObjectStorageClient, use, what=what, family="objects")
        except BucketHidden as error:
            raise NotFound(str(error)) from None
