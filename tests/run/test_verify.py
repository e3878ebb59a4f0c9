"""How much of a verification is done between two notes of it, in virtual time."""

import pytest

from functions.errors import Refused, WrongState
from functions.run.verify import PORTION_SECONDS, Verification
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import FOLDER, held, status, ticks, world_of_one_sync

FIRST, MANY = 20, 65
AT_ONCE = 4


@pytest.mark.parametrize("call_seconds", [0.5, 4.0])
def test_portions_follow_the_pace(monkeypatch, call_seconds):
    """After the first portion each is about as large as five seconds allow, by the pace of the last."""
    monkeypatch.setattr("functions.run.verify.FIRST_PORTION", FIRST)
    monkeypatch.setattr("functions.run.verify.LEAST_PORTION", 1)
    world = world_of_one_sync()
    world._workers = AT_ONCE
    world.source.folders[FOLDER] = {f"K{n:03}": "1" for n in range(MANY)}
    ticks(world, 1)
    world.scheduler.run(world.scheduler.seconds + 2 * world.interval.total_seconds())
    read, following, portions = MemoryVault.read, Verification.next, []

    def slow(vault, secret_id):
        world.scheduler.sleep(call_seconds)
        return read(vault, secret_id)

    def noted(verification, *args):
        is_left = following(verification, *args)
        portions.append(len(verification.portion))
        return is_left

    monkeypatch.setattr(MemoryVault, "read", slow)
    monkeypatch.setattr(Verification, "next", noted)
    ticks(world, 1)
    by_pace = PORTION_SECONDS * AT_ONCE / call_seconds
    assert portions[0] == FIRST
    assert by_pace / 2 <= portions[1] <= by_pace


def test_a_content_is_read_once(monkeypatch):
    """What a run read and found equal it does not read again, though it looks again at what could not be repaired."""
    world = world_of_one_sync()
    world.source.folders[FOLDER] = {"A": "1", "B": "1"}
    ticks(world, 1)
    world.scheduler.run(world.scheduler.seconds + 2 * world.interval.total_seconds())
    world.vault.edit("A", value=b"by hand")
    ids = {secret.name: secret.id for secret in world.vault.secrets.values()}
    read, update, reads, updates = MemoryVault.read, MemoryVault.update, [], []

    def noted(vault, secret_id):
        reads.append(secret_id)
        return read(vault, secret_id)

    def fails_once(vault, secret, *args):
        updates.append(secret.id)
        if len(updates) == 1:
            raise WrongState("it is busy")
        return update(vault, secret, *args)

    monkeypatch.setattr(MemoryVault, "read", noted)
    monkeypatch.setattr(MemoryVault, "update", fails_once)
    ticks(world, 1)
    assert updates == [ids["A"]] * 2
    assert reads.count(ids["B"]) == 1
    assert held(world) == {"A": "1", "B": "1"}


def test_what_failed_is_told_at_the_end_of_the_round(monkeypatch):
    """What could not be repaired in one portion is among the errors of the run that ends the round."""
    for name in ("FIRST_PORTION", "LEAST_PORTION", "MOST_PORTION"):
        monkeypatch.setattr(f"functions.run.verify.{name}", 1)
    world = world_of_one_sync()
    world.source.folders[FOLDER] = dict.fromkeys("ABC", "1")
    ticks(world, 1)
    world.scheduler.run(world.scheduler.seconds + 2 * world.interval.total_seconds())
    world.vault.edit("A", value=b"by hand")

    def refuse(*_):
        raise Refused("no")

    monkeypatch.setattr(MemoryVault, "update", refuse)
    ticks(world, 1)
    assert (status(world).sync.status, status(world).runs[0].errors) == ("failed", {"A": "no"})
