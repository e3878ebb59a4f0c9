"""Three and more runs, people, faults and ticks in any order: the simulation in `tests/system/simulation`.

`python -m tests.system.simulation --seed 1234 --trace` replays a seed.
"""

import pytest

from functions.plan.kept import KeyMemory
from functions.plan.models import Folder
from functions.ports import Stored
from functions.state.memory import Memory, memory_object
from tests.support.memory import MemoryStore
from tests.system.simulation.provenance import remembered
from tests.system.simulation.simulate import simulate

pytestmark = pytest.mark.usefixtures("without_log")

CHUNKS = 20
SEEDS_A_CHUNK = 100


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


def test_a_large_memory_is_judged():
    """The judge reads memories of any size that the function writes, far beyond that of other objects."""
    store = MemoryStore("memory://", None)
    keys = {f"K{number:05}": KeyMemory(origin="import dev:/shared") for number in range(5_000)}
    body = Memory(about="dev:/a", keys=keys).model_dump_json().encode()
    store.objects[memory_object("secret-syncs/p/a.json")] = Stored(body, "1"), None
    assert remembered(store, Folder("p", "dev", "/a"), below=False).keys == keys
