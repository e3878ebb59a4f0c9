"""Where configs and status are kept, as a person reaches it: Object Storage, or moto's S3."""

import logging
from collections.abc import Mapping
from typing import Protocol, Self

import boto3

from infra.local.oci.cloud import BUCKET, NAMESPACE, REGION
from infra.local.oci.objects import Objects

PREFIX = "oci-vault-sync"


class Bucket(Protocol):
    """Names are relative to the prefix. `env` points the function to the bucket."""

    env: Mapping[str, str]

    def put(self, name: str, body: bytes) -> None:
        """Write an object."""

    def get(self, name: str) -> bytes | None:
        """Return an object's content, None where there is none."""

    def __enter__(self) -> Self:
        """Open the bucket."""

    def __exit__(self, *_: object) -> None:
        """Close it."""


class OciBucket:
    """A bucket of the simulated Object Storage. What is put by hand sends no event."""

    env: Mapping[str, str] = {"CONFIG_STORE": f"oci://{BUCKET}@{NAMESPACE}/{PREFIX}"}

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, name: str, body: bytes) -> None:
        """Write an object."""
        self._objects.put(BUCKET, f"{PREFIX}/{name}", body, "application/json")

    def get(self, name: str) -> bytes | None:
        """Return an object's content, None where there is none."""
        return self._objects.get(BUCKET, f"{PREFIX}/{name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class S3Bucket:
    """A bucket of moto's S3 server on a free port."""

    env: Mapping[str, str]

    def __enter__(self) -> Self:
        from moto.server import ThreadedMotoServer  # noqa: PLC0415 - the demo does without moto

        logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would log each request
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, port = self._server.get_host_and_port()
        url = f"http://{host}:{port}"
        self.env = {
            "CONFIG_STORE": f"s3://{BUCKET}/{PREFIX}",
            "AWS_ENDPOINT_URL_S3": url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": REGION,
        }
        self._s3 = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",  # moto knows only AWS's names, and asks no further for this one
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )
        self._s3.create_bucket(Bucket=BUCKET)
        return self

    def __exit__(self, *_: object) -> None:
        self._s3.close()
        self._server.stop()

    def put(self, name: str, body: bytes) -> None:
        """Write an object."""
        self._s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}", Body=body)

    def get(self, name: str) -> bytes | None:
        """Return an object's content, None where there is none."""
        try:
            return self._s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}")["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
