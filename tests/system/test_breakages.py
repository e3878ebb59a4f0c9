"""The function, broken on purpose: the simulation in `tests/system/simulation` catches each such change."""

import re
from dataclasses import replace

import pytest

from tests.system.simulation import simulate as simulate_module
from tests.system.simulation.audit import Violation
from tests.system.simulation.breakages import BREAKAGES, LOST_ANSWERS
from tests.system.simulation.edits import EVERY
from tests.system.simulation.memory_world import World
from tests.system.simulation.simulate import simulate
from tests.system.simulation.traffic import Weather

pytestmark = pytest.mark.usefixtures("without_log")

SEEDS_TO_BE_CAUGHT = (*range(100), *range(101, 1200, EVERY), *range(102, 500))
"""Some of all, more of those in which syncs are edited, more of all."""


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


def test_whoever_is_under_way_ends_with_the_seed(monkeypatch):
    """A seed that breaks a rule leaves nobody asleep: they may hold a lock that another test waits for."""
    worlds = []

    def kept(*how):
        worlds.append(World(*how))
        return worlds[-1]

    monkeypatch.setattr(simulate_module, "World", kept)
    *what, _ = BREAKAGES["the guards are off"]
    monkeypatch.setattr(*what)
    assert any(map(what_breaks, SEEDS_TO_BE_CAUGHT))
    assert worlds[-1].is_quiet()
