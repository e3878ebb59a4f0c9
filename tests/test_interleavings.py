"""The deterministic simulation: every interleaving that a seed draws must keep all rules.

To replay a seed: `python -m tests.simulation --seed 1234 --trace`.
"""

import logging

import pytest

from functions.core.gate import Gate
from functions.jobs import Desk
from functions.ledger import HeldLease
from functions.look import Viewer
from tests.simulation.play import play

CHUNKS = 20
SEEDS_A_CHUNK = 100
MOST_SEEDS = 400


def first_failure(seeds):
    for seed in seeds:
        try:
            play(seed)
        except Exception as error:
            error.add_note(f"replay: python -m tests.simulation --seed {seed} --trace")
            raise


@pytest.fixture(autouse=True)
def _quiet():
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_vault_follows_source(chunk):
    """Whatever happens in whatever order, two ticks after the last fault the vault is as the source wants."""
    first_failure(range(chunk * SEEDS_A_CHUNK, (chunk + 1) * SEEDS_A_CHUNK))


def test_a_seed_decides_everything():
    """The same seed plays the same story, so that a failure can be replayed."""

    def story():
        lines = []
        play(7, lines.append)
        return lines

    assert story() == story()
