"""Functions that are broken on purpose. The simulation must catch each, or it does not see what it claims to see.

`make breakages` runs them: what is replaced, and by what.
"""

from dataclasses import replace

from functions.calls.deadline import Gate
from functions.jobs import done, drain
from functions.plan import kept
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run import context, keep, observe, run, start
from functions.run.context import Run
from functions.run.keep import Keeper
from functions.run.observe import Observer
from functions.state.lease import HeldLease
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


def ignore_errors(source, *how, desired_from=observe.desired_from):
    """Take a key whose value is not known for one that is not there."""
    return desired_from(replace(source, errors={}), *how)


def take_the_own_lease_for_proof(document, draft, swap=StatusDocument._swap):
    """Take a status that bears the own lease for the one that was written, the answer being lost."""
    loads, is_done = document.loads, swap(document, draft)
    lease = document.status.lease
    if draft.lease and lease and lease.run == draft.lease.run:
        document.loads = loads
    return is_done


BREAKAGES = {
    "a run goes on when its lease is lost": (Gate, "check", check_all_but_the_lease),
    "a lease is ignored": (HeldLease, "_is_held_by_another", lambda *_: False),
    "a look counts whoever wrote the status since": (start, "_is_untouched", lambda *_: True),
    "a look counts as the own lease is found": (
        StatusDocument,
        "_swap",
        take_the_own_lease_for_proof,
    ),
    "it is looked while another may be at work": (
        StatusDocument,
        "shows_no_lease",
        property(lambda document: bool(document.loads)),
    ),
    "lifecycle states are ignored": (Run, "settle", lambda _, observed: observed),
    "stale lists are trusted": (Observer, "refresh", lambda _, listing, *__: listing),
    "other syncs are ignored": (Planner, "owned_by_other", lambda *_: None),
    "replicas are written": (Planner, "protected_because", lambda *_: None),
    "a hint counts as served at once": (done, "covered_at", lambda job: job.created_at),
    "an edited config is followed": (HeldLease, "check_config", lambda *_: None),
    "the config is looked at now and then": (Run, "save_memory", save_alone),
    "the guards are off": (observe, "guard", lambda plan, *_, **__: plan),
    "what cannot be read is replaced": (Planner, "may_write_unread", lambda *_: True),
    "nothing is noted before it is written": (Run, "_mark", lambda *_: None),
    "the first import is repeated": (run, "import_is_due", has_import),
    "messages are deleted whatever became of the job": (
        drain,
        "done_because",
        lambda *_: "it ended",
    ),
    # What cannot be read is not gone: the unit is the key
    "no place is asked": (Keeper, "_missing", lambda *_, **__: None),
    "the memory is written after the vault": (context, "keys_before", lambda known, *_: known),
    # Ranks
    "a lower import counts": (keep, "missing", ask_only_where_nothing_gives_the_key),
    # References
    "an unresolved reference is text": (keep, "lost_reference", lambda *_: None),
    "whatever gives a target counts": (keep, "missing", ask_nothing_of_references),
    # Cost
    "what is not asked is gone": (Keeper, "_missing", not_asked_is_gone),
    # Values that hide
    "what cannot be told is not there": (observe, "desired_from", ignore_errors),
}
LOST_ANSWERS = {
    "a look counts whoever wrote the status since": 0.2,
    "a look counts as the own lease is found": 0.2,
}
"""Which part of all answers must get lost for what is broken to do harm, where that is seldom else."""
