"""Three and more runs, people, faults and ticks in any order: the simulation in `tests/system/simulation`.

`python -m tests.system.simulation --seed 1234 --trace` replays a seed.
"""

import logging
import re
from dataclasses import replace

import pytest

from functions.plan.kept import KeyMemory
from functions.plan.models import Folder
from functions.ports import Stored
from functions.state.memory import Memory, memory_object
from tests.support.memory import MemoryStore
from tests.system.simulation import simulate as simulate_module
from tests.system.simulation.audit import Violation
from tests.system.simulation.breakages import BREAKAGES, LOST_ANSWERS
from tests.system.simulation.edits import EVERY
from tests.system.simulation.memory_world import World
from tests.system.simulation.provenance import remembered
from tests.system.simulation.simulate import simulate
from tests.system.simulation.traffic import Weather

CHUNKS = 20
SEEDS_A_CHUNK = 100
SEEDS_TO_BE_CAUGHT = (*range(100), *range(101, 1200, EVERY), *range(102, 500))
"""Some of all, more of those in which syncs are edited, more of all."""


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


def test_whoever_is_under_way_ends_with_the_seed(monkeypatch):
    """A seed that breaks a rule leaves nobody asleep: they may hold a lock that another test waits for."""
    worlds = []

    def kept(*how):
        worlds.append(World(*how))
        return worlds[-1]

    monkeypatch.setattr(simulate_module, "World", kept)
    *what, _ = BREAKAGES["the guards are off"]
    monkeypatch.setattr(*what)
    with pytest.raises(Violation):
        simulate_all(SEEDS_TO_BE_CAUGHT)
    assert worlds[-1].is_quiet()


def bad_weather(breakage, draw=Weather.draw):
    """Return how to draw a weather in which lists are as stale as they ever are: some harm is done only then."""
    lost = {"lost": LOST_ANSWERS[breakage]} if breakage in LOST_ANSWERS else {}
    return lambda random, end: replace(draw(random, end), stale_seconds=60, **lost)


def what_breaks(seed):
    """Return what the judge says of a seed: nothing, where all is well."""
    try:
        simulate(seed)
    except Violation as violation:
        return str(violation)
    return ""


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_simulation_catches(breakage, monkeypatch):
    """A function that is broken like this does not pass, and the judge says which of its rules it breaks."""
    *what, rule = BREAKAGES[breakage]
    monkeypatch.setattr(*what)
    monkeypatch.setattr(Weather, "draw", bad_weather(breakage))
    assert any(re.search(rule, what_breaks(seed)) for seed in SEEDS_TO_BE_CAUGHT)


def test_a_large_memory_is_judged():
    """The judge reads memories of any size that the function writes, far beyond that of other objects."""
    store = MemoryStore("memory://", None)
    keys = {f"K{number:05}": KeyMemory(origin="import dev:/shared") for number in range(5_000)}
    body = Memory(about="dev:/a", keys=keys).model_dump_json().encode()
    store.objects[memory_object("secret-syncs/p/a.json")] = Stored(body, "1"), None
    assert remembered(store, Folder("p", "dev", "/a"), below=False).keys == keys
