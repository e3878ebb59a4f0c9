"""OCI's SDK: who signs, which endpoint, and clients to borrow."""

import re
from collections import defaultdict
from collections.abc import Callable
from logging import getLogger
from typing import Any, TypeVar

from circuitbreaker import CircuitBreakerError
from oci import circuit_breaker, exceptions, regions, retry

from functions.calls.deadline import Gate
from functions.calls.pace import AdaptiveRate
from functions.calls.retry import Retrying
from functions.cloud.answers import UnusableAnswer, check
from functions.cloud.errors import translate
from functions.cloud.identity import Identity
from functions.errors import InvalidInput, Refused
from functions.log import TRACE, where
from functions.ports import Clock

T = TypeVar("T")
CONNECT_TIMEOUT_SECONDS = 3.0
READ_TIMEOUT_SECONDS = 7.0
BREAKER_SECONDS = 10
_NAMED = (
    exceptions.ServiceError,
    exceptions.BaseRequestException,
    CircuitBreakerError,
    UnusableAnswer,
)
log = getLogger(__name__)


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
        try:
            response = call(*args, **options)
            check(options["operation_name"], response)
        except _NAMED:
            raise
        except Exception as error:  # noqa: BLE001 - the SDK raises anything for what it cannot read
            log.warning("unexpected %s at %s", type(error).__name__, where(error))
            raise UnusableAnswer from None
        return response


class Clients:
    """SDK clients of one identity, kept for the life of the container.

    A client is borrowed for one call, so no two threads share one, and the last one returned is
    lent first, so its connection is likely to be open still.
    """

    def __init__(
        self,
        identity: Identity,
        clock: Clock,
        random: Callable[[], float],
        endpoint: str | None = None,
        timeouts_seconds: tuple[float, float] = (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
    ) -> None:
        self.identity = identity
        self._timeouts_seconds = timeouts_seconds
        self.clock = clock
        self.random = random
        self.endpoint = endpoint
        self.learned: dict[str, str] = {}
        """What calls found out about the services, for the life of the container."""
        self._idle: defaultdict[tuple[Any, str | None], list[Any]] = defaultdict(list)
        self._paces: dict[str, AdaptiveRate] = {}

    def pace(self, family: str) -> AdaptiveRate:
        """Return the pace of a family of calls; the service counts them by identity."""
        return self._paces.setdefault(family, AdaptiveRate(self.clock))

    def open(self, gate: Gate) -> "OciCalls":
        """Return the calls of one invocation, which `gate` lets start."""
        return OciCalls(self, gate)

    def call(
        self,
        kind: Any,
        use: Callable[[Any], T],
        *,
        what: str,
        endpoint: str | None = None,
        quiet: bool = False,
        over_limit: type[Refused] = Refused,
        refused: type[Refused] | None = None,
    ) -> T:
        """Return what `use` does with a client of the SDK class `kind`; its errors name `what`.

        `quiet` keeps the service's own words out of errors: they might quote the request. `over_limit` is
        raised where a service limit is reached, `refused` where this one object is.
        """
        endpoint = self.endpoint or endpoint
        idle = self._idle[kind, endpoint]
        try:
            client = idle.pop()
        except IndexError:
            client = self._build(kind, endpoint)
        try:
            return use(client)
        except _NAMED as error:
            raise translate(
                error, what, quiet=quiet, over_limit=over_limit, refused=refused
            ) from None
        finally:
            idle.append(client)

    def _build(self, kind: Any, endpoint: str | None) -> Any:
        client = kind(
            dict(self.identity.config),
            signer=self.identity.signer,
            service_endpoint=endpoint,
            timeout=self._timeouts_seconds,
            retry_strategy=_OneTry(),
            # The SDK's default is one breaker for the whole process, and it counts 409 and 429 as
            # failures: ten waits for a lifecycle state would shut every service off for 30 s.
            circuit_breaker_strategy=circuit_breaker.CircuitBreakerStrategy(
                recovery_timeout=BREAKER_SECONDS,
                failure_statuses_and_codes={500: [], 502: [], 503: [], 504: []},
            ),
        )
        _read_environment_once(client.base_client)
        _tell_lists_from_objects(client.base_client)
        return client


def _read_environment_once(base: Any) -> None:
    """Keep what the environment says of proxies and CAs: to read it took a tenth of each call's CPU."""
    session = base.session
    settings = session.merge_environment_settings(base.endpoint, {}, None, None, None)
    session.proxies, session.verify = settings["proxies"], settings["verify"]
    session.trust_env = False


def _tell_lists_from_objects(base: Any) -> None:
    """Refuse an object in the place of a list: the SDK would take `{}` for a list of nothing."""
    deserialize = base.deserialize_response_data

    def checked(body: bytes, kind: str, *options: Any) -> Any:
        if kind.startswith("list[") and not body.lstrip().startswith(b"["):
            raise UnusableAnswer
        return deserialize(body, kind, *options)

    base.deserialize_response_data = checked


class OciCalls:
    """Calls of one invocation: each borrows a client, and is paced and tried again."""

    def __init__(self, clients: Clients, gate: Gate) -> None:
        self.clients = clients
        self.gate = gate
        self._retrying = Retrying(gate, clients.random)

    def call(
        self,
        kind: Any,
        use: Callable[[Any], T],
        *,
        what: str,
        family: str | None = None,
        is_repeatable: bool = True,
        **options: Any,
    ) -> T:
        """Return what `use` does with a client; calls of one `family` share a pace.

        `options` are those of `Clients.call`. Raises what it raises, and OutOfTime.
        """
        return self._retrying.call(
            lambda: self.clients.call(kind, use, what=what, **options),
            self.clients.pace(family) if family else None,
            is_repeatable=is_repeatable,
        )
