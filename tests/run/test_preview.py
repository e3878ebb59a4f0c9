"""What a plan reads, and from when on an import's hold counts, in virtual time."""

import pytest

from functions.run.run import preview
from functions.triggers.command import Command
from tests.support.memory_vault import MemoryVault
from tests.support.one_sync import EVENT, FOLDER, answer_of, world_of_one_sync

NO_TEXT = b"\xff\xfe"


@pytest.fixture
def world(monkeypatch):
    """A calm world with one sync, whose vault holds a secret of its name that it never wrote."""
    world = world_of_one_sync()
    monkeypatch.setattr(world.network, "staleness", lambda: 0.0)
    return world


def do(world, work):
    """Do something, let a minute pass, and return its answer."""
    return answer_of(world, work, 60)


@pytest.mark.parametrize("verify", [True, False])
def test_a_plan_reads_contents_only_to_verify(world, monkeypatch, verify):
    """A plan that is not asked to verify reads no content: what no tag tells it calls unknown."""
    world.vault.seed("A", b"another")
    read, names = MemoryVault.read, []

    def noted(self, secret_id):
        names.append(secret_id)
        return read(self, secret_id)

    monkeypatch.setattr(MemoryVault, "read", noted)
    for look in ("get", "find"):
        monkeypatch.setattr(MemoryVault, look, lambda *_: pytest.fail("nothing was written lately"))

    def work(invocation):
        dispatcher = invocation.dispatcher()
        sync = dispatcher.configs.find("a")
        document = dispatcher.services.document(sync.object_name, "plan")
        return preview(sync, dispatcher.services, dispatcher.new_gate(), document, verify=verify)

    plan = do(world, work)
    assert (len(names), plan.unknown) == ((1, 0) if verify else (0, 1))


@pytest.mark.parametrize(("later", "held"), [("1", NO_TEXT), ("2", b"2")])
def test_an_import_holds_the_value_that_the_source_had_then(world, later, held):
    """What an import could not bring into the source stays as long as the source's value is that of the import."""
    world.vault.seed("A", NO_TEXT)
    how = {"import_behavior": "prioritize-destination"}
    order = Command(command="import", sync="a", **how)
    do(world, lambda invocation: invocation.dispatcher().command(order))
    world.source.folders[FOLDER] = {"A": later}
    do(world, lambda invocation: invocation.webhook(EVENT))
    (secret,) = world.vault.secrets.values()
    assert secret.newest() == held
