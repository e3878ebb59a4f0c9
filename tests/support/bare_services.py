"""What a piece of a run needs of the outside world, and no more than a test gives it."""

from random import Random

from functions.calls.parallel import ThreadPool
from functions.run.services import RunServices
from tests.support.memory import MemoryStore
from tests.support.plan_examples import DIGESTS


def bare_services(clock, **more):
    """Return services with an empty store, no other sync, and neither source nor vault."""
    nothing = {
        "notifier": None,
        "source": lambda _: None,
        "vault": lambda *_: None,
        "protected_ids": frozenset,
        "existing_sync_ids": frozenset,
    }
    store = MemoryStore("oci://b@n/p", clock)
    return RunServices(clock, Random(1), store, ThreadPool(1), DIGESTS, **{**nothing, **more})
