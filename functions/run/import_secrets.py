"""Bring secrets of the vault into the source: the initial import, and the import job."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from functions.calls.deadline import Gate
from functions.calls.parallel import in_parallel
from functions.errors import ContentRefused, InvalidInput, Refused, SyncError
from functions.plan.desired import desired_from
from functions.plan.models import State, VaultSecret
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import join
from functions.plan.scope import NOWHERE, scope_of
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run.context import Run
from functions.run.observe import Observed, Observer, permitted_scope, refuse_collisions
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
    replace = run.job.args.import_behavior == "prioritize-destination"
    import_secrets(run, run.job.job_id, replace=replace)
    run.scope = scope_of(run.sync.config)
    return run.summary.conclude()


def import_is_due(run: Run, observed: Observed) -> bool:
    """Say whether the initial import is still to be done: once for each vault and compartment."""
    status, config = run.document.status, run.sync.config
    if config.sync_options.initial_sync_behavior == InitialSync.OVERWRITE:
        return False
    planner = run.observer.planner(observed.listing)
    permitted = permitted_scope(status, planner, observed.listing)
    if permitted is None:
        return not (status.is_import_done or status.sync.at)
    return permitted != NOWHERE and permitted.place != scope_of(config).place


def import_first(run: Run) -> None:
    """Do the initial import, and record that it is done before anything is pushed.

    An import that could not be recorded would be repeated, over what people edit meanwhile: so it is tried
    first whether the status can be written.
    """
    run.lease.change(lambda _: None)
    behavior = run.sync.config.sync_options.initial_sync_behavior
    pending = import_secrets(run, INITIAL, replace=behavior == InitialSync.IMPORT_DESTINATION)
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


def import_secrets(run: Run, which: str, *, replace: bool) -> dict[str, Pending]:
    """Write what the source lacks (with `replace`: also what differs); return what was not imported.

    What an earlier attempt of this import is done with is not read again. Raises Refused where nothing
    can be read at an initial import: that is rather for want of a permission.
    """
    observed = run.settle(run.observe())
    planner, memory = run.observer.planner(observed.listing), run.memory
    names_done = memory.imported.setdefault(which, [])
    refuse_collisions(observed.source, desired_from(observed.source, planner.schema, planner.only))
    blind: dict[str, Pending] = {}
    homes = _homes(planner, observed)
    importable = [
        secret
        for secret in _importable(planner, observed, homes, replace=replace, which=which)
        if secret.name not in names_done
    ]
    reader = _reader(run)
    for portion in (
        importable[start : start + PORTION] for start in range(0, len(importable), PORTION)
    ):
        found = _read(reader, observed, homes, portion)
        pending = found.refused | _write(run, planner, found, replace=replace)
        if which == INITIAL and found.is_blind and not names_done:
            blind |= pending
        elif found.names:
            for name in found.names:
                memory.import_pending.pop(name, None)
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
    left = {n: memory.import_pending[n] for n in names_done if n in memory.import_pending}
    run.summary.errors = {name: entry.why for name, entry in left.items()}
    may_release = which != INITIAL and not replace
    _note_source_values(run, planner, observed, left, may_release=may_release)
    return left


def _reader(run: Run) -> Observer:
    """Return who reads contents for this run, and ends early enough for what was read to be written."""
    gate, services = run.gate, run.services
    return Observer(
        run.sync, services, Gate(services.clock, gate.deadline - WRITING_SECONDS), run.renew
    )


def _write(
    run: Run, planner: Planner, found: "_Importable", *, replace: bool
) -> dict[str, Pending]:
    """Write to the source; return what it refused, by name."""
    by_folder: dict[str, dict[str, str]] = {}
    for address, value in found.values.items():
        below, key = planner.schema.split(address)
        by_folder.setdefault(below, {})[key] = value.get_secret_value()
    refused: dict[str, Pending] = {}
    for below, values in by_folder.items():
        folder = run.sync.config.folder.below(below)
        write = partial(run.observer.source.write, folder, values, replace=replace)
        [whys] = in_parallel(run.services.pool, [write], run.renew)
        run.summary.imported += len(values) - len(whys)
        for key, why in whys.items():
            address = f"{below}/{key}" if below else key
            was_in_source = address in found.present
            refused[planner.schema.render(address)] = Pending(why=why, was_in_source=was_in_source)
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
    for name, value in desired_from(observed.source, planner.schema, planner.only).values.items():
        if name in pending:
            pending[name].digest = planner.tags(name, value)[DIGEST_TAG]
        elif may_release:
            memory.import_pending.pop(name, None)


@dataclass(frozen=True, slots=True)
class _Importable:
    names: Collection[str]
    """What was read, or may not be."""
    values: dict[str, SecretStr]
    """By address of the key."""
    refused: dict[str, Pending]
    present: frozenset[str]
    is_blind: bool
    """Whether there was something to read, and none of it may be."""
    failure: SyncError | None
    """What kept others from being read."""


def _homes(planner: Planner, observed: Observed) -> dict[str, str]:
    """Return by vault name the address of the key that is pushed to that same name again.

    A name that no key of the source has belongs to the sub-folder whose path it begins with, if there is one.
    """
    schema, source = planner.schema, observed.source
    present = {
        schema.render(at): at for at in (*source.errors, *(s.address for s in source.secrets))
    }
    folders = {schema.split(address)[0] for address in present.values()} - {""}
    found = {
        name: present.get(name) or schema.strip(name, folders)
        for name in planner.index(observed.listing)
    }
    return {name: at for name, at in found.items() if at is not None and schema.render(at) == name}


def _importable(
    planner: Planner, observed: Observed, homes: Mapping[str, str], *, replace: bool, which: str
) -> list[VaultSecret]:
    """Return what may be imported: ACTIVE, in scope, nobody else's, first of all nothing of its own."""
    present = {s.address for s in observed.source.secrets} | observed.source.errors.keys()
    is_first = which == INITIAL
    return [
        secret
        for name, secret in sorted(planner.index(observed.listing).items())
        if secret.state == State.ACTIVE
        and name in homes
        and not planner.protected_because(secret)
        and not planner.owned_by_other(secret)
        and not (is_first and planner.is_mine(secret) and DIGEST_TAG in secret.tags)
        and (replace or homes[name] not in present)
    ]


def _read(
    reader: Observer, observed: Observed, homes: Mapping[str, str], secrets: Sequence[VaultSecret]
) -> _Importable:
    """Read what is to be imported."""
    source = {secret.address: secret.value for secret in observed.source.secrets}
    merged = [secret for secret in observed.source.secrets if not secret.folder]
    below = {secret.key for secret in merged if secret.origin and secret.origin.kind != "import"}
    present = frozenset(source) | frozenset(observed.source.errors)
    bundles, unreadable, failure = reader.read(secrets)
    refused = {
        name: Pending(
            why=f"its content in the vault cannot be read: {why}",
            was_in_source=homes[name] in present,
        )
        for name, why in unreadable.items()
    }
    values: dict[str, SecretStr] = {}
    for name, bundle in bundles.items():
        address = homes[name]
        try:
            text = bundle.value.get_secret_value().decode()
        except UnicodeDecodeError:
            why = "its content is not text, so the source cannot hold it"
            refused[name] = Pending(why=why, was_in_source=address in present)
            continue
        if not text or (address in source and source[address].get_secret_value() == text):
            continue
        if address in below:
            why = "the source holds it in a sub-folder, with another value; change it there"
            refused[name] = Pending(why=why, was_in_source=True)
        else:
            values[address] = SecretStr(text)
    is_blind = bool(unreadable) and not (bundles or any(map(_is_of_one, unreadable.values())))
    names = [*bundles, *unreadable]
    return _Importable(names, values, refused, present, is_blind, failure)


def _is_of_one(refusal: SyncError) -> bool:
    """Say whether a refusal concerns its secret alone; the others may be for want of a permission."""
    return isinstance(refusal, ContentRefused)
