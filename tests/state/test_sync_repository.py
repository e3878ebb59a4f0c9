"""Finding, saving and deleting syncs, and what is known of them."""

import json
from uuid import UUID

import pytest

from functions.calls.parallel import ThreadPool
from functions.errors import Conflict, InvalidInput, Rejected
from functions.plan.models import JobKind
from functions.plan.sync_config import sync_id
from functions.state.memory import memory_object
from functions.state.status import Pending, RunRecord, Status
from functions.state.status_document import status_object
from functions.state.sync_configs import Configs
from functions.state.sync_repository import FEW, ApiCache, StoredSync, SyncRepository
from tests.support.example_sync import destination, sync_config
from tests.support.memory import MemoryStore
from tests.support.plan_examples import NOW, OBJECT, sync
from tests.support.virtual_time import START, VirtualClock

KNOWN = (status_object(OBJECT), memory_object(OBJECT))


def deleted(store):
    """Delete the sync, of which there are config, status and memory."""
    for about in KNOWN:
        store.put(about, b"{}")
    one = sync()
    one = one.model_copy(update={"etag": store.put(OBJECT, b"{}")})
    pool, clock = ThreadPool(1), store.clock
    SyncRepository(store, pool, Configs(store, pool, clock, {}), ApiCache()).delete(one)
    return store


def names_read(monkeypatch):
    """Return the list that the names of all objects come into that are read from now on."""
    get, read = MemoryStore.get, []

    def noted(store, name, **how):
        read.append(name)
        return get(store, name, **how)

    monkeypatch.setattr(MemoryStore, "get", noted)
    return read


def test_a_sync_is_deleted_with_all_that_is_known_of_it():
    """Config, memory and status go."""
    assert deleted(MemoryStore("memory", VirtualClock())).objects == {}


@pytest.mark.parametrize("after", ["secret-syncs/", "verified/", "memory/"])
def test_a_config_that_comes_back_meanwhile(after):
    """The status of a config that came back during its deletion, and that its run wrote, stays."""

    class Store(MemoryStore):
        def delete(self, name, *, if_match=None):
            super().delete(name, if_match=if_match)
            if name.startswith(after):
                self.put(OBJECT, b"{}")
                self.put(status_object(OBJECT), b'{"rerun": true}')

    store = deleted(Store("memory", VirtualClock()))
    assert store.get(status_object(OBJECT)).body == b'{"rerun": true}'
    assert store.get(OBJECT) is not None


A, B, BROKEN, OTHER = (f"secret-syncs/{name}.json" for name in ("p/a", "p/b", "p/broken", "q/a"))
NOBODY = UUID(int=0)
RUN = RunRecord(
    id="run-1",
    job_id="job-1",
    kind=JobKind.SYNC,
    cause="webhook",
    started_at=START,
    seconds=1,
    outcome="failed",
    errors={"A": "no"},
)


@pytest.fixture
def store():
    """A store with three syncs in two projects, and a config that is wrong."""
    store = MemoryStore("oci://bucket@namespace", VirtualClock())
    for name in (A, B, OTHER):
        project = name.split("/")[1]
        config = sync_config(name[-6], project, "dev", "/x", destination())
        store.put(name, json.dumps(config).encode())
    store.put(BROKEN, b"{}")
    return store


@pytest.fixture
def repository(store):
    """The repository of a cold container."""
    pool = ThreadPool(2)
    return SyncRepository(store, pool, Configs(store, pool, store.clock, {}), ApiCache())


def id_of(store, name):
    """Return the id of a config."""
    return sync_id(store.url, name)


def test_what_is_found(repository, store):
    """A sync is found by its id, by its name in a project, and with when its config was written."""
    store.clock.sleep(1)
    for _ in range(2):
        found = repository.find(id_of(store, B))
        assert (found.sync.object_name, found.modified) == (B, START)
    assert repository.named("p", "b") == found
    assert repository.project_ids() == ["p", "q"]
    assert [one.sync.object_name for one in repository.of_project("p")] == [A, B]


def test_where_a_sync_is_looked_for(repository, store, monkeypatch):
    """Where the object of an id is known already, only that is listed."""
    listed, prefixes = MemoryStore.list, []

    def noted(store, prefix):
        prefixes.append(prefix)
        return listed(store, prefix)

    monkeypatch.setattr(MemoryStore, "list", noted)
    for _ in range(2):
        repository.find(id_of(store, B))
    assert prefixes == ["secret-syncs/", B]


def test_what_is_not_found(repository, store):
    """An id or a name that no sync has is 404; a config that is wrong says what is wrong with it."""
    for look in (lambda: repository.find(NOBODY), lambda: repository.named("q", "b")):
        with pytest.raises(Rejected) as refused:
            look()
        assert refused.value.status == 404
    with pytest.raises(InvalidInput):
        repository.find(id_of(store, BROKEN))
    repository.find(id_of(store, A))
    store.delete(A)
    with pytest.raises(Rejected):
        repository.find(id_of(store, A))


def test_a_name_is_taken_in_its_project_alone(repository):
    """Two syncs of a project never have one name; those of two projects may."""
    [config] = [one.sync.config for one in repository.of_project("q")]
    repository.refuse_taken(config.model_copy(update={"name": "b"}))
    with pytest.raises(Rejected) as refused:
        repository.refuse_taken(config)
    assert refused.value.status == 400


def test_what_is_saved(repository, store):
    """A config is written as it was read, with what changed; not over what somebody else wrote meanwhile."""
    sync = repository.find(id_of(store, A)).sync
    store.clock.sleep(5)
    saved = repository.save(
        sync, sync.config.model_copy(update={"description": "new"}), store.clock.now()
    )
    found = repository.find(id_of(store, A))
    assert (found, found.sync.config.description) == (saved, "new")
    written = json.loads(store.get(A).body)
    assert {"projectId", "secretPath"} <= written.keys()
    assert "isBeingRemoved" not in written
    for action in (
        lambda: repository.save(sync, sync.config, store.clock.now()),
        lambda: repository.delete(sync),
    ):
        with pytest.raises(Conflict, match="Somebody else changed this sync meanwhile"):
            action()
    assert repository.find(id_of(store, A)) == saved


def test_the_answer_to_a_save_may_be_lost(repository, store):
    """Whoever finds what it wanted to write, its answer being lost, has written it."""
    sync = repository.find(id_of(store, A)).sync
    now = store.clock.now()
    first = repository.save(sync, sync.config, now)
    assert repository.save(sync, sync.config, now) == first


def test_an_interrupted_deletion_is_finished(repository, store):
    """What is left of a sync whose config is gone goes; of a sync that there is, nothing does."""
    for name in (A, B):
        store.put(status_object(name), b"{}")
    store.delete(B)
    assert not repository.finish_deletion(id_of(store, A))
    assert repository.finish_deletion(id_of(store, B))
    assert not repository.finish_deletion(id_of(store, B))
    assert store.get(status_object(A)) is not None
    assert store.get(status_object(B)) is None


def test_what_a_list_shows(repository, store, monkeypatch):
    """A list shows the syncs of a project, or of all, with status and faults; what it does not show is not kept."""
    status = Status(config_etag="1", import_pending={"A": Pending(why="w", was_in_source=True)})
    status.add_run(RUN)
    store.put(status_object(A), status.to_json())
    store.put(status_object(B), b"nonsense")
    for _ in range(2):
        listed = repository.listed("p")
        shown = [(one.sync.object_name, status.config_etag) for one, status in listed.rows]
        assert shown == [(A, "1"), (B, "")]
        assert listed.rows[0][1].import_pending == listed.rows[0][1].runs[0].errors == {}
        assert (list(listed.faults), listed.is_cut) == ([BROKEN], False)
    store.put(status_object(A), Status(config_etag="2").to_json())
    rows = repository.listed(None).rows
    assert [(one.sync.object_name, status.config_etag) for one, status in rows] == [
        (A, "2"),
        (B, ""),
        (OTHER, ""),
    ]
    assert repository.status(rows[0][0]).config_etag == "2"
    assert repository.status(rows[1][0]) == Status()
    monkeypatch.setattr("functions.state.sync_repository.MAX_LISTED", 2)
    listed = repository.listed(None)
    assert ([one.sync.object_name for one, _ in listed.rows], listed.is_cut) == ([A, B], True)


def test_a_warm_container_reads_what_changed(repository, store, monkeypatch):
    """A status that is as it was when it was listed last is not read again."""
    for name in (A, B):
        store.put(status_object(name), Status(config_etag="1").to_json())
    repository.listed("p")
    store.put(status_object(B), Status(config_etag="2").to_json())
    read = names_read(monkeypatch)
    assert [status.config_etag for _, status in repository.listed("p").rows] == ["1", "2"]
    assert read == [status_object(B)]


def test_statuses_of_many_syncs(monkeypatch):
    """A cold container reads the statuses of many syncs from one object, where they are as they were."""
    store = MemoryStore("oci://bucket@namespace", VirtualClock())
    names = [f"secret-syncs/p/s{number:02}.json" for number in range(FEW + 5)]
    for name in names:
        config = sync_config(name[-8:-5], "p", "dev", "/x", destination())
        store.put(name, json.dumps(config).encode())
        store.put(status_object(name), Status(config_etag="1").to_json())
    read = names_read(monkeypatch)

    def etags():
        read.clear()
        pool = ThreadPool(2)
        cold = SyncRepository(store, pool, Configs(store, pool, store.clock, {}), ApiCache())
        return {status.config_etag for _, status in cold.listed("p").rows}

    assert etags() == {"1"}
    assert {name for name in read if name.startswith("status/")} == set(map(status_object, names))
    store.put(status_object(names[0]), Status(config_etag="2").to_json())
    assert etags() == {"1", "2"}
    assert [name for name in read if name.startswith("status/")] == [status_object(names[0])]


@pytest.mark.parametrize(("modified", "shown"), [(START, START), (None, NOW)])
def test_an_edit_that_no_run_has_seen(modified, shown):
    """An edit is from when its object was written, or from now where the store does not tell."""
    assert StoredSync(sync(), modified).see(Status(config_etag="old"), NOW).updated_at == shown
