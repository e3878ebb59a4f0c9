"""OCI Object Storage, native API: objects with conditional writes, strongly consistent lists."""

import base64
import hashlib
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from itertools import count
from uuid import UUID

from functions.ports import Clock
from infra.local.http import (
    Answer,
    Failure,
    Handler,
    Json,
    Request,
    Route,
    invalid,
    whole,
    wire_time,
)

MAX_LIST_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Object:
    """A stored object."""

    body: bytes
    etag: str
    modified: datetime
    md5: str
    content_type: str

    def headers(self) -> dict[str, str]:
        """Return the headers of a GET or HEAD."""
        return {
            "etag": self.etag,
            "content-md5": self.md5,
            "content-type": self.content_type,
            "last-modified": format_datetime(self.modified, usegmt=True),
        }


def hidden(namespace: str, bucket: str) -> Failure:
    """Return the error for a bucket that does not exist or may not be seen."""
    return Failure(
        404,
        "BucketNotFound",
        f"Either the bucket named '{bucket}' does not exist in the namespace '{namespace}' "
        "or you are not authorized to access it",
    )


class Objects:
    """The buckets of one namespace; `on_write(bucket, name)` is told of each object written."""

    def __init__(self, clock: Clock, namespace: str) -> None:
        self.namespace = namespace
        self.on_write: Callable[[str, str], None] | None = None
        self._clock = clock
        self._lock = threading.RLock()
        self._buckets: dict[str, dict[str, Object]] = {}
        self._numbers = count(1)

    def add_bucket(self, name: str) -> None:
        """Create an empty bucket."""
        self._buckets[name] = {}

    def put(self, bucket: str, name: str, body: bytes, content_type: str = "text/plain") -> str:
        """Write an object by hand, as somebody else would; return its ETag."""
        digest = hashlib.md5(body, usedforsecurity=False).digest()
        md5 = base64.b64encode(digest).decode()
        with self._lock:
            etag = str(UUID(int=next(self._numbers), version=4))
            made = Object(body, etag, self._clock.now(), md5, content_type)
            self._buckets[bucket][name] = made
        return etag

    def get(self, bucket: str, name: str) -> bytes | None:
        """Return an object's content, None where there is none."""
        stored = self._buckets[bucket].get(name)
        return stored.body if stored else None

    def names(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the names of a bucket's objects, sorted."""
        with self._lock:
            return sorted(name for name in self._buckets[bucket] if name.startswith(prefix))

    def remove(self, bucket: str, name: str) -> None:
        """Delete an object by hand."""
        with self._lock:
            del self._buckets[bucket][name]

    def routes(self) -> list[Route]:
        """Return the operations."""
        of_bucket = "/n/<namespace>/b/<bucket>"
        one = f"{of_bucket}/o/<path:name>"
        rows: list[tuple[str, str, str, str, Handler]] = [
            ("GetNamespace", "GET", "/n/", "compartmentId", self._get_namespace),
            ("GetNamespace", "GET", "/n", "compartmentId", self._get_namespace),
            ("GetBucket", "GET", of_bucket, "bucket", self._get_bucket),
            ("ListObjects", "GET", f"{of_bucket}/o", "prefix", self._list),
            ("HeadObject", "HEAD", one, "name", self._get),
            ("GetObject", "GET", one, "name", self._get),
            ("PutObject", "PUT", one, "name", self._put),
            ("DeleteObject", "DELETE", one, "name", self._delete),
        ]
        return [
            Route(name, "objects", method, rule, key, handler)
            for name, method, rule, key, handler in rows
        ]

    def _bucket(self, namespace: str, bucket: str) -> dict[str, Object]:
        if namespace != self.namespace or bucket not in self._buckets:
            raise hidden(namespace, bucket)
        return self._buckets[bucket]

    def _get_namespace(self, _request: Request) -> Answer:
        return Answer(200, self.namespace)

    def _get_bucket(self, _request: Request, namespace: str, bucket: str) -> Answer:
        self._bucket(namespace, bucket)
        return Answer(200, {"namespace": namespace, "name": bucket})

    def _list(self, request: Request, namespace: str, bucket: str) -> Answer:
        query = request.query
        objects = self._bucket(namespace, bucket)
        size = min(whole(query, "limit", MAX_LIST_ROWS), request.most_rows)
        with self._lock:
            found = self.names(bucket, query.get("prefix", ""))
            begin = bisect_left(found, query.get("start", ""))
            names = found[max(begin, bisect_right(found, query.get("startAfter", ""))) :]
            fields = {"name", *query.get("fields", "").split(",")}
            rows = [_row(name, objects[name], fields) for name in names[:size]]
        following = {"nextStartWith": names[size]} if len(names) > size else {}
        return Answer(200, {"objects": rows, "prefixes": [], **following})

    def _found(self, namespace: str, bucket: str, name: str) -> Object:
        stored = self._bucket(namespace, bucket).get(name)
        if stored is None:
            raise Failure(
                404,
                "ObjectNotFound",
                f"The object '{name}' was not found in the bucket '{bucket}'",
            )
        return stored

    def _get(self, request: Request, namespace: str, bucket: str, name: str) -> Answer:
        stored = self._found(namespace, bucket, name)
        if request.headers.get("if-none-match") in (stored.etag, "*"):
            return Answer(304, None, {"etag": stored.etag})
        _check_match(request, stored)
        return Answer(200, stored.body, stored.headers())

    def _put(self, request: Request, namespace: str, bucket: str, name: str) -> Answer:
        objects = self._bucket(namespace, bucket)
        create_only = request.headers.get("if-none-match")
        if create_only not in (None, "*"):
            raise invalid("if-none-match of a PUT must be *.")
        with self._lock:
            if create_only and name in objects:
                raise Failure(
                    412, "IfNoneMatchFailed", "The If-None-Match header is '*' but an object exists"
                )
            _check_match(request, objects.get(name))
            content_type = request.headers.get("content-type", "application/octet-stream")
            etag = self.put(bucket, name, request.body, content_type)
            md5 = objects[name].md5
        if self.on_write:
            self.on_write(bucket, name)
        return Answer(200, None, {"etag": etag, "opc-content-md5": md5})

    def _delete(self, request: Request, namespace: str, bucket: str, name: str) -> Answer:
        with self._lock:
            _check_match(request, self._found(namespace, bucket, name))
            self.remove(bucket, name)
        return Answer(204)


def _check_match(request: Request, stored: Object | None) -> None:
    wanted = request.headers.get("if-match")
    if wanted not in (None, stored.etag if stored else None) and not (wanted == "*" and stored):
        raise Failure(412, "IfMatchFailed", "The If-Match header does not match the object's ETag")


def _row(name: str, stored: Object, fields: set[str]) -> Json:
    row = {
        "name": name,
        "etag": stored.etag,
        "size": len(stored.body),
        "md5": stored.md5,
        "timeCreated": wire_time(stored.modified),
        "timeModified": wire_time(stored.modified),
        "storageTier": "Standard",
    }
    return {key: value for key, value in row.items() if key in fields}
