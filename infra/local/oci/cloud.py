"""A cloud of OCI simulators behind one base URL, for the local stack, tests and benchmarks."""

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from functions.ports import Clock
from infra.local.http import Answer, Failure, Request, Route, Server
from infra.local.oci.bundles import BundleApi
from infra.local.oci.iam import Iam
from infra.local.oci.iam_targets import Targets, refusal
from infra.local.oci.kms import Kms
from infra.local.oci.objects import Objects
from infra.local.oci.queue import Queues
from infra.local.oci.secret import Durations
from infra.local.oci.signature import check_signature, is_resource_principal
from infra.local.oci.small_services import Functions, Identity, Watch
from infra.local.oci.traffic import Call, Faults, RateLimits
from infra.local.oci.vault import VaultApi
from infra.local.oci.vault_store import Vault

REGION = "eu-frankfurt-1"
TENANCY_ID = "ocid1.tenancy.oc1..local"
COMPARTMENT_ID = "ocid1.compartment.oc1..local"
VAULT_ID = f"ocid1.vault.oc1.{REGION}.local.vault"
KEY_ID = f"ocid1.key.oc1.{REGION}.local.key"
QUEUE_ID = f"ocid1.queue.oc1.{REGION}.local"
FUNCTION_ID = f"ocid1.fnfunc.oc1.{REGION}.local"
TOPIC_ID = f"ocid1.onstopic.oc1.{REGION}.local"
NAMESPACE = "local"
BUCKET = "sync"


class Service(Protocol):
    """One simulator."""

    def routes(self) -> list[Route]:
        """Return the operations that it answers."""


class Cloud:
    """All simulated services. It holds what the ids of this module name; tests add more.

    `before` and `after` are called with each call, before it is carried out and when its answer is
    ready but not sent. With `public_key` (or `trust`) every request must be signed. With `iam`, to be
    set at any time, those of a resource principal must be permitted; without it everything is.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        durations: Durations | None = None,
        latency_seconds: float = 0.0,
        page_size: int | None = None,
        public_key: RSAPublicKey | None = None,
        iam: Iam | None = None,
    ) -> None:
        self.clock = clock
        self.iam = iam
        self.latency_seconds = latency_seconds
        self.page_size = page_size
        self.url = ""
        self.calls: list[Call] = []
        self.faults = Faults()
        self.rate_limits = RateLimits(clock)
        self.before: Callable[[Call], None] = _do_nothing
        self.after: Callable[[Call], None] = _do_nothing
        self._keys = [public_key] if public_key else []
        self._request_ids = count(1)
        self._server: Server | None = None
        self._furnish(durations or Durations())
        self._targets = Targets(self.vault, self.kms, self.objects, COMPARTMENT_ID)
        services: list[Service] = [
            VaultApi(self.vault, self.kms),
            BundleApi(self.vault),
            self.kms,
            self.queues,
            self.objects,
            self.functions,
            self.watch,
            self.identity,
        ]
        routes = [route for service in services for route in service.routes()]
        self._routes = Map(
            [Rule(route.rule, methods=[route.method], endpoint=route) for route in routes],
            merge_slashes=False,
        ).bind("local")

    def _furnish(self, durations: Durations) -> None:
        home = {"compartmentId": COMPARTMENT_ID, "vaultId": VAULT_ID, "keyId": KEY_ID}
        self.vault = Vault(self.clock, durations, home)
        self.identity = Identity(TENANCY_ID)
        self.identity.compartments[COMPARTMENT_ID] = "local"
        self.kms = Kms(lambda: self.url, self.identity)
        self.kms.add_vault(VAULT_ID, COMPARTMENT_ID)
        self.kms.add_key(KEY_ID, VAULT_ID)
        self.queues = Queues(self.clock)
        self.queues.add(QUEUE_ID)
        self.objects = Objects(self.clock, NAMESPACE)
        self.objects.add_bucket(BUCKET)
        self.functions = Functions(lambda: self.url)
        self.functions.ids.add(FUNCTION_ID)
        self.watch = Watch(self.clock)

    def start(self) -> str:
        """Open a free loopback port; return the base URL of all services."""
        self._server = Server(self._serve)
        self.url = self._server.url
        return self.url

    def stop(self) -> None:
        """Close the port and all connections; what the services hold stays."""
        if self._server:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def trust(self, public_key: RSAPublicKey) -> None:
        """Accept this signer too."""
        self._keys.append(public_key)

    def count(self, operation: str, name_or_id: str | None = None) -> int:
        """Return how many calls of an operation arrived (about that name)."""
        return sum(
            call.operation == operation and name_or_id in (None, call.name_or_id)
            for call in list(self.calls)
        )

    def reset_calls(self) -> None:
        """Forget the calls so far."""
        self.calls.clear()

    def _serve(self, request: Request) -> Answer:
        try:
            answer = self._work(request)
        except Failure as failure:
            answer = failure.answer
        request_id = request.headers.get("opc-request-id", "") or f"local-{next(self._request_ids)}"
        return Answer(answer.status, answer.body, {"opc-request-id": request_id, **answer.headers})

    def _work(self, request: Request) -> Answer:
        route, arguments = self._route(request)
        if self._keys:
            check_signature(request, self._keys)
        if self.page_size:
            request.most_rows = self.page_size
        about = arguments.get(route.key) or request.query.get(route.key)
        if about is None and route.key and request.method == "POST":
            about = request.json().get(route.key)
        name = self.vault.name_of(str(about or ""))
        call = Call(route.operation, name, self.clock.monotonic())
        self.calls.append(call)
        self.before(call)
        faults = self.faults.striking(call)
        delay = self.latency_seconds + sum(fault.delay_seconds for fault in faults)
        if delay:
            self.clock.sleep(delay)
        for fault in faults:
            fault.before_work()
        self.rate_limits.take(route.family)
        self._authorize(route.operation, request, arguments)
        try:
            answer = route.handler(request, **arguments)
        finally:
            self.after(call)
            for fault in faults:
                fault.after_work()
        for fault in faults:
            answer = fault.garble(answer) if fault.garble else answer
        return answer

    def _authorize(self, operation: str, request: Request, arguments: dict[str, Any]) -> None:
        if self.iam is None or not is_resource_principal(request):
            return  # others have policies of their own
        needs = self._targets.needs(operation, request, arguments)
        if not self.iam.allows(operation, needs):
            raise refusal(arguments)

    def _route(self, request: Request) -> tuple[Route, dict[str, Any]]:
        try:
            route, arguments = self._routes.match(request.path, request.method)
        except HTTPException:
            raise Failure(
                404, "NotFound", f"There is no {request.method} {request.path} in this cloud."
            ) from None
        return route, dict(arguments)


def _do_nothing(_call: Call) -> None:
    """Stand in for a hook."""
