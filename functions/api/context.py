"""What the handlers of the management API share, within one invocation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from functions.api.health import HealthChecks
from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel
from functions.credentials import ApiToken
from functions.errors import InvalidInput, Refused, Rejected
from functions.jobs.submit import Dispatcher
from functions.plan.oci_connection import OWN_CONNECTION_ID, Connection
from functions.plan.plan import Plan
from functions.plan.shown import ShownPlan, show
from functions.plan.sync_config import Sync, SyncConfig
from functions.ports import OciDirectory, PrivateKeyStore, SecretSource
from functions.run.run import preview
from functions.schemas.answers import (
    ConnectionRef,
    EnvironmentRef,
    FolderRef,
    Health,
    LastRun,
    OneRow,
    Row,
    RunProgress,
)
from functions.state.lease import ObjectLease
from functions.state.oci_connections import Connections
from functions.state.status import Status
from functions.state.sync_repository import ApiCache, StoredSync, SyncRepository
from functions.state.whole_job import last_job

LOCK_PATIENCE_SECONDS = 5.0
LOCK_POLL_SECONDS = 0.05
SHARED = SyncConfig.model_fields.keys() & Row.model_fields.keys() - {"connection_id", "environment"}
"""What a row shows as the config has it."""
RUN = set(LastRun.model_fields)

BY_IAM = ApiToken(sha256="0" * 64, name="iam")
"""Stands for the token of who needs none."""


@dataclass(frozen=True, slots=True)
class ParsedRequest:
    """An authenticated request: parameters of the path, query and body, checked by the route."""

    params: Mapping[str, str]
    token: ApiToken
    query: Any = None
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> UUID:
        """Return the id in the path."""
        return UUID(self.params.get("syncId") or self.params["connectionId"])


@dataclass(frozen=True, slots=True)
class About:
    """What the API tells of this deployment."""

    source_kind: str
    source_url: str
    region: str
    reconcile_interval_seconds: int


@dataclass(frozen=True)
class ApiContext:
    """What serves one request; opened is only what the request needs."""

    about: About
    open_dispatcher: Callable[[], Dispatcher]
    gate: Gate
    cache: ApiCache
    health: Callable[[], Health]
    checks: Callable[[], HealthChecks]
    log_in: Callable[[str, str], ApiToken]
    connections: Connections
    directory: Callable[..., OciDirectory]
    private_keys: Callable[[Gate], PrivateKeyStore]

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """What runs jobs."""
        return self.open_dispatcher()

    @cached_property
    def syncs(self) -> SyncRepository:
        """The syncs."""
        return SyncRepository(
            self.dispatcher.services.store,
            self.dispatcher.services.pool,
            self.dispatcher.configs,
            self.cache,
        )

    def source(self) -> SecretSource:
        """Return the source."""
        return self.dispatcher.services.source(self.dispatcher.new_gate())

    def uuid(self) -> UUID:
        """Return a new random id."""
        return self.dispatcher.services.uuid()

    def now(self) -> datetime:
        """Return the time of day."""
        return self.dispatcher.services.clock.now()

    def row(self, found: StoredSync, status: Status) -> Row:
        """Return a sync as the API shows it."""
        config, now = found.sync.config, self.dispatcher.services.clock.now()
        seen = found.see(status, now)
        job = last_job(seen.runs)
        connection_id = config.connection_id or OWN_CONNECTION_ID
        store = self.dispatcher.services.store.url
        environment = f"{store}/{config.project_id}/{config.environment}"
        folder_id = uuid5(NAMESPACE_URL, f"{environment}{config.secret_path}")
        return Row(
            **{name: getattr(config, name) for name in SHARED},
            id=found.sync.id,
            is_enabled=config.is_auto_sync_enabled,
            version=seen.version,
            folder_id=folder_id,
            connection_id=connection_id,
            created_at=seen.created_at or now,
            updated_at=seen.updated_at or now,
            **_statuses(seen),
            connection=ConnectionRef(
                name=self.connections.name_of(connection_id), id=connection_id
            ),
            environment=EnvironmentRef(
                id=uuid5(NAMESPACE_URL, environment),
                slug=config.environment,
                name=config.environment,
            ),
            folder=FolderRef(id=folder_id, path=config.secret_path),
            is_held_after_removal=seen.is_paused,
            retry_at=seen.retry_at,
            next_verify_at=self._next_verification(config, seen),
            progress=_progress_of_run(seen, now),
            last_run=LastRun(**job.model_dump(include=RUN)) if job else None,
        )

    def _next_verification(self, config: SyncConfig, status: Status) -> datetime | None:
        may_run = config.is_auto_sync_enabled and not status.is_paused
        interval = timedelta(seconds=self.about.reconcile_interval_seconds)
        return status.verified_at + interval if status.verified_at and may_run else None

    def one(self, found: StoredSync, status: Status, warnings: Sequence[str] = ()) -> OneRow:
        """Return the answer that shows one sync."""
        return OneRow(secret_sync=self.row(found, status), warnings=list(warnings))

    def plan(self, sync: Sync, *, verify: bool = True) -> ShownPlan:
        """Return what a sync would do, with what is wrong with its destination. Raises InvalidInput."""
        services, gate = self.dispatcher.services, self.dispatcher.new_gate()
        document = services.document(sync.object_name, "plan")
        connection = self.connection(sync.config.connection_id or OWN_CONNECTION_ID)[0]
        plans: list[Plan] = []
        faults: list[str] = []

        def judge() -> None:
            plans.append(preview(sync, services, gate, document, verify=verify))

        def check() -> None:
            faults.extend(self.directory(connection, gate).faults(sync.config.destination_config))

        with blaming_request():
            in_parallel(services.pool, (judge, check))
        return show(plans[0], sync.id, faults)

    @staticmethod
    def refuse_other(plan: ShownPlan, expected: str | None) -> None:
        """Raise Rejected (409) with the plan where it is not the one that somebody looked at."""
        if expected not in (None, plan.fingerprint):
            raise Rejected(
                409,
                "The plan has changed since it was looked at, so nothing was done. Look at it again.",
                details={"plan": plan.model_dump(mode="json", by_alias=True)},
            )

    def connection(self, connection_id: UUID) -> tuple[Connection, str]:
        """Return a connection and its ETag. Raises Rejected (404), InvalidInput."""
        found = self.connections.find(connection_id)
        if found is None:
            raise Rejected(404, f'Could not find App Connection with ID "{connection_id}"')
        return found

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Let nobody else in who wants the same name, so that it is given once. Raises Rejected (409)."""
        services = self.dispatcher.services
        give_up = services.clock.monotonic() + LOCK_PATIENCE_SECONDS
        mine = (services.store, services.clock, f"locks/{name}", str(self.uuid()))
        while (place := ObjectLease.take_object(*mine)) is None:
            if services.clock.monotonic() > give_up or not self.gate.pause(LOCK_POLL_SECONDS):
                raise Rejected(409, "Another request is using this name right now. Try again.")
        try:
            yield
        finally:
            place.free()


@contextmanager
def blaming_request() -> Iterator[None]:
    """Turn what OCI or the source refuses into an error of the request that asked for it."""
    try:
        yield
    except Refused as error:
        raise InvalidInput(str(error)) from None


def _progress_of_run(status: Status, now: datetime) -> RunProgress | None:
    lease = status.lease
    if lease is None or lease.expires_at <= now or not lease.total:
        return None
    return RunProgress(done=lease.done, total=lease.total)


def _statuses(status: Status) -> dict[str, Any]:
    parts = (
        ("sync", "synced", status.sync),
        ("import", "imported", status.import_),
        ("remove", "removed", status.remove),
    )
    return {
        key: value
        for kind, done, part in parts
        for key, value in (
            (f"{kind}_status", part.status),
            (f"last_{kind}_job_id", part.job_id),
            (f"last_{kind}_message", part.message),
            (f"last_{done}_at", part.at),
        )
    }
