"""Bring secrets of the vault into the source: the initial import, and the import job."""

from dataclasses import dataclass
from functools import partial

from pydantic import SecretStr

from functions.calls.parallel import meanwhile
from functions.errors import Refused
from functions.plan.models import State
from functions.plan.naming import KeySchema
from functions.plan.table import Planner
from functions.run.context import Work
from functions.run.observe import Seen
from functions.run.outcome import Outcome, join
from functions.state.status import Pending, Status


def import_only(work: Work) -> Outcome:
    """Import, and neither push nor delete anything."""
    pending = bring(work, replace=work.job.args.import_behavior == "prioritize-destination")
    work.lease.change(lambda status: status.remember_pending(pending))
    return work.tally.conclude()


def import_first(work: Work, *, replace: bool) -> None:
    """Do the initial import, and record that it is done before anything is pushed.

    An import that could not be recorded would be repeated, over what people edit meanwhile: so it is tried
    first whether the status can be written.
    """
    work.lease.change(lambda _: None)
    pending = bring(work, replace=replace, is_first=True)

    def imported(status: Status) -> None:
        status.remember_pending(pending)
        status.is_import_done = True

    work.lease.change(imported)


def bring(work: Work, *, replace: bool, is_first: bool = False) -> dict[str, Pending]:
    """Write what the source lacks (with `replace`: also what differs); return what was not imported.

    Raises Refused where nothing can be read and it `is_first`: that is rather for want of a permission.
    """
    seen = work.look()
    listing = work.settle(seen.listing)
    planner = work.viewer.planner(listing)
    found = _read(work, planner, Seen(seen.source, listing), replace=replace)
    pending = dict(found.refused)
    if is_first and found.is_blind:
        reasons = [f"{name}: {entry.why}" for name, entry in sorted(pending.items())]
        raise Refused(
            f"Nothing was imported. {join(reasons)}. Permit it, or leave these out by a key schema."
        )
    if found.values:
        values = {key: value.get_secret_value() for key, value in found.values.items()}
        write = partial(work.viewer.source.write, work.sync.config.folder, values, replace=replace)
        refused = meanwhile(work.tools.pool, write, work.keep)
        work.tally.counts["imported"] += len(values) - len(refused)
        for key, why in refused.items():
            entry = Pending(why=why, was_in_source=key in found.present)
            pending[planner.schema.render(key)] = entry
    work.tally.errors = {name: entry.why for name, entry in pending.items()}
    return pending


@dataclass(frozen=True, slots=True)
class _Found:
    values: dict[str, SecretStr]
    refused: dict[str, Pending]
    present: frozenset[str]
    is_blind: bool
    """Whether there was something to read, and none of it may be."""


def _read(work: Work, planner: Planner, seen: Seen, *, replace: bool) -> _Found:
    """Read what may be imported: ACTIVE, in scope, nobody else's."""
    source = {secret.key: secret.value for secret in seen.source.secrets}
    below = {s.key for s in seen.source.secrets if s.origin and s.origin.kind != "import"}
    present = frozenset(source) | frozenset(seen.source.errors)
    secrets = [
        secret
        for secret in planner.index(seen.listing).values()
        if secret.state == State.ACTIVE
        and _comes_back(planner.schema, secret.name)
        and not planner.hands_off(secret)
        and not planner.foreign(secret)
        and (replace or planner.schema.strip(secret.name) not in present)
    ]
    bundles, unreadable = work.viewer.read(secrets)
    refused = {
        name: Pending(why=why, was_in_source=planner.schema.strip(name) in present)
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
    is_blind = bool(unreadable) and not bundles
    return _Found(values, refused, present, is_blind)


def _comes_back(schema: KeySchema, name: str) -> bool:
    """Say whether the key that a name stands for is pushed to that same name again."""
    key = schema.strip(name)
    return key is not None and schema.render(key) == name
