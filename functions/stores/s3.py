"""The config store in any S3 that honours conditional writes, by boto3."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import boto3
from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError

from functions.calls.retry import Retrying
from functions.errors import (
    Conflict,
    Forbidden,
    InvalidSettings,
    NotFound,
    Refused,
    SyncError,
    Temporary,
    Throttled,
    Unauthorized,
)
from functions.log import TRACE
from functions.ports import ABSENT, CHUNK_BYTES, MAX_OBJECT_BYTES, Entry, Stored
from functions.stores.bucket_url import BucketUrl

T = TypeVar("T")
CONNECT_TIMEOUT_SECONDS = 3
READ_TIMEOUT_SECONDS = 7
WRONG_ETAG = '"00000000000000000000000000000000"'


class ObjectMissing(NotFound):
    """There is no such object."""


def s3_client() -> Any:
    """Return a client that boto3's own environment variables set up; threads may share it."""
    config = Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"total_max_attempts": 1},
        # OCI's S3 Compatibility API knows neither virtual hosts nor the newer checksums.
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    try:
        # boto3 itself knows only AWS_DEFAULT_REGION, and would sign for us-east-1.
        region = os.environ.get("AWS_REGION") or None
        client = boto3.Session(region_name=region).client("s3", config=config)
    except (boto.NoRegionError, ValueError) as error:
        raise InvalidSettings(
            f"CONFIG_STORE: boto3 is not set up ({type(error).__name__}); check "
            "AWS_ENDPOINT_URL_S3, AWS_REGION"
        ) from None
    client.meta.events.register("before-call.s3", lambda model, **_: TRACE.count(model.name))
    return client


@dataclass(slots=True)
class S3:
    """An S3 service, for the life of a container."""

    client: Any
    random: Callable[[], float]
    is_proven: bool = False
    """Whether it is known to refuse writes whose condition does not hold."""


class S3Store:
    """A bucket and prefix of an S3 service. ETags keep S3's quotes.

    The first one of a container proves that the service honours conditional writes. Raises
    InvalidSettings where it does not.
    """

    def __init__(self, place: BucketUrl, s3: S3, retrying: Retrying) -> None:
        self.url = place.text
        self._place = place
        self._s3 = s3
        self._retrying = retrying
        if not s3.is_proven:
            self._prove()
            s3.is_proven = True

    def list(self, prefix: str) -> Sequence[Entry]:
        own = self._place.prefix
        entries = [
            Entry(row["Key"].removeprefix(own), row["ETag"], row["LastModified"], row["Size"])
            for row in self._rows(own + prefix)
        ]
        return sorted(entries, key=lambda entry: entry.name)

    def get(self, name: str, *, max_bytes: int = MAX_OBJECT_BYTES) -> Stored | None:

        def use(client: Any, **where: str) -> Stored:
            answer = client.get_object(**where)
            with closing(answer["Body"]) as body:
                return Stored.of(body.iter_chunks(CHUNK_BYTES), answer["ETag"], max_bytes)

        try:
            return self._call(name, use)
        except ObjectMissing:
            return None

    def put(self, name: str, body: bytes, *, if_match: str | None = None) -> str:
        expected = {"IfNoneMatch": "*"} if if_match == ABSENT else _if_match(if_match)

        def use(client: Any, **where: str) -> str:
            return str(client.put_object(Body=body, **where, **expected)["ETag"])

        try:
            return self._call(name, use)
        except ObjectMissing:
            raise Conflict(f"object {name}: it was expected to be there") from None

    def delete(self, name: str, *, if_match: str | None = None) -> None:

        def use(client: Any, **where: str) -> None:
            client.delete_object(**where, **_if_match(if_match))

        with suppress(ObjectMissing):
            self._call(name, use)

    def _prove(self) -> None:
        name = f"probe-{self._s3.random():.16f}"
        self.put(name, b"")
        broken = [
            header
            for header, attempt in (
                ("If-None-Match on PUT", lambda: self.put(name, b"", if_match=ABSENT)),
                ("If-Match on PUT", lambda: self.put(name, b"", if_match=WRONG_ETAG)),
                ("If-Match on DELETE", lambda: self.delete(name, if_match=WRONG_ETAG)),
            )
            if not _conflicts(attempt)
        ]
        self.delete(name)
        if broken:
            raise InvalidSettings(
                f"CONFIG_STORE: this S3 service does not honour {', '.join(broken)}, so two runs "
                "could overwrite each other; use oci://BUCKET@NAMESPACE/PREFIX or another service"
            )

    def _rows(self, prefix: str) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:
            answer = self._page(prefix, more)
            yield from answer.get("Contents", [])
            if not answer.get("IsTruncated"):
                return
            more = {"ContinuationToken": answer["NextContinuationToken"]}

    def _page(self, prefix: str, more: dict[str, str]) -> Any:
        def use(client: Any, **where: str) -> Any:
            answer = client.list_objects_v2(Bucket=where["Bucket"], Prefix=prefix, **more)
            if "IsTruncated" not in answer:  # a page of HTML looks like an empty list
                raise KeyError
            return answer

        return self._call(f"{prefix}*", use)

    def _call(self, name: str, use: Callable[..., T]) -> T:
        what = f"object {name} of bucket {self._place.bucket}"

        def attempt() -> T:
            try:
                return use(
                    self._s3.client, Bucket=self._place.bucket, Key=self._place.prefix + name
                )
            except (boto.BotoCoreError, boto.ClientError) as error:
                raise _translate(error, what) from None
            except (KeyError, ResponseParserError):
                raise Temporary(f"{what}: S3's answer cannot be used") from None

        return self._retrying.call(attempt)


def _if_match(etag: str | None) -> dict[str, str]:
    return {} if etag is None else {"IfMatch": etag}


def _conflicts(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Conflict:
        return True
    except Refused:
        return False
    return False


_BY_CODE: dict[str, type[SyncError]] = {
    "NoSuchKey": ObjectMissing,
    "InvalidAccessKeyId": Unauthorized,
    "SignatureDoesNotMatch": Unauthorized,
    "RequestTimeTooSkewed": Unauthorized,
    "RequestTimeout": Temporary,
    "SlowDown": Throttled,
}
_BY_STATUS: dict[int, type[SyncError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Temporary,
    412: Conflict,
    429: Throttled,
    500: Temporary,
    502: Temporary,
    503: Temporary,
    504: Temporary,
}


def _translate(error: Exception, what: str) -> SyncError:
    if isinstance(error, boto.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return Refused(
            f"{what}: the certificate of the S3 service is not trusted; name its private CA by "
            "AWS_CA_BUNDLE"
        )
    if isinstance(error, (boto.HTTPClientError, boto.ConnectionError, boto.IncompleteReadError)):
        return Temporary(f"{what}: no answer from S3 ({type(error).__name__})")
    if not isinstance(error, boto.ClientError):
        return InvalidSettings(
            f"{what}: boto3 is not set up ({type(error).__name__}); check AWS_ENDPOINT_URL_S3, "
            "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION"
        )
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    kind = _BY_CODE.get(code) or _BY_STATUS.get(status, Refused)
    return kind(f"{what}: S3 answered {status} {code}")
