"""Checks OCI request signatures (the HTTP Signatures draft, version 1) as the services do."""

import base64
import hashlib
import re
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from infra.local.http import Failure, Request

_FIELD = re.compile(r'(\w+)="([^"]*)"')
_ALWAYS = {"date", "(request-target)", "host"}
_BODY = {"content-length", "content-type", "x-content-sha256"}


def fingerprint(key: RSAPublicKey) -> str:
    """Return the fingerprint by which OCI names an API key."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.md5(der, usedforsecurity=False).digest().hex(":")


def is_resource_principal(request: Request) -> bool:
    """Say whether a request is signed by a resource principal, whose key id is a token."""
    return 'keyId="ST$' in request.headers.get("authorization", "")


def check_signature(request: Request, keys: Iterable[RSAPublicKey]) -> None:
    """Raise 401 unless one of `keys` signed this very request."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    fields = dict(_FIELD.findall(rest))
    signed = fields.get("headers", "").split()
    if scheme != "Signature" or fields.get("algorithm") != "rsa-sha256":
        raise _refused("it carries no rsa-sha256 signature")
    is_object = request.target.startswith("/n")  # Object Storage does not want bodies signed
    has_body = request.method in ("POST", "PUT") and not is_object
    if not set(signed) >= (_ALWAYS | _BODY if has_body else _ALWAYS):
        raise _refused("the signature leaves out a header")
    digest = base64.b64encode(hashlib.sha256(request.body).digest()).decode()
    if "x-content-sha256" in signed and request.headers["x-content-sha256"] != digest:
        raise _refused("the body is not the one that was signed")
    text = "\n".join(f"{name}: {_value(request, name)}" for name in signed).encode()
    signature = base64.b64decode(fields.get("signature", ""))
    key_id = fields.get("keyId", "")
    if not any(_verifies(key, key_id, signature, text) for key in keys):
        raise _refused("the signature is wrong")


def _value(request: Request, name: str) -> str:
    if name == "(request-target)":
        return f"{request.method.lower()} {request.target}"
    return str(request.headers.get(name, ""))


def _verifies(key: RSAPublicKey, key_id: str, signature: bytes, text: bytes) -> bool:
    if not key_id.startswith("ST$") and key_id.rpartition("/")[2] != fingerprint(key):
        return False
    try:
        key.verify(signature, text, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _refused(why: str) -> Failure:
    return Failure(401, "NotAuthenticated", f"The request was not authenticated: {why}.")
