"""What nobody foresaw: it ends the run in good order, and its text goes nowhere."""

import logging

import pytest

from functions.errors import Forbidden
from tests.support.memory import MemoryStore
from tests.support.memory_source import MemorySource
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import status, ticks, world_of_one_sync


def fail(*_args, **_how):
    """Fail as no code expects."""
    raise RuntimeError("hunter2")


@pytest.mark.parametrize(
    ("port", "operation"), [(MemoryVault, "list"), (MemorySource, "read"), (MemoryVault, "create")]
)
def test_an_error_that_nobody_foresaw(port, operation, monkeypatch, caplog):
    """An unexpected error ends the run as waiting, says its kind and where to look, and frees the lease."""
    world = world_of_one_sync()
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        patch.setattr(port, operation, fail)
        ticks(world, 1)
    known = status(world)
    assert (known.sync.status, known.lease) == ("pending", None)
    assert "unexpected RuntimeError" in known.sync.message
    assert any("unexpected RuntimeError" in row.getMessage() for row in caplog.records)
    assert "hunter2" not in known.to_json().decode() + caplog.text
    ticks(world, 3)
    assert status(world).sync.status == "succeeded"


def test_a_store_that_refuses_is_logged_as_the_end_of_a_run(monkeypatch, caplog):
    """A run that cannot even begin, as the store refuses, is in the log like any other, as waiting."""
    world = world_of_one_sync()

    def refuse(*_, **__):
        raise Forbidden("no")

    monkeypatch.setattr(MemoryStore, "put", refuse)
    with caplog.at_level(logging.INFO):
        ticks(world, 1)
    [ended] = [row for row in caplog.records if row.getMessage() == "run ended"]
    assert ended.outcome == "waiting"
