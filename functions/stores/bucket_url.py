"""Where a config store lies: `oci://BUCKET@NAMESPACE/PREFIX` or `s3://BUCKET/PREFIX`."""

import re
from dataclasses import dataclass

from functions.errors import InvalidSettings

_NAME = "[A-Za-z0-9_.-]+"
_URL = re.compile(rf"(oci://({_NAME})@({_NAME})|s3://({_NAME}))(/.*)?")


@dataclass(frozen=True, slots=True)
class BucketUrl:
    """A bucket and the prefix of all names in it; `prefix` ends in a slash where there is one."""

    text: str
    bucket: str
    namespace: str
    prefix: str


def parse_bucket_url(url: str) -> BucketUrl:
    """Read CONFIG_STORE; slashes at the end make no difference. Raises InvalidSettings."""
    match = _URL.fullmatch(url)
    if match is None:
        raise InvalidSettings(
            "CONFIG_STORE: must look like oci://BUCKET@NAMESPACE/PREFIX or s3://BUCKET/PREFIX"
        )
    root, oci_bucket, namespace, s3_bucket, path = match.groups(default="")
    path = path.strip("/")
    return BucketUrl(
        text=f"{root}/{path}".removesuffix("/"),
        bucket=oci_bucket or s3_bucket,
        namespace=namespace,
        prefix=path and f"{path}/",
    )
