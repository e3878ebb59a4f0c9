"""Where configs and state lie: a new store is one file here, and one branch of `connect`."""

from collections.abc import Callable

from functions.calls.deadline import Gate
from functions.calls.retry import Retrying
from functions.cloud.clients import Clients
from functions.ports import ConfigStore
from functions.stores.bucket_url import parse_bucket_url

OpenStore = Callable[[Gate], ConfigStore]
"""Opens the store for one invocation."""


def connect(url: str, clients: Clients) -> OpenStore:
    """Return how to open the store of this URL. Raises InvalidSettings."""
    place = parse_bucket_url(url)
    if url.startswith("oci://"):
        from functions.stores.oci import OciStore  # noqa: PLC0415 - only one of the two is needed

        return lambda gate: OciStore(place, clients.open(gate))
    from functions.stores.s3 import S3, S3Store, s3_client  # noqa: PLC0415 - boto3 is slow

    s3 = S3(s3_client(), clients.random)
    return lambda gate: S3Store(place, s3, Retrying(gate, clients.random))
