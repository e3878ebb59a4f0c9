"""Three and more runs, people, faults and ticks in any order: the simulation in `tests/system/simulation`.

`python -m tests.system.simulation --seed 1234 --trace` replays a seed.
"""

import logging
from dataclasses import replace

import pytest

from functions.calls.deadline import Gate
from functions.jobs import done, drain
from functions.plan.sync_config import InitialSync
from functions.plan.table import Planner
from functions.run import observe, run
from functions.run.context import Run
from functions.run.observe import Observer
from functions.state.lease import HeldLease
from tests.system.simulation.audit import Violation
from tests.system.simulation.simulate import simulate
from tests.system.simulation.traffic import Weather

CHUNKS = 20
SEEDS_A_CHUNK = 100
SEEDS_TO_BE_CAUGHT = 300


@pytest.fixture(autouse=True)
def _without_log():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def simulate_all(seeds):
    """Play seeds until one breaks a rule."""
    for seed in seeds:
        try:
            simulate(seed)
        except BaseException as error:
            error.add_note(f"replay: python -m tests.system.simulation --seed {seed} --trace")
            raise


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_vault_follows_source(chunk):
    """Whatever happens in whatever order, two ticks after the last fault the vault is what the source wants."""
    simulate_all(range(chunk * SEEDS_A_CHUNK, (chunk + 1) * SEEDS_A_CHUNK))


def test_a_seed_decides_everything():
    """The same seed tells the same events, so that a failure can be replayed."""
    traces = [[], []]
    for events in traces:
        simulate(7, events.append)
    assert traces[0] == traces[1]


def check_all_but_the_lease(gate, check=Gate.check):
    """Check a gate as if no lease had an end."""
    held, gate.lease_until = gate.lease_until, None
    try:
        check(gate)
    finally:
        gate.lease_until = held


def draw_with_stale_lists(random, end, draw=Weather.draw):
    """Draw a weather in which lists are as stale as they ever are: some harm is done only then."""
    return replace(draw(random, end), stale_seconds=60)


def has_import(run, _observed):
    """Say whether a sync was made with an import, not whether that is still to be done."""
    options = run.sync.config.sync_options
    return options.initial_sync_behavior != InitialSync.OVERWRITE


BREAKAGES = {
    "a run goes on when its lease is lost": (Gate, "check", check_all_but_the_lease),
    "a lease is ignored": (HeldLease, "_is_held_by_another", lambda *_: False),
    "lifecycle states are ignored": (Run, "settle", lambda _, observed: observed),
    "stale lists are trusted": (Observer, "refresh", lambda _, listing, *__: listing),
    "other syncs are ignored": (Planner, "owned_by_other", lambda *_: None),
    "replicas are written": (Planner, "protected_because", lambda *_: None),
    "a hint counts as served at once": (done, "covered_at", lambda job: job.created_at),
    "an edited config is followed": (HeldLease, "check_config", lambda *_: None),
    "the guards are off": (observe, "guard", lambda plan, *_, **__: plan),
    "nothing is noted before it is written": (Run, "_mark", lambda *_: None),
    "the first import is repeated": (run, "import_is_due", has_import),
    "messages are deleted whatever became of the job": (
        drain,
        "done_because",
        lambda *_: "it ended",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_simulation_catches(breakage, monkeypatch):
    """A function that is broken like this does not pass: the simulation sees what it claims to see."""
    monkeypatch.setattr(*BREAKAGES[breakage])
    monkeypatch.setattr(Weather, "draw", draw_with_stale_lists)
    with pytest.raises(Violation):
        simulate_all(range(SEEDS_TO_BE_CAUGHT))
