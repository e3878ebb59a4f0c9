"""The management API: whether what the function and a sync depend on is there."""

from collections.abc import Callable

from functions.api.context import ApiContext, ParsedRequest
from functions.calls.parallel import try_in_parallel
from functions.errors import InvalidInput, SyncError
from functions.plan.oci_connection import OWN_CONNECTION_ID
from functions.plan.sync_config import SyncConfig
from functions.schemas.answers import Check, Checks


def check(context: ApiContext, request: ParsedRequest) -> Checks:
    """Check store, queue and source; of a sync also its folder, connection, compartment, vault and key."""
    checks = dict(context.checks())
    if request.query.sync_id:
        config = context.syncs.find(request.query.sync_id).sync.config
        checks["folder"] = lambda: context.source().read(config.folder, sub_folders=False)
        checks["destination"] = _destination(context, config)
    results = try_in_parallel(context.dispatcher.services.pool, checks.values())
    return Checks(
        checks=[
            Check(
                what=what,
                is_ok=not isinstance(result, SyncError),
                message=str(result) if isinstance(result, SyncError) else None,
            )
            for what, result in zip(checks, results, strict=True)
        ]
    )


def _destination(context: ApiContext, config: SyncConfig) -> Callable[[], object]:
    def look() -> None:
        connection = context.connection(config.connection_id or OWN_CONNECTION_ID)[0]
        directory = context.directory(connection, context.gate)
        faults = directory.faults(config.destination_config)
        if faults:
            raise InvalidInput(" ".join(faults))

    return look
