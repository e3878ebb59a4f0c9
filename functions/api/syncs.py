"""The management API: looking at syncs, and acting on one."""

from functions.api.answers import Broken, Duplicate, OneRow, Options, Planned, Rows, Runs
from functions.api.context import Ask, Office, blaming_request
from functions.api.requests import Destination, read
from functions.errors import Rejected
from functions.plan.job import Args, Job
from functions.plan.models import JobKind
from functions.plan.sync_config import Sync, sync_id
from functions.run.outcome import End
from functions.run.run import preview
from functions.state.status import Phase, Progress, Status
from functions.state.status_document import Ledger
from functions.state.sync_repository import Found


def options(_office: Office, _ask: Ask) -> Options:
    """Say what can be synced to."""
    return Options()


def listing(office: Office, ask: Ask) -> Rows:
    """List the syncs of a project, and the config objects that are none because they are wrong."""
    shown, faults = office.catalog.listed(ask.query.project_id)
    url = office.desk.tools.store.url
    return Rows(
        secret_syncs=[office.row(found, status) for found, status in shown],
        broken=[
            Broken(id=sync_id(url, name), object_name=name, message=str(fault))
            for name, fault in faults.items()
        ],
    )


def get(office: Office, ask: Ask) -> OneRow:
    """Return a sync."""
    found = office.catalog.find(ask.id)
    return office.one(found, office.catalog.status(found))


def get_by_name(office: Office, ask: Ask) -> OneRow:
    """Return a sync by its name."""
    found = office.catalog.named(ask.query.project_id, ask.params["syncName"])
    return office.one(found, office.catalog.status(found))


def check_destination(office: Office, ask: Ask) -> Duplicate:
    """Say whether another sync writes to the same compartment and vault with the same key."""
    wanted = read(Destination, ask.body)
    configs = office.desk.configs
    for sync in configs.load(configs.entries()):
        same = sync.config.destination_config.model_dump(by_alias=True)
        if same == wanted.destination_config and sync.id != wanted.exclude_sync_id:
            return Duplicate(has_duplicate=True, duplicate_project_id=sync.config.project_id)
    return Duplicate(has_duplicate=False)


def plan(office: Office, ask: Ask) -> Planned:
    """Say what a sync would do; nothing is written anywhere."""
    sync, desk = office.catalog.find(ask.id).sync, office.desk
    ledger = Ledger(desk.tools.store, sync.object_name, desk.tools.clock, "plan")
    with blaming_request():
        return Planned(plan=preview(sync, desk.tools, desk.new_gate(), ledger).public())


def runs(office: Office, ask: Ask) -> Runs:
    """Return the last runs."""
    found = office.catalog.find(ask.id)
    return Runs(runs=office.catalog.status(found).runs)


def sync_secrets(office: Office, ask: Ask) -> OneRow:
    """Sync now."""
    return _act(office, ask, JobKind.SYNC, Args(force=ask.query.force))


def import_secrets(office: Office, ask: Ask) -> OneRow:
    """Import the vault's secrets into the source; nothing is pushed or deleted."""
    return _act(office, ask, JobKind.IMPORT, Args(import_behavior=ask.query.import_behavior))


def remove_secrets(office: Office, ask: Ask) -> OneRow:
    """Schedule the deletion of what the sync put into the vault; ticks leave the sync alone then."""
    return _act(office, ask, JobKind.REMOVE, Args())


def _act(office: Office, ask: Ask, kind: JobKind, args: Args) -> OneRow:
    found = office.catalog.find(ask.id)
    refuse_leaving(found.sync)
    desk = office.desk
    job = desk.job(found.sync, kind, "api", args)
    ledger = Ledger(desk.tools.store, found.sync.object_name, desk.tools.clock, job.job_id)
    desk.put([job], before=[ledger.load])
    return office.one(found, start(office, found, job, ledger))


def start(office: Office, found: Found, job: Job, ledger: Ledger) -> Status:
    """Show the job as pending, then try it; return the status that this comes to."""

    def pending(status: Status) -> bool:
        now = office.desk.tools.clock.now()
        status.see_config(found.sync.etag, found.modified or now)
        progress = status.progress(job.kind)
        progress.status, progress.job_id = Phase.PENDING, job.job_id
        return True

    ledger.change(pending)
    outcome = office.desk.attempt(found.sync, job, ledger)
    status = ledger.status
    if job.args.delete_config and outcome.end == End.SUCCEEDED:
        # The sync is gone, and its status with it: only this answer tells how it went.
        status.remove = Progress(
            status=Phase.SUCCEEDED, job_id=job.job_id, at=office.desk.tools.clock.now()
        )
    return status


def refuse_leaving(sync: Sync) -> None:
    """Raise Rejected where the sync is about to be deleted with its secrets."""
    if sync.config.is_being_removed:
        raise Rejected(400, "This sync is being deleted together with its secrets.")
