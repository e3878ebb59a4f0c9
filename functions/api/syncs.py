"""The management API: looking at syncs, and acting on one."""

from functions.api.context import ApiContext, ParsedRequest, blaming_request
from functions.errors import Rejected
from functions.plan.job import Args, Job
from functions.plan.models import JobKind
from functions.plan.shown import show
from functions.plan.sync_config import Sync, sync_id
from functions.run.outcome import End
from functions.run.remove_secrets import preview_removal
from functions.schemas.answers import Broken, Duplicate, OneRow, Options, Planned, Rows, Runs
from functions.schemas.requests import Destination, read
from functions.state.status import Phase, Progress, Status
from functions.state.status_document import StatusDocument
from functions.state.sync_repository import StoredSync


def options(_context: ApiContext, _request: ParsedRequest) -> Options:
    """Say what can be synced to."""
    return Options()


def listing(context: ApiContext, request: ParsedRequest) -> Rows:
    """List the syncs of a project, and the config objects that are none because they are wrong."""
    found = context.syncs.listed(request.query.project_id)
    url = context.dispatcher.services.store.url
    return Rows(
        secret_syncs=[context.row(one, status) for one, status in found.rows],
        broken=[
            Broken(id=sync_id(url, name), object_name=name, message=str(fault))
            for name, fault in found.faults.items()
        ],
        truncated=found.is_cut,
    )


def get(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Return a sync."""
    found = context.syncs.find(request.id)
    return context.one(found, context.syncs.status(found))


def get_by_name(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Return a sync by its name."""
    found = context.syncs.named(request.query.project_id, request.params["syncName"])
    return context.one(found, context.syncs.status(found))


def check_destination(context: ApiContext, request: ParsedRequest) -> Duplicate:
    """Say whether another sync writes to the same compartment and vault with the same key."""
    wanted = read(Destination, request.body)
    configs = context.dispatcher.configs
    for sync in configs.load(configs.entries()):
        is_same = sync.config.destination_config == wanted.destination_config
        if is_same and sync.id != wanted.exclude_sync_id:
            return Duplicate(has_duplicate=True, duplicate_project_id=sync.config.project_id)
    return Duplicate(has_duplicate=False)


def plan(context: ApiContext, request: ParsedRequest) -> Planned:
    """Say what a sync, or with `kind=remove` its removal, would do; nothing is written anywhere."""
    sync = context.syncs.find(request.id).sync
    if request.query.kind == "sync":
        return Planned(plan=context.plan(sync))
    dispatcher = context.dispatcher
    with blaming_request():
        removal = preview_removal(sync, dispatcher.services, dispatcher.new_gate())
    return Planned(plan=show(removal, sync.id).model_copy(update={"warnings": []}))


def runs(context: ApiContext, request: ParsedRequest) -> Runs:
    """Return the last runs."""
    found = context.syncs.find(request.id)
    return Runs(runs=context.syncs.status(found).runs)


def sync_secrets(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Sync now; a run that fails is answered 200 with `syncStatus` failed."""
    if request.query.plan:
        sync = context.syncs.find(request.id).sync
        context.refuse_other(context.plan(sync), request.query.plan)
    args = Args(force=request.query.force, plan=request.query.plan)
    return act(context, request, JobKind.SYNC, args)


def import_secrets(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Import the vault's secrets into the source; nothing is pushed or deleted."""
    return act(
        context, request, JobKind.IMPORT, Args(import_behavior=request.query.import_behavior)
    )


def remove_secrets(context: ApiContext, request: ParsedRequest) -> OneRow:
    """Schedule the deletion of what the sync put into the vault; ticks leave the sync alone then."""
    return act(context, request, JobKind.REMOVE, Args())


def act(context: ApiContext, request: ParsedRequest, kind: JobKind, args: Args) -> OneRow:
    """Queue a job of one sync, try it, and return what came of it."""
    dispatcher = context.dispatcher
    found = dispatcher.unless_paused(lambda: context.syncs.find(request.id))
    refuse_leaving(found.sync)
    job = dispatcher.job(found.sync, kind, "api", args)
    document = dispatcher.services.document(found.sync.object_name, job.job_id)
    dispatcher.put([job], before=[document.load])
    return context.one(found, start(context, found, job, document))


def start(context: ApiContext, found: StoredSync, job: Job, document: StatusDocument) -> Status:
    """Show the job as pending, then try it; return the status that this comes to."""

    def pending(status: Status) -> bool:
        now = context.dispatcher.services.clock.now()
        status.see_config(found.sync.etag, found.modified or now)
        progress = status.progress(job.kind)
        progress.status, progress.job_id = Phase.PENDING, job.job_id
        return True

    document.change(pending)
    outcome = context.dispatcher.attempt(found.sync, job, document)
    status = document.status
    if job.args.delete_config and outcome.end == End.SUCCEEDED:
        # The sync is gone, and its status with it: only this answer tells how it went.
        status.remove = Progress(
            status=Phase.SUCCEEDED, job_id=job.job_id, at=context.dispatcher.services.clock.now()
        )
    return status


def refuse_leaving(sync: Sync) -> None:
    """Raise Rejected where the sync is about to be deleted with its secrets."""
    if sync.config.is_being_removed:
        raise Rejected(400, "This sync is being deleted together with its secrets.")
