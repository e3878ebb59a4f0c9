"""What the management API answers, as pydantic models; its OpenAPI document is made from them."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, PlainSerializer, RootModel

from functions.plan.models import JobKind
from functions.plan.oci_connection import Method
from functions.plan.shown import ShownPlan
from functions.plan.sync_config import Camel, DestinationConfig, SyncOptions
from functions.state.status import Phase, RunRecord


def _milliseconds(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _without_nulls(options: SyncOptions) -> dict[str, Any]:
    return options.model_dump(mode="json", by_alias=True, exclude_none=True)


Time = Annotated[datetime, PlainSerializer(_milliseconds)]


class ConnectionRef(Camel):
    """The connection of a sync."""

    app: Literal["oci"] = "oci"
    name: str
    id: UUID


class EnvironmentRef(Camel):
    """The environment of a sync; its id is derived, as the source is not asked for it."""

    id: UUID
    slug: str
    name: str


class FolderRef(Camel):
    """The folder of a sync; its id is derived."""

    id: UUID
    path: str


class LastRun(Camel):
    """What the last job did, in all its attempts; `stops` are the guards that kept it from writing."""

    kind: JobKind
    outcome: str
    cause: str
    by: str | None
    """Who asked: a token's name or the first digits of its hash, or a principal of IAM."""
    started_at: Time
    counts: dict[str, int]
    drift: list[str]
    stops: list[str]


class RunProgress(Camel):
    """How many of the changes of a run that is on are made; told every 15 seconds or so."""

    done: int
    total: int


class Row(Camel):
    """A sync, as the API shows it."""

    id: UUID
    name: str
    description: str | None
    destination: Literal["oci-vault"] = "oci-vault"
    is_enabled: bool
    is_auto_sync_enabled: bool
    version: int
    project_id: str
    folder_id: UUID
    connection_id: UUID
    created_at: Time
    updated_at: Time
    sync_status: Phase | None
    last_sync_job_id: str | None
    last_sync_message: str | None
    last_synced_at: Time | None
    import_status: Phase | None
    last_import_job_id: str | None
    last_import_message: str | None
    last_imported_at: Time | None
    remove_status: Phase | None
    last_remove_job_id: str | None
    last_remove_message: str | None
    last_removed_at: Time | None
    sync_options: Annotated[SyncOptions, PlainSerializer(_without_nulls)]
    destination_config: DestinationConfig
    connection: ConnectionRef
    environment: EnvironmentRef
    folder: FolderRef
    is_held_after_removal: bool
    """Its secrets were removed by hand: ticks leave it alone until the source changes or a manual sync."""
    retry_at: Time | None
    """When a job of it that waits is tried again."""
    next_verify_at: Time | None
    progress: RunProgress | None
    last_run: LastRun | None


class Broken(Camel):
    """A config object that cannot be used."""

    id: UUID
    object_name: str
    message: str


class Rows(Camel):
    """Syncs, and what is wrong with the configs that are none; `truncated` where there are more."""

    secret_syncs: list[Row]
    broken: list[Broken] = []
    truncated: bool = False


class OneRow(Camel):
    """A sync; `warnings` say what may surprise."""

    secret_sync: Row
    warnings: list[str] = []


class Deleted(Camel):
    """The sync that was deleted, null where only the rest of an interrupted deletion was."""

    secret_sync: Row | None
    warnings: list[str] = []


class Option(Camel):
    """A destination that this server can sync to."""

    name: Literal["OCI Vault"] = "OCI Vault"
    destination: Literal["oci-vault"] = "oci-vault"
    connection: Literal["oci"] = "oci"
    can_import_secrets: bool = True
    can_remove_secrets_on_deletion: bool = True
    enterprise: bool = False


class Options(Camel):
    """The destinations that this server can sync to."""

    secret_sync_options: list[Option] = [Option()]


class Duplicate(Camel):
    """Whether another sync has the same destination."""

    has_duplicate: bool
    duplicate_project_id: str | None = Field(default=None, exclude_if=lambda it: it is None)


class Planned(Camel):
    """What a sync would do; never a value."""

    plan: ShownPlan


class Runs(Camel):
    """The last runs, the newest first."""

    runs: list[RunRecord]


class LeftBehindRow(Camel):
    """A vault secret that an edit of its sync left behind."""

    id: str
    name: str
    vault_ocid: str
    compartment_ocid: str


class LeftBehindRows(Camel):
    """What edits of a sync left behind; `warnings` tell of what could not be listed."""

    left_behind: list[LeftBehindRow]
    warnings: list[str] = []


class ShownCredentials(Camel):
    """What of a connection's credentials is no secret."""

    user_ocid: str | None
    tenancy_ocid: str | None
    region: str | None
    fingerprint: str | None


class ConnectionRow(Camel):
    """A connection, as the API shows it."""

    id: UUID
    name: str
    description: str | None
    app: Literal["oci"] = "oci"
    method: Method
    version: int
    org_id: UUID
    credentials: ShownCredentials
    credentials_hash: str
    is_platform_managed_credentials: bool = False
    is_auto_rotation_enabled: bool = False
    project_id: str | None
    created_at: Time
    updated_at: Time


class ConnectionRows(Camel):
    """Connections."""

    app_connections: list[ConnectionRow]


class AvailableConnection(Camel):
    """A connection that a sync may name."""

    app: Literal["oci"] = "oci"
    name: str
    id: UUID


class AvailableConnections(Camel):
    """Connections that a sync may name."""

    app_connections: list[AvailableConnection]


class ConnectionOption(Camel):
    """A service that can be connected to."""

    name: Literal["OCI"] = "OCI"
    app: Literal["oci"] = "oci"
    methods: list[Method]


class ConnectionOptions(Camel):
    """The services that can be connected to."""

    app_connection_options: list[ConnectionOption]


class OneConnection(Camel):
    """A connection."""

    app_connection: ConnectionRow


class CompartmentRow(Camel):
    """A compartment."""

    id: str
    name: str


class PlaceRow(Camel):
    """A vault or key."""

    id: str
    display_name: str


class Check(Camel):
    """One thing that was checked; `message` says what is wrong with it."""

    what: str
    is_ok: bool
    message: str | None


class Checks(Camel):
    """What was checked."""

    checks: list[Check]


class SourceShown(Camel):
    """The secret manager."""

    kind: str
    url: str


class PauseShown(Camel):
    """Since when all syncs are paused, and by whom."""

    since: Time | None
    by: str | None


class Session(Camel):
    """Who asks, and what this server is."""

    role: Literal["full", "read"]
    name: str
    """The token's name, or the first digits of its hash."""
    version: str
    source: SourceShown
    region: str
    reconcile_interval_seconds: int
    is_paused: bool
    pause: PauseShown | None


class LoggedIn(Camel):
    """The answer to a login; the access token is the token that was given."""

    access_token: str
    expires_in: int
    max_ttl: int = Field(serialization_alias="accessTokenMaxTTL")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token, no token


class Environment(Camel):
    """An environment of a project."""

    slug: str
    name: str


class Project(Camel):
    """A project of the source; without a name and environments where the source does not tell."""

    id: str
    name: str | None = None
    environments: list[Environment] | None = None


class Projects(Camel):
    """Projects."""

    projects: list[Project]


class FolderPath(Camel):
    """A folder."""

    path: str


class Folders(Camel):
    """The sub-folders of a folder."""

    folders: list[FolderPath]
    has_secrets: bool


class Problem(Camel):
    """An error; `message` is a list where fields of the request are wrong."""

    req_id: str
    status_code: int
    message: str | list[dict[str, Any]]
    error: str


class Health(Camel):
    """All is well."""

    status: Literal["ok"] = "ok"


class Document(RootModel[dict[str, Any]]):
    """A description of this API in OpenAPI 3.1."""
