"""Settings → the packages below, once per container.

Only this module names sources, stores, the vault and OCI's services. `handle` is the function without
the FDK around it.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cached_property, partial
from http import HTTPStatus
from logging import getLogger
from random import SystemRandom
from typing import TYPE_CHECKING

from pydantic import SecretStr

from functions import sources, stores
from functions.calls.deadline import CALL_TIMEOUT_SECONDS, Gate
from functions.calls.parallel import ThreadPool
from functions.cloud import identity
from functions.cloud.clients import Clients
from functions.cloud.invoke import Function
from functions.cloud.notices import TIMEOUTS_SECONDS, Notices, Unposted
from functions.cloud.queue import Queue
from functions.cloud.secret_reader import from_file, from_secret
from functions.credentials import CredentialsKeeper
from functions.errors import NotFound, Paused, SyncError
from functions.jobs.drain import Drainer
from functions.jobs.submit import Dispatcher, Report
from functions.jobs.tick import Ticker
from functions.plan.models import Folder
from functions.plan.ownership import Digests
from functions.plan.sync_config import PREFIX, Sync, sync_id
from functions.ports import Clock, SecretVault
from functions.reply import Reply
from functions.run.services import RunServices
from functions.secret_tags import SecretTags
from functions.settings import Settings
from functions.sources.http import SourceCredentials
from functions.sources.transport import Transport, proxy_of
from functions.state.sync_configs import ConfigCache, Configs
from functions.triggers.call import ApiRequest, Call, Ignored, Tick
from functions.triggers.command import Command, WrongCommand
from functions.triggers.oci_event import ResourceEvent
from functions.triggers.parse import parse
from functions.triggers.webhook import Webhook
from functions.vault import open_vault

DEADLINE_MARGIN_SECONDS = 2.0
SENDER_PATIENCE_SECONDS = 10.0
TICK_SECONDS = 45.0

if TYPE_CHECKING:
    from functions.api.app import Api
    from functions.api.context import ApiContext
    from functions.cloud.directory import ConnectionClients
    from functions.state.oci_connections import ConnectionCache, Connections
    from functions.vault.private_keys import PrivateKeys

log = getLogger(__name__)


class App:
    """Everything that lives as long as the container."""

    def __init__(self, settings: Settings, clock: Clock, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._clock = clock
        self._environment = environment
        self._random = SystemRandom()
        self._configs: ConfigCache = {}
        self._gate = Gate(clock, 0.0)
        self._keeper = CredentialsKeeper(self._fetch_credentials, clock)
        identity, about = self._identity(), (clock, self._random.random, settings.oci_endpoint)
        self._clients = Clients(identity, *about)
        self._hasty_clients = Clients(identity, *about, TIMEOUTS_SECONDS)
        self._unposted_metrics = Unposted()
        self._open_store = stores.connect(settings.config_store, self._clients)
        self._open_source = sources.connect(
            settings.source_kind,
            settings.source_url,
            self._source_credentials,
            clock,
            self._random.random,
            self._transport(),
        )

    def handle(self, call: Call, seconds: float) -> Reply:
        """Answer one call within `seconds`. Raises SyncError; see `refusal` for HTTP."""
        self._gate = Gate(self._clock, self._clock.monotonic() + seconds - DEADLINE_MARGIN_SECONDS)
        try:
            trigger = parse(call, self._webhook_secrets, self._clock.now())
        except WrongCommand as error:
            return Reply({"error": str(error)})
        match trigger:
            case Webhook(is_test=True):
                return Reply({"message": "The webhook works."})
            case Webhook() | ResourceEvent() as hint:
                return self._take(hint)
            case Tick():
                self._tick()
                return Reply({"message": "tick"})
            case Ignored(why):
                return Reply({"message": f"Nothing to do: {why}."})
            case Command(command="drain"):
                return self._work()
            case Command() as command:
                return self._do(command)
            case ApiRequest() as request:
                reply = self._api.answer(request, self._api_context())
                # An invocation knows no status but its own: there it stands in the answer.
                told = Reply({"status": reply.status, "body": reply.body})
                return told if request.by_iam else reply

    def _take(self, hint: Webhook | ResourceEvent) -> Reply:
        """Start the jobs of a hint; while everything is paused it is lost, as the resumption verifies all."""
        try:
            if isinstance(hint, Webhook):
                return _to_reply(
                    self._dispatcher(SENDER_PATIENCE_SECONDS).webhook(hint), hint.folder
                )
            return _to_reply(self._dispatcher().event(hint), hint.type)
        except Paused as pause:
            return Reply({"message": str(pause)}, HTTPStatus.ACCEPTED)

    def _do(self, command: Command) -> Reply:
        """Do what a command asks for; a refusal is an answer, as OCI hides the text of what is raised."""
        try:
            match command.command:
                case "sync" | "import" | "remove" | "tick" | "drain":
                    return Reply(self._dispatcher().command(command))
                case "plan":
                    return self._api.plan(command, self._api_context(patience_seconds=None))
                case name:
                    return self._api.serve(name, command, self._api_context())
        except SyncError as error:
            log.error("command %s: %s", command.command, error)  # noqa: TRY400 - it says it all
            return Reply({"error": str(error)})

    def _dispatcher(self, patience_seconds: float | None = None) -> Dispatcher:
        """Return the dispatcher of this invocation; each run gets its own gate, with room to record."""
        left = self._gate.seconds_left()
        longest_call = max(CALL_TIMEOUT_SECONDS, self._settings.source_timeout_seconds)
        usable = max(left - longest_call, left / 2)
        end = self._clock.monotonic() + min(usable, patience_seconds or usable)
        services = RunServices(
            clock=self._clock,
            random=self._random,
            store=self._open_store(self._gate),
            pool=ThreadPool(self._settings.vault_concurrency),
            digests=Digests(self._keeper.get().digest_key),
            notifier=self._notices(),
            source=self._open_source,
            vault=self._open_vault,
            protected_ids=self._protected_ids,
            existing_sync_ids=self._existing_sync_ids,
            secret_tags=self._secret_tags,
        )
        configs = Configs(services.store, services.pool, self._clock, self._configs)
        queue = self._queue()
        return Dispatcher(services, queue, configs, lambda: Gate(self._clock, end))

    # What few calls need is imported by the first of them: the others start sooner.

    @cached_property
    def _api(self) -> "Api":
        from functions.api.app import Api  # noqa: PLC0415

        return Api(self._keeper, self._clock, ThreadPool(self._settings.vault_concurrency))

    @cached_property
    def _connection_clients(self) -> "ConnectionClients":
        from functions.cloud.directory import ConnectionClients  # noqa: PLC0415

        return ConnectionClients(
            self._clients, lambda secret, what, gate: self._private_keys(gate).read(secret, what)
        )

    def _private_keys(self, gate: Gate) -> "PrivateKeys":
        """Return the keeper of private keys, who acts as the function itself."""
        from functions.vault.private_keys import PrivateKeys  # noqa: PLC0415

        beside = self._settings.credentials_secret_ocid
        return PrivateKeys(self._clients.open(gate), beside)

    def _api_context(
        self, patience_seconds: float | None = SENDER_PATIENCE_SECONDS
    ) -> "ApiContext":
        """Return what serves one API request."""
        from functions.api.context import About, ApiContext  # noqa: PLC0415

        settings = self._settings
        return ApiContext(
            about=About(
                source_kind=settings.source_kind,
                source_url=settings.source_url,
                region=self._clients.identity.region,
                reconcile_interval_seconds=settings.reconcile_interval_seconds,
            ),
            open_dispatcher=lambda: self._dispatcher(patience_seconds),
            gate=self._gate,
            cache=self._api.cache,
            health=lambda: self._api.health.answer(self._health_checks()),
            checks=self._health_checks,
            log_in=self._api.authenticator.log_in,
            connections=self._connections(self._gate),
            directory=self._connection_clients.directory,
            private_keys=self._private_keys,
        )

    def _health_checks(self) -> Mapping[str, Callable[[], object]]:
        return {
            "store": partial(self._open_store(self._gate).list, "workers/"),
            "queue": self._queue().depth,
            "source": self._open_source(self._gate).ping,
        }

    @cached_property
    def _known_connections(self) -> "ConnectionCache":
        from functions.state.oci_connections import ConnectionCache  # noqa: PLC0415

        return ConnectionCache()

    def _connections(self, gate: Gate) -> "Connections":
        from functions.state.oci_connections import Connections  # noqa: PLC0415

        pool = ThreadPool(self._settings.vault_concurrency)
        return Connections(self._open_store(gate), pool, self._clock, self._known_connections)

    def _ticker(self, dispatcher: Dispatcher) -> Ticker:
        return Ticker(
            dispatcher,
            Drainer(dispatcher.services, dispatcher.queue, dispatcher.configs, dispatcher.new_gate),
            self._function(),
            timedelta(seconds=self._settings.reconcile_interval_seconds),
            self._settings.max_workers,
        )

    def _queue(self) -> Queue:
        settings = self._settings
        return Queue(self._clients.open(self._gate), settings.queue_ocid, settings.queue_endpoint)

    def _notices(self) -> Notices:
        settings = self._settings
        return Notices(
            self._hasty_clients.open(self._gate),
            topic_ocid=settings.notification_topic_ocid,
            namespace=settings.metrics_namespace,
            unposted=self._unposted_metrics,
        )

    def _function(self) -> Function | None:
        ocid = self._settings.function_ocid
        return Function(self._clients.open(self._gate), ocid) if ocid else None

    def _tick(self) -> None:
        try:
            dispatcher = self._dispatcher(TICK_SECONDS)
        except SyncError as error:
            log.warning("the tick could not begin: %s", error)
            return
        self._ticker(dispatcher).tick(_while_open(dispatcher.new_gate()))

    def _work(self) -> Reply:
        dispatcher = self._dispatcher()
        has_worked = self._ticker(dispatcher).work(_while_open(dispatcher.new_gate()))
        return Reply({"message": "worked" if has_worked else "enough workers are at it"})

    def _identity(self) -> identity.Identity:
        if self._settings.oci_auth == "resource_principal":
            return identity.resource_principal()
        return identity.config_file(self._environment)

    def _transport(self) -> Transport:
        """Return the way to the source."""
        settings = self._settings
        return Transport(
            settings.source_timeout_seconds,
            settings.source_proxy or proxy_of(settings.source_url, self._environment),
            self._fetch_ca if settings.source_ca_file or settings.source_ca_secret_ocid else None,
        )

    def _fetch_credentials(self) -> bytes:
        settings = self._settings
        return self._fetch(
            "CREDENTIALS", settings.credentials_file, settings.credentials_secret_ocid
        )

    def _fetch_ca(self) -> bytes:
        settings = self._settings
        return self._fetch("SOURCE_CA", settings.source_ca_file, settings.source_ca_secret_ocid)

    def _fetch(self, what: str, file: str | None, secret_ocid: str | None) -> bytes:
        if file:
            return from_file(file, f"{what}_FILE")
        calls = self._clients.open(self._gate)
        return from_secret(calls, secret_ocid or "", f"{what}_SECRET_OCID")

    def _source_credentials(self, renew: bool) -> SourceCredentials:  # noqa: FBT001
        credentials = self._keeper.get(renew=renew)
        return SourceCredentials(
            credentials.client_id,
            credentials.client_secret,
            credentials.organization_slug,
            credentials.source_headers,
            credentials.source_proxy_password,
        )

    def _webhook_secrets(self, renew: bool) -> tuple[SecretStr, ...]:  # noqa: FBT001
        return self._keeper.get(renew=renew).webhook_secrets

    def _open_vault(self, sync: Sync, gate: Gate) -> SecretVault:
        """Open a sync's vault as its connection. Raises NotFound where there is no such connection."""
        wanted, clients = sync.config.connection_id, self._clients
        if wanted:
            found = self._connections(gate).find(wanted)
            if found is None:
                raise NotFound(f"The sync's connection {wanted} does not exist.")
            clients = self._connection_clients.clients(found[0], gate)
        tags = self._secret_tags.merged(sync.config.sync_options.tags)
        return open_vault(sync.config.destination_config, clients.open(gate), tags)

    @property
    def _secret_tags(self) -> SecretTags:
        return self._settings.secret_tags or SecretTags()

    def _protected_ids(self) -> frozenset[str]:
        settings = self._settings
        own = filter(None, [settings.credentials_secret_ocid, settings.source_ca_secret_ocid])
        return frozenset(own) | self._connections(self._gate).private_keys()

    def _existing_sync_ids(self) -> frozenset[str]:
        store = self._open_store(self._gate)
        names = [PREFIX + entry.name.removeprefix("status/") for entry in store.list("status/")]
        return frozenset(str(sync_id(store.url, name)) for name in names)


def _to_reply(reports: list[Report], about: object) -> Reply:
    if not reports:
        what = f"{about.environment}:{about.path}" if isinstance(about, Folder) else about
        return Reply({"message": f"No sync for {what}."})
    is_done = all(report.outcome.is_final for report in reports)
    status = HTTPStatus.OK if is_done else HTTPStatus.ACCEPTED
    return Reply({"jobs": [report.public() for report in reports]}, status)


def _while_open(gate: Gate) -> Callable[[], bool]:
    return lambda: gate.seconds_left() > 0
