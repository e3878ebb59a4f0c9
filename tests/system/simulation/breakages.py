"""Functions that are broken on purpose. The simulation must catch each, or it does not see what it claims to see.

`make breakages` runs them: what is replaced, and by what.
"""

from dataclasses import replace

from functions.calls.deadline import Gate
from functions.jobs import done, drain
from functions.plan import kept, table
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run import cleanup, context, import_secrets, keep, observe, push, run, start
from functions.run.context import Run
from functions.run.keep import Keeper
from functions.run.observe import Observer
from functions.sources.infisical.evidence import Evidence, Folders
from functions.state import memory
from functions.state.lease import HeldLease
from functions.state.status import Status
from functions.state.status_document import StatusDocument


def check_all_but_the_lease(gate, check=Gate.check):
    """Check a gate as if no lease had an end."""
    held, gate.lease_until = gate.lease_until, None
    try:
        check(gate)
    finally:
        gate.lease_until = held


def save_alone(run, mutate=lambda _: None, *_, save=Run.save_memory):
    """Write the marks without a look at the config beside them."""
    save(run, mutate)


def has_import(_status, config, *_):
    """Say whether a sync was made with an import, not whether that is still to be done."""
    return config.sync_options.initial_sync_behavior != InitialSync.OVERWRITE


def ask_only_where_nothing_gives_the_key(change, key, secret, *how, ask=kept.missing, **more):
    """Take any place that gives a key now for as good as the one that gave it before."""
    return (one for one in ask(change, key, secret, *how, **more) if one.shown_by is None)


def ask_nothing_of_references(*how, ask=kept.missing, **more):
    """Follow references to whatever gives their targets now."""
    return (one for one in ask(*how, **more) if not one.is_reference)


def not_asked_is_gone(keeper, change, now, *, may_ask_all, missing=Keeper._missing):
    """Take a place that is not asked for gone."""
    return missing(keeper, change, now, may_ask_all=True) if may_ask_all else None


def names_nothing_where_refused(evidence, place, ask=Evidence._imports_of):
    """Take a list of imports that is refused for an empty one."""
    return ask(evidence, place) or []


def forget_former_places(status, place):
    """Note where a run writes to, and not where the ones before it did."""
    status.place = place
    return False


def take_all_that_is_here(observer, place, _here, look=cleanup._look):
    """Take whatever carries the tag, also what the sync writes to."""
    return look(observer, place, None)


def import_also_its_own(*how, may_import=import_secrets.may_import, **more):
    """Import at first what the sync itself wrote, too."""
    return may_import(*how, **more | {"is_first": False})


def import_once(status, config, *_):
    """Do the first import of a sync for the first of its vaults alone."""
    return has_import(status, config) and not (status.is_import_done or status.sync.at)


def stop_at_refused_content(observer, secrets, read=Observer.read):
    """Take a content that is not handed out for the end of the run."""
    bundles, refusals, failure = read(observer, secrets)
    return bundles, {}, failure or next(iter(refusals.values()), None)


def go_on_as_before(status):
    """Take a config that comes back for the one that was there."""
    status.orphaned_at = None


def ignore_errors(source, *how, desired_from=table.desired_from):
    """Take a key whose value is not known for one that is not there."""
    return desired_from(replace(source, errors={}), *how)


def take_the_own_lease_for_proof(document, draft, swap=StatusDocument._swap):
    """Take a status that bears the own lease for the one that was written, the answer being lost."""
    loads, is_done = document.loads, swap(document, draft)
    lease = document.status.lease
    if draft.lease and lease and lease.run == draft.lease.run:
        document.loads = loads
    return is_done


NOBODYS = "it is somebody else's"
HIDES = "what gave it hides"
BREAKAGES = {
    "a run goes on when its lease is lost": (Gate, "check", check_all_but_the_lease, "newer run"),
    "a lease is ignored": (HeldLease, "_is_held_by_another", lambda *_: False, "newer run"),
    "a look counts whoever wrote the status since": (
        start,
        "_is_untouched",
        lambda *_: True,
        "does not count",
    ),
    "a look counts as the own lease is found": (
        StatusDocument,
        "_swap",
        take_the_own_lease_for_proof,
        "does not count",
    ),
    "it is looked while another may be at work": (
        StatusDocument,
        "shows_no_lease",
        property(lambda document: bool(document.loads)),
        "does not count",
    ),
    "lifecycle states are ignored": (Run, "settle", lambda _, observed: observed, "block"),
    "stale lists are trusted": (
        Observer,
        "refresh",
        lambda _, listing, *__: listing,
        "is not there|who gave it|its status is failed",
    ),
    "other syncs are ignored": (Planner, "owned_by_other", lambda *_: None, NOBODYS),
    "replicas are written": (Planner, "protected_because", lambda *_: None, NOBODYS),
    "a hint counts as served at once": (
        done,
        "covered_at",
        lambda job: job.created_at,
        "old value",
    ),
    "an edited config is followed": (HeldLease, "check_config", lambda *_: None, "config"),
    "the config is looked at now and then": (Run, "save_memory", save_alone, "not looked at"),
    "the guards are off": (observe, "guard", lambda plan, *_, **__: plan, "too many deletions"),
    "what cannot be read is replaced": (
        Planner,
        "may_write_unread",
        lambda *_: True,
        "it was not read",
    ),
    "nothing is noted before it is written": (Run, "_mark", lambda *_: None, "who gave it"),
    "the first import is repeated": (run, "import_is_due", has_import, "an import is repeated"),
    "messages are deleted whatever became of the job": (
        drain,
        "done_because",
        lambda *_: "it ended",
        "still there|old value|absent",
    ),
    # What cannot be read is not gone: the unit is the key
    "no place is asked": (Keeper, "_missing", lambda *_, **__: None, HIDES),
    "the memory is written after the vault": (
        context,
        "keys_before",
        lambda known, *_: known,
        "nobody will know who gave it",
    ),
    "another option forgets nothing": (memory, "_about", lambda _: "", "absent|still there"),
    # Was an import removed, or is it unreadable?
    "a refused list of imports names nothing": (
        Evidence,
        "_imports_of",
        names_nothing_where_refused,
        HIDES,
    ),
    "a folder that hides does not exist": (Folders, "is_absent", lambda *_: True, HIDES),
    # Ranks
    "a lower import counts": (keep, "missing", ask_only_where_nothing_gives_the_key, HIDES),
    # References
    "an unresolved reference is text": (keep, "lost_reference", lambda *_: None, HIDES),
    "whatever gives a target counts": (keep, "missing", ask_nothing_of_references, HIDES),
    # Cost
    "what is not asked is gone": (Keeper, "_missing", not_asked_is_gone, HIDES),
    # Values that hide
    "what cannot be told is not there": (
        table,
        "desired_from",
        ignore_errors,
        "its value is unknown",
    ),
    # Content that OCI does not hand out
    "one refused content stops all": (Observer, "read", stop_at_refused_content, "old value"),
    # Import holds
    "what was not imported is not held": (
        Keeper,
        "_pending",
        lambda *_: None,
        "an import left it open",
    ),
    "any value ends a hold": (Keeper, "_has_changed", lambda *_: True, "an import left it open"),
    # Guards
    "a scope is as wide as the config says": (
        Keeper,
        "_not_permitted",
        lambda *_: None,
        "an edit brought it into the scope",
    ),
    "one run makes a scope wider": (
        push,
        "is_new",
        lambda *_, **__: False,
        "an edit brought it into the scope",
    ),
    "what was deleted lately does not count": (
        Status,
        "deletions_since",
        lambda *_: 0,
        "too many deletions",
    ),
    "an import is done for all vaults": (run, "import_is_due", import_once, "never imported"),
    "a sync imports its own secrets": (
        import_secrets,
        "may_import",
        import_also_its_own,
        "the sync itself wrote it",
    ),
    # What edits leave behind
    "former places are forgotten": (Status, "see_place", forget_former_places, "nobody knows"),
    "cleanup takes what is in scope": (cleanup, "_look", take_all_that_is_here, "it is in scope"),
    # Orphans
    "a config that comes back goes on": (Status, "begin_again", go_on_as_before, "never imported"),
}
"""What is replaced, by what, and what the judge then says."""
LOST_ANSWERS = {
    "a look counts whoever wrote the status since": 0.2,
    "a look counts as the own lease is found": 0.2,
}
"""Which part of all answers must get lost for what is broken to do harm, where that is seldom else."""
