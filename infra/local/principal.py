"""Identities for the simulators: a resource principal, and a user with an API key."""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from infra.local.oci.cloud import COMPARTMENT_ID, REGION, TENANCY_ID
from infra.local.oci.signature import fingerprint

KEY_BITS = 2048
USER_ID = "ocid1.user.oc1..local"
EXPIRY_EPOCH_SECONDS = 4_102_444_800  # the year 2100
_PREFIX = "OCI_RESOURCE_PRINCIPAL_"


def make_principal(directory: Path) -> dict[str, str]:
    """Write a resource principal's files there; return the environment that points to them."""
    _private_key(directory)
    token = directory / "rpst"
    claims = {
        "exp": EXPIRY_EPOCH_SECONDS,
        "sub": "ocid1.fnfunc.oc1..local",
        "res_tenant": TENANCY_ID,
        "res_compartment": COMPARTMENT_ID,
        "res_type": "fnfunc",
    }
    # No trailing newline: the SDK would take it for part of the token.
    token.write_text(f"{_segment({'alg': 'none'})}.{_segment(claims)}.{_segment({})}")
    return {
        f"{_PREFIX}VERSION": "2.2",
        f"{_PREFIX}RPST": str(token.absolute()),
        f"{_PREFIX}PRIVATE_PEM": str((directory / "key.pem").absolute()),
        f"{_PREFIX}REGION": REGION,
    }


def public_key(directory: Path) -> RSAPublicKey:
    """Return the public half of the directory's key, for the simulators."""
    return _private_key(directory).public_key()


def write_config_file(directory: Path, *, user_id: str = USER_ID) -> Path:
    """Write an OCI config file with an API key (the directory's key) there; return its path."""
    config = directory / "config"
    config.write_text(
        f"[DEFAULT]\nuser={user_id}\nfingerprint={fingerprint(public_key(directory))}\n"
        f"tenancy={TENANCY_ID}\nregion={REGION}\nkey_file={(directory / 'key.pem').absolute()}\n"
    )
    config.chmod(0o600)
    return config


def _private_key(directory: Path) -> RSAPrivateKey:
    """Return the directory's key, made at the first call."""
    file = directory / "key.pem"
    if not file.exists():
        key = generate_private_key(public_exponent=65537, key_size=KEY_BITS)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.touch(mode=0o600)
        file.write_bytes(pem)
    loaded = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(loaded, RSAPrivateKey)
    return loaded


def _segment(claims: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
