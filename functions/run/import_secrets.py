"""Bring secrets of the vault into the source: the initial import, and the import job."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from functions.calls.parallel import in_parallel
from functions.errors import ContentRefused, InvalidInput, Refused, SyncError
from functions.plan.desired import desired_from
from functions.plan.models import State, VaultSecret
from functions.plan.naming import KeySchema
from functions.plan.ownership import DIGEST_TAG
from functions.plan.plan import join
from functions.plan.scope import NOWHERE, scope_of
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run.context import Run
from functions.run.observe import Observed, permitted_scope
from functions.run.outcome import Outcome
from functions.state.status import Pending, Phase, Progress, Status, shorten

INITIAL = "initial"
PORTION = 8
"""So many are read and written before it is noted that they are done."""


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
    blind: dict[str, Pending] = {}
    importable = [
        secret
        for secret in _importable(planner, observed, replace=replace, is_first=which == INITIAL)
        if secret.name not in names_done
    ]
    for portion in (
        importable[start : start + PORTION] for start in range(0, len(importable), PORTION)
    ):
        found = _read(run, planner, observed, portion)
        pending = found.refused | _write(run, planner, found, replace=replace)
        if which == INITIAL and found.is_blind and not names_done:
            blind |= pending
            continue
        for secret in portion:
            memory.import_pending.pop(secret.name, None)
        memory.import_pending |= blind | pending
        names_done += [*blind, *(secret.name for secret in portion)]
        blind = {}
        run.summary.has_progress = True
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


def _write(
    run: Run, planner: Planner, found: "_Importable", *, replace: bool
) -> dict[str, Pending]:
    """Write to the source; return what it refused, by name."""
    if not found.values:
        return {}
    values = {key: value.get_secret_value() for key, value in found.values.items()}
    write = partial(run.observer.source.write, run.sync.config.folder, values, replace=replace)
    [refused] = in_parallel(run.services.pool, [write], run.renew)
    run.summary.imported += len(values) - len(refused)
    return {
        planner.schema.render(key): Pending(why=why, was_in_source=key in found.present)
        for key, why in refused.items()
    }


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
    values: dict[str, SecretStr]
    refused: dict[str, Pending]
    present: frozenset[str]
    is_blind: bool
    """Whether there was something to read, and none of it may be."""


def _importable(
    planner: Planner, observed: Observed, *, replace: bool, is_first: bool
) -> list[VaultSecret]:
    """Return what may be imported: ACTIVE, in scope, nobody else's, first of all nothing of its own."""
    present = {secret.key for secret in observed.source.secrets} | observed.source.errors.keys()
    return [
        secret
        for name, secret in sorted(planner.index(observed.listing).items())
        if secret.state == State.ACTIVE
        and _comes_back(planner.schema, name)
        and not planner.protected_because(secret)
        and not planner.owned_by_other(secret)
        and not (is_first and planner.is_mine(secret) and DIGEST_TAG in secret.tags)
        and (replace or planner.schema.strip(name) not in present)
    ]


def _read(
    run: Run, planner: Planner, observed: Observed, secrets: Sequence[VaultSecret]
) -> _Importable:
    """Read what is to be imported."""
    source = {secret.key: secret.value for secret in observed.source.secrets}
    below = {s.key for s in observed.source.secrets if s.origin and s.origin.kind != "import"}
    present = frozenset(source) | frozenset(observed.source.errors)
    bundles, unreadable, failure = run.observer.read(secrets)
    if failure:
        raise failure
    refused = {
        name: Pending(
            why=f"its content in the vault cannot be read: {why}",
            was_in_source=planner.schema.strip(name) in present,
        )
        for name, why in unreadable.items()
    }
    values: dict[str, SecretStr] = {}
    for name, bundle in bundles.items():
        key = planner.schema.strip(name) or ""
        try:
            text = bundle.value.get_secret_value().decode()
        except UnicodeDecodeError:
            why = "its content is not text, so the source cannot hold it"
            refused[name] = Pending(why=why, was_in_source=key in present)
            continue
        if not text or (key in source and source[key].get_secret_value() == text):
            continue
        if key in below:
            why = "the source holds it in a sub-folder, with another value; change it there"
            refused[name] = Pending(why=why, was_in_source=True)
        else:
            values[key] = SecretStr(text)
    is_blind = bool(unreadable) and not (bundles or any(map(_is_of_one, unreadable.values())))
    return _Importable(values, refused, present, is_blind)


def _is_of_one(refusal: SyncError) -> bool:
    """Say whether a refusal concerns its secret alone; the others may be for want of a permission."""
    return isinstance(refusal, ContentRefused)


def _comes_back(schema: KeySchema, name: str) -> bool:
    """Say whether the key that a name stands for is pushed to that same name again."""
    key = schema.strip(name)
    return key is not None and schema.render(key) == name
