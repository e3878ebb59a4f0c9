"""Who signs the calls to OCI."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oci import config, exceptions, signer
from oci.auth import signers
from pydantic import SecretStr

from functions.errors import InvalidInput, InvalidSettings


@dataclass(frozen=True)
class Identity:
    """Who signs requests, in which region, and the compartment that its metrics belong to."""

    signer: Any
    region: str
    compartment_id: str
    config: Mapping[str, str]


def resource_principal() -> Identity:
    """Return the identity that OCI gives to this function."""
    try:
        principal = signers.get_resource_principals_signer()
    except (OSError, ValueError, exceptions.ClientError) as error:
        raise InvalidSettings(
            f"OCI_AUTH: no resource principal here ({type(error).__name__}); it exists only inside "
            "OCI Functions, elsewhere set OCI_AUTH=config_file"
        ) from None
    region = {"region": principal.region}
    return Identity(principal, principal.region, principal.compartment_id, region)


def config_file(env: Mapping[str, str]) -> Identity:
    """Return a person's identity from the OCI config file, be it an API key or a session token."""
    path = env.get("OCI_CONFIG_FILE", "~/.oci/config")
    profile = env.get("OCI_CONFIG_PROFILE", "DEFAULT")
    try:
        found = config.from_file(path, profile)
        token_file = found.get("security_token_file")
        if token_file is None:
            return _api_key(found)
        token = Path(token_file).expanduser().read_text(encoding="utf-8").strip()
        key = signer.load_private_key_from_file(found["key_file"], found.get("pass_phrase"))
        region, tenancy = found["region"], found["tenancy"]
    except (OSError, KeyError, ValueError, exceptions.ClientError) as error:
        raise InvalidSettings(
            f"OCI_CONFIG_FILE, OCI_CONFIG_PROFILE: profile {profile} of {path} is not usable "
            f"({type(error).__name__}); check it with `oci iam region list --profile {profile}`"
        ) from None
    return Identity(signers.SecurityTokenSigner(token, key), region, tenancy, {"region": region})


_WRONG_KEY = "the private key must be an RSA key in PEM, without a pass phrase"


def access_key(
    *, tenancy: str, user: str, fingerprint: str, private_key: SecretStr, region: str
) -> Identity:
    """Return the identity of an API signing key, as an OCI connection holds it."""
    try:
        identity = _api_key(
            {
                "tenancy": tenancy,
                "user": user,
                "fingerprint": fingerprint,
                "key_content": private_key.get_secret_value(),
                "region": region,
            }
        )
    except (ValueError, exceptions.ClientError) as error:
        wrong = error if isinstance(error, exceptions.InvalidConfig) else _WRONG_KEY
        raise InvalidInput(f"OCI connection, user {user}: not usable: {wrong}") from None
    if not hasattr(identity.signer.private_key, "decrypt"):  # of all kinds only RSA can
        raise InvalidInput(f"OCI connection, user {user}: not usable: {_WRONG_KEY}")
    return identity


def _api_key(fields: Mapping[str, Any]) -> Identity:
    config.validate_config(fields)
    key = signer.Signer(
        fields["tenancy"],
        fields["user"],
        fields["fingerprint"],
        private_key_file_location=fields.get("key_file"),
        pass_phrase=fields.get("pass_phrase"),
        private_key_content=fields.get("key_content"),
    )
    # The SDK wants every field of a key, although only the signer uses the key itself.
    names = ("tenancy", "user", "fingerprint", "region")
    public = {name: fields[name] for name in names} | {"key_content": "held by the signer"}
    return Identity(key, fields["region"], fields["tenancy"], public)
