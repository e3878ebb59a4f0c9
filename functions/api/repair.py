"""The management API: bringing back what a run deleted, and clearing what an edit left behind."""

from dataclasses import replace

from functions.api import edits, syncs
from functions.api.context import ApiContext, ParsedRequest, blaming_request
from functions.errors import Rejected
from functions.plan.job import Args
from functions.plan.models import Action, JobKind
from functions.run.cleanup import left_behind
from functions.schemas.answers import LeftBehindRow, LeftBehindRows, OneRow
from functions.schemas.requests import PlannedQuery


def undo(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Switch the auto-sync off, and cancel the deletions of a run that nobody has claimed since."""
    found = context.syncs.find(request.id)
    wanted = request.params["runId"].replace("-", "")
    runs = [run for run in context.syncs.status(found).runs if run.id == wanted]
    if not runs:
        raise Rejected(404, "Could not find this run: only the last ones of a sync are kept.")
    if not runs[0].changed.get(Action.DELETE):
        raise Rejected(400, "This run deleted nothing.")
    if found.sync.config.is_auto_sync_enabled:  # else the next run would delete them again
        edits.update(
            context, replace(request, query=PlannedQuery(), body={"isAutoSyncEnabled": False})
        )
    return syncs.act(context, request, JobKind.UNDO, Args(run=wanted))


def get_left_behind(context: ApiContext, request: ParsedRequest) -> LeftBehindRows:
    """List what carries this sync's tag where it does not write any more."""
    found, dispatcher = context.syncs.find(request.id), context.dispatcher
    status, gate = context.syncs.status(found), dispatcher.new_gate()
    with blaming_request():
        places, warnings = left_behind(found.sync, status, dispatcher.services, gate, gate.check)
    rows = [
        LeftBehindRow(
            id=secret.id,
            name=secret.name,
            vault_ocid=one.place.destination.vault_ocid,
            compartment_ocid=one.place.destination.compartment_ocid,
        )
        for one in places
        for secret in one.secrets
    ]
    return LeftBehindRows(left_behind=rows, warnings=warnings)


def clean_up(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Schedule the deletion of what carries this sync's tag where it does not write any more."""
    return syncs.act(context, request, JobKind.CLEANUP, Args())
