"""Bring secrets of the vault into the source: the initial import, and the import job."""

from functools import partial

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel
from functions.errors import InvalidInput, Refused
from functions.plan.bundle import name_of
from functions.plan.desired import refuse_collisions
from functions.plan.models import address_of
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import join
from functions.plan.scope import NOWHERE, scope_of
from functions.plan.sync_config import InitialSync, SyncConfig
from functions.plan.table import Planner
from functions.run.context import Run
from functions.run.importable import Importable, homes_of, may_import, read_importable
from functions.run.keep import Keeper, learned_from
from functions.run.observe import Observed, Observer, permitted_scope
from functions.run.outcome import Outcome
from functions.state.status import Pending, Phase, Progress, Status, shorten

INITIAL = "initial"
PORTION = 8
"""So many are read and written before it is noted that they are done."""
WRITING_SECONDS = 3.0
"""So long before time is up no content is read any more: what was read must get into the source yet."""


def import_only(run: Run) -> Outcome:
    """Import, and neither push nor delete anything."""
    if run.sync.config.sync_options.filter:
        raise InvalidInput("Nothing is imported into a sync with a filter: it would have no tags.")
    config, observed = run.sync.config, run.settle(run.observe())
    replace = run.job.args.import_behavior == "prioritize-destination"
    is_due = import_is_due(run.document.status, config, run.observer, observed)
    import_secrets(run, observed, run.job.job_id, replace=replace)
    is_less = (
        config.sync_options.initial_sync_behavior == InitialSync.IMPORT_DESTINATION and not replace
    )
    if not (is_due and is_less):  # else the initial import is still to take in what differs
        run.scope = scope_of(config)
    return run.summary.conclude()


def import_is_due(
    status: Status, config: SyncConfig, observer: Observer, observed: Observed
) -> bool:
    """Say whether the initial import is still to be done: once for each vault and compartment."""
    if config.sync_options.initial_sync_behavior == InitialSync.OVERWRITE:
        return False
    planner = observer.planner(observed.listing)
    permitted = permitted_scope(status, planner, observed.listing)
    if permitted is None:
        return not (status.is_import_done or status.sync.at)
    return permitted != NOWHERE and permitted.place != scope_of(config).place


def to_be_imported(
    status: Status, config: SyncConfig, observer: Observer, observed: Observed
) -> frozenset[str]:
    """Return the names of what the initial import, if it is due, takes into the source before the sync."""
    if not import_is_due(status, config, observer, observed):
        return frozenset()
    planner = observer.planner(observed.listing)
    replace = config.sync_options.initial_sync_behavior == InitialSync.IMPORT_DESTINATION
    homes = homes_of(planner, observed)
    secrets = may_import(planner, observed, homes, replace=replace, is_first=True)
    return frozenset(secret.name for secret in secrets)


def import_first(run: Run) -> None:
    """Do the initial import, and record that it is done before anything is pushed.

    An import that could not be recorded would be repeated, over what people edit meanwhile: so it is tried
    first whether the status can be written.
    """
    run.lease.change(lambda _: None)
    behavior = run.sync.config.sync_options.initial_sync_behavior
    observed = run.settle(run.observe())
    replace = behavior == InitialSync.IMPORT_DESTINATION
    pending = import_secrets(run, observed, INITIAL, replace=replace)
    run.memory.imported.pop(INITIAL, None)
    run.save_memory()

    now = run.services.clock.now()
    reasons = [f"{name}: {entry.why}" for name, entry in sorted(pending.items())]
    text = shorten(f"{len(reasons)} could not be imported, and are kept. {join(reasons)}")

    def imported(status: Status) -> None:
        status.is_import_done, status.scope = True, scope_of(run.sync.config)
        status.import_ = Progress(
            status=Phase.FAILED if reasons else Phase.SUCCEEDED,
            job_id=run.job.job_id,
            message=text if reasons else None,
            at=None if reasons else now,
        )

    run.lease.change(imported)


def import_secrets(
    run: Run, observed: Observed, which: str, *, replace: bool
) -> dict[str, Pending]:
    """Write what the source lacks (with `replace`: also what differs); return what was not imported.

    What an earlier attempt of this import is done with is not read again. Raises Refused where nothing
    can be read at an initial import: that is rather for want of a permission.
    """
    planner, memory = run.observer.planner(observed.listing), run.memory
    names_done = memory.imported.setdefault(which, [])
    refuse_collisions(observed.source, planner.desired(observed.source))
    blind: dict[str, Pending] = {}
    homes = homes_of(planner, observed)
    importable = [
        secret
        for secret in may_import(
            planner, observed, homes, replace=replace, is_first=which == INITIAL
        )
        if secret.name not in names_done
    ]
    reader = _reader(run)
    keeper = Keeper(
        run.sync, planner, run.observer.source, memory, frozenset(), observed.source, None
    )
    for portion in (
        importable[start : start + PORTION] for start in range(0, len(importable), PORTION)
    ):
        found = read_importable(reader, observed, homes, portion, replace=replace)
        pending = found.refused | _write(run, keeper, found, replace=replace)
        if which == INITIAL and found.is_blind and not names_done:
            blind |= pending
        elif found.names:
            for part in [part for part in memory.import_pending if name_of(part) in found.names]:
                del memory.import_pending[part]
            memory.import_pending |= blind | pending
            names_done += [*blind, *found.names]
            blind = {}
            run.summary.has_progress = True
        if found.failure:
            raise found.failure
    if blind:
        reasons = [f"{name}: {entry.why}" for name, entry in sorted(blind.items())]
        raise Refused(
            f"Nothing was imported. {join(reasons)}. Permit it, or leave these out by a key schema."
        )
    done = set(names_done)
    left = {part: one for part, one in memory.import_pending.items() if name_of(part) in done}
    run.summary.errors = {part: entry.why for part, entry in left.items()}
    may_release = which != INITIAL and not replace
    _note_source_values(run, planner, observed, left, may_release=may_release)
    return left


def _reader(run: Run) -> Observer:
    """Return who reads contents for this run, and ends early enough for what was read to be written."""
    gate, services = run.gate, run.services
    return Observer(
        run.sync, services, Gate(services.clock, gate.deadline - WRITING_SECONDS), run.renew
    )


def _write(run: Run, keeper: Keeper, found: Importable, *, replace: bool) -> dict[str, Pending]:
    """Write to the source what it surely lacks; return what it refused, or may only hide, by name."""
    schema, now = keeper.planner.schema, run.services.clock.now()
    [hidden] = in_parallel(
        run.services.pool, [partial(keeper.hidden, found.values, now)], run.renew
    )
    refused = {
        schema.part(address): Pending(why=why, was_in_source=address in found.present)
        for address, why in hidden.items()
    }
    by_folder: dict[str, dict[str, str]] = {}
    for address in found.values.keys() - hidden:
        below, key = schema.split(address)
        by_folder.setdefault(below, {})[key] = found.values[address].get_secret_value()
    for below, values in by_folder.items():
        folder = run.sync.config.folder.below(below)
        write = partial(run.observer.source.write, folder, values, replace=replace)
        [whys] = in_parallel(run.services.pool, [write], run.renew)
        run.summary.imported += len(values) - len(whys)
        for key, why in whys.items():
            address = address_of(below, key)
            was_in_source = address in found.present
            refused[schema.part(address)] = Pending(why=why, was_in_source=was_in_source)
    return refused


def _note_source_values(
    run: Run,
    planner: Planner,
    observed: Observed,
    pending: dict[str, Pending],
    *,
    may_release: bool,
) -> None:
    """Note what the source held instead; an import that prioritizes the source ends what was held for it."""
    memory = run.observer.memory
    memory.keys |= learned_from(observed.source, planner, pending.__contains__)
    for part, value in planner.desired(observed.source).parts.items():
        if part in pending:
            pending[part].digest = planner.tags(part, value)[DIGEST_TAG]
        elif may_release:
            memory.import_pending.pop(part, None)
