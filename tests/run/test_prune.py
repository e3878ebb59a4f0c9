"""Old versions go before a write needs their room, in virtual time."""

import pytest

from functions.run.verify import MANY_VERSIONS
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import EVENT, FOLDER, ticks, world_of_one_sync


@pytest.mark.parametrize(
    ("versions", "is_pruned"), [(MANY_VERSIONS - 1, False), (MANY_VERSIONS, True)]
)
def test_a_verification_prunes_what_is_nearly_full(monkeypatch, caplog, versions, is_pruned):
    """A verification deletes old versions of a secret that has 25 of them, and of no other."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    prune, pruned, least = MemoryVault.prune_versions, [], set()

    def noted(self, secret, *args, **how):
        pruned.append(secret.name)
        least.add(how["at_least"] if how else None)
        return prune(self, secret, *args, **how)

    monkeypatch.setattr(MemoryVault, "prune_versions", noted)
    for number in range(versions):
        world.source.folders[FOLDER] = {"A": str(number), "B": "1"}
        world.start("webhook", lambda invocation: invocation.webhook(EVENT))
        world.scheduler.run(world.scheduler.seconds + 60)
    assert pruned == []
    ticks(world, 1)
    assert pruned == (["A"] if is_pruned else [])
    assert "stay for now" not in caplog.text
    # A version's number may be higher than how many there are.
    assert least == ({MANY_VERSIONS} if is_pruned else set())
