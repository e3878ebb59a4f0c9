"""OCI's SDK: who signs, which endpoint, and clients to borrow."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from circuitbreaker import CircuitBreakerError
from oci import circuit_breaker, config, exceptions, regions, retry, signer
from oci.auth import signers
from pydantic import SecretStr

from functions.adapters.oci_errors import translate
from functions.adapters.retrying import Pace
from functions.core.errors import InvalidInput, InvalidSettings, Refused
from functions.core.ports import Clock
from functions.trace import TRACE

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 7.0
BREAKER_SECONDS = 10


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


def vault_endpoint(vault_ocid: str, service: str) -> str:
    """Return the endpoint of a vault `service`, in the realm and region that the OCID names."""
    _, _, realm, region, *_ = (*vault_ocid.split("."), "", "", "", "")
    region = regions.get_region_from_short_name(region)
    domain = regions.REALMS.get(realm)
    if domain is None or not re.fullmatch("[a-z0-9-]+", region):
        raise InvalidInput(
            f"Vault {vault_ocid}: its OCID names no known realm and region; "
            "OCI_REGION_METADATA can make a new one known"
        )
    return f"https://{service}.{region}.oci.{domain}"


class _OneTry(retry.NoneRetryStrategy):  # type: ignore[misc]
    """The SDK's way to see each call: it is counted, and sent in the name of the request at hand."""

    def make_retrying_call(self, call: Callable[..., T], *args: Any, **options: Any) -> T:
        """Make the call once."""
        TRACE.count(options["operation_name"])
        if request_id := TRACE.opc_request_id():
            options["header_params"]["opc-request-id"] = request_id
        return call(*args, **options)


class Clients:
    """SDK clients of one identity, kept for the life of the container.

    A client is borrowed for one call, so no two threads share one, and the last one returned is
    lent first, so its connection is likely to be open still.
    """

    def __init__(self, identity: Identity, clock: Clock, endpoint: str | None = None) -> None:
        self.identity = identity
        self._clock = clock
        self._endpoint = endpoint
        self._idle: defaultdict[tuple[Any, str | None], list[Any]] = defaultdict(list)
        self._paces: dict[str, Pace] = {}

    def pace(self, family: str) -> Pace:
        """Return the pace of a family of calls; the service counts them by identity."""
        return self._paces.setdefault(family, Pace(self._clock))

    def call(
        self,
        kind: Any,
        use: Callable[[Any], T],
        *,
        what: str,
        endpoint: str | None = None,
        quiet: bool = False,
        over_limit: type[Refused] = Refused,
    ) -> T:
        """Return what `use` does with a client of the SDK class `kind`; its errors name `what`.

        `quiet` keeps the service's own words out of errors: they might quote the request.
        `over_limit` is raised where a service limit is reached.
        """
        endpoint = self._endpoint or endpoint
        idle = self._idle[kind, endpoint]
        try:
            client = idle.pop()
        except IndexError:
            client = self._build(kind, endpoint)
        try:
            return use(client)
        except (
            exceptions.ServiceError,
            exceptions.BaseRequestException,
            CircuitBreakerError,
        ) as error:
            raise translate(error, what, quiet=quiet, over_limit=over_limit) from None
        finally:
            idle.append(client)

    def _build(self, kind: Any, endpoint: str | None) -> Any:
        return kind(
            dict(self.identity.config),
            signer=self.identity.signer,
            service_endpoint=endpoint,
            timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
            retry_strategy=_OneTry(),
            # The SDK's default is one breaker for the whole process, and it counts 409 and 429 as
            # failures: ten waits for a lifecycle state would shut every service off for 30 s.
            circuit_breaker_strategy=circuit_breaker.CircuitBreakerStrategy(
                recovery_timeout=BREAKER_SECONDS,
                failure_statuses_and_codes={500: [], 502: [], 503: [], 504: []},
            ),
        )
