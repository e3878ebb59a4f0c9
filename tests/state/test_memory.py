from datetime import timedelta

import pytest

from functions.errors import Conflict, Temporary
from functions.plan.kept import KeyMemory
from functions.plan.models import State
from functions.plan.ownership import DIGEST_TAG
from functions.plan.written import Written
from functions.state.memory import (
    ASKED_SECONDS,
    MAX_MEMORY_BYTES,
    STALE_LIST_SECONDS,
    Memory,
    MemoryDocument,
    is_valid,
    memory_object,
)
from functions.state.status import Granted, Pending, Status
from tests.support.memory import MemoryStore
from tests.support.plan_examples import NOW, secret, sync
from tests.support.virtual_time import VirtualClock

CONFIG = sync().config
OBJECT = "secret-syncs/p/a.json"
SECOND = timedelta(seconds=1)


def doubts(memory, name):
    """Say whether a listing that does not show a name may be stale."""
    return not memory.is_shown(name, None, is_mine=False)


@pytest.fixture
def store():
    """An empty store."""
    return MemoryStore("oci://b@n/p", VirtualClock())


def loaded(store, status=None, *, config=CONFIG, now=NOW, took_over=False):
    """Load the memory."""
    document = MemoryDocument(store, OBJECT)
    document.load(status or Status(), config, now, took_over=took_over)
    return document


def test_a_memory_is_read_back_as_it_was(store):
    """What is written is read back, in an object beside the status, by whoever works on the sync next."""
    document = loaded(store)
    memory = document.memory
    memory.keys = {"A": KeyMemory(origin="import dev:/x", references={"dev:/x B": "dev:/x"})}
    memory.recent = {"A": Written(at=NOW)}
    memory.import_pending = {"B": Pending(why="w", was_in_source=True)}
    memory.granted = Granted(fingerprint="0123456789abcdef", names=["A"])
    document.save(NOW)
    assert list(store.objects) == [memory_object(OBJECT)] == ["memory/p/a.json"]
    assert loaded(store).memory == memory


def test_a_memory_knows_whether_it_was_read(store):
    """Also where there is none yet: it is read once in a run, as what the run learns is not written at once."""
    assert not MemoryDocument(store, OBJECT).is_loaded
    assert loaded(store).is_loaded


@pytest.mark.parametrize(
    ("config_etag", "key_id", "goes_on"),
    [("1", "k", True), ("2", "k", False), ("1", "l", False)],
)
def test_when_a_round_goes_on(config_etag, key_id, goes_on):
    """A verification goes on where the last run left it, unless the config or the digest key is another."""
    memory = Memory()
    assert not is_valid(memory.round, config_etag, key_id)
    memory.begin_round(NOW, "1", "k")
    assert is_valid(memory.round, config_etag, key_id) == goes_on


def test_a_memory_of_a_later_version_is_readable():
    """Fields of a later version are ignored, in the memory and in its parts."""
    text = """{"later": 1, "keys": {"A": {"origin": "import prod:/x", "later": 1}},
        "recent": {"A": {"at": "2026-01-01T00:00:00Z", "later": 1}}}"""
    memory = Memory.model_validate_json(text)
    assert memory.keys == {"A": KeyMemory(origin="import prod:/x")}
    assert memory.recent == {"A": Written(at=NOW)}


def test_a_memory_is_written_only_when_it_changed(store):
    """A run that learns nothing writes nothing, also when what it knew has grown old."""
    document = loaded(store)
    document.memory.recent = {"A": Written(at=NOW)}
    document.save(NOW)
    written = store.objects[memory_object(OBJECT)]
    document.save(NOW)
    loaded(store, now=NOW + timedelta(hours=1)).save(NOW)
    assert store.objects[memory_object(OBJECT)] is written


def test_another_folder_or_option_forgets_the_keys(store):
    """What is known of keys belongs to a folder and to whether its sub-folders count; names stay known."""
    document = loaded(store)
    document.memory.keys, document.memory.recent = {"A": KeyMemory()}, {"A": Written(at=NOW)}
    document.save(NOW)
    options = CONFIG.sync_options.model_copy(update={"include_all_sub_folders": True})
    for changes in ({"secret_path": "/other"}, {"sync_options": options}):
        memory = loaded(store, config=CONFIG.model_copy(update=changes)).memory
        assert (memory.keys, list(memory.recent)) == ({}, ["A"])


@pytest.mark.parametrize(
    ("about", "is_of_edit"),
    [("", False), ("dev:/api", False), ("dev:/api and below", False), ("dev:/other", True)],
)
def test_what_is_not_known_after_an_edit(store, about, is_of_edit):
    """It is known whether keys are unknown because the folder is another one, or because the memory was lost."""
    document = loaded(store, config=CONFIG)
    folder = f"{CONFIG.environment}:{CONFIG.secret_path}"
    document.memory.about = about.replace("dev:/api", folder)
    document.memory.keys = {"A": KeyMemory()}
    document.save(NOW)
    assert loaded(store).memory.is_of_edit == is_of_edit


@pytest.mark.parametrize(("has_sub_folders", "keys"), [(False, ["A"]), (True, [])])
def test_a_schema_that_tells_sub_folders_apart(store, has_sub_folders, keys):
    """Keys that were known flat are not known folder by folder; without sub-folders both are the same."""
    options = CONFIG.sync_options.model_copy(update={"include_all_sub_folders": has_sub_folders})
    config = CONFIG.model_copy(update={"sync_options": options})
    document = loaded(store, config=config)
    document.memory.keys = {"A": KeyMemory()}
    document.save(NOW)
    schema = {"key_schema": "{{folderPath}}_{{secretKey}}"}
    apart = config.model_copy(update={"sync_options": options.model_copy(update=schema)})
    assert list(loaded(store, config=config).memory.keys) == ["A"]
    assert list(loaded(store, config=apart).memory.keys) == keys


def test_names_are_forgotten_when_every_listing_shows_them(store):
    """Written names are known for five minutes, asked places for ten, lost keys of a bundle a day."""
    memory = Memory(
        recent={"OLD": Written(at=NOW), "A": Written(at=NOW + SECOND)},
        asked={"p": NOW},
        lost={"K": NOW},
    )
    memory.doubted_until = NOW + timedelta(seconds=STALE_LIST_SECONDS)
    memory.forget_writes(NOW)
    assert (list(memory.recent), doubts(memory, "ANY")) == (["OLD", "A"], True)
    memory.forget_writes(NOW + timedelta(seconds=STALE_LIST_SECONDS))
    assert (list(memory.recent), doubts(memory, "ANY"), list(memory.asked)) == (["A"], False, ["p"])
    memory.forget_writes(NOW + timedelta(seconds=ASKED_SECONDS))
    assert (memory.asked, list(memory.lost)) == ({}, ["K"])
    memory.forget_writes(NOW + timedelta(days=1))
    assert memory.lost == {}


def test_what_a_dead_run_marked_counts_from_now(store):
    """Whoever takes a lease over takes what the other run was writing for written a moment ago."""
    document = loaded(store)
    document.memory.recent = {"A": Written(at=NOW)}
    document.save(NOW)
    later = NOW + timedelta(seconds=STALE_LIST_SECONDS + 1)
    assert loaded(store, now=later).memory.recent == {}
    assert loaded(store, now=NOW + SECOND, took_over=True).memory.recent == {
        "A": Written(at=NOW + SECOND)
    }


def test_a_lost_memory_doubts_every_name(store):
    """Where a run wrote not long ago, or died, and its marks are lost, any name may have been written."""
    assert not doubts(loaded(store).memory, "A")
    assert doubts(loaded(store, Status(wrote_at=NOW), now=NOW + SECOND).memory, "A")
    assert doubts(loaded(store, took_over=True).memory, "A")
    store.put(memory_object(OBJECT), b"nonsense")
    assert doubts(loaded(store, Status(wrote_at=NOW), now=NOW + SECOND).memory, "A")
    long_ago = Status(wrote_at=NOW - timedelta(hours=1))
    assert not doubts(loaded(store, long_ago).memory, "A")


def test_a_memory_that_is_too_large_is_dropped_whole(store):
    """What could not be read back is never written: the next run knows that it knows nothing."""
    document = loaded(store)
    key = KeyMemory(origin="import dev:/" + "x" * 200)
    document.memory.keys = {f"K{number:05}": key for number in range(10_000)}
    document.save(NOW)
    stored = store.objects[memory_object(OBJECT)][0]
    assert len(stored.body) < MAX_MEMORY_BYTES
    memory = loaded(store, now=NOW + SECOND).memory
    assert (memory.keys, memory.was_too_large, doubts(memory, "A")) == ({}, True, True)


def test_the_largest_memory_can_be_read_back(store):
    """A memory as large as it may be comes back as it was."""
    document = loaded(store)
    for number in range(100_000):
        document.memory.keys[f"K{number:05}"] = KeyMemory(origin="import dev:/" + "x" * 200)
        if number % 100 == 0 and len(document.memory.to_json(NOW)) < 1000 < number:
            break
    for name in [*document.memory.keys][-101:]:
        del document.memory.keys[name]
    document.save(NOW)
    assert len(store.objects[memory_object(OBJECT)][0].body) > 0.98 * MAX_MEMORY_BYTES
    assert loaded(store).memory.keys == document.memory.keys


class LostAnswer(MemoryStore):
    """Carries a write out and answers that it lost."""

    def put(self, name, body, *, if_match=None):
        super().put(name, body, if_match=if_match)
        raise Conflict("lost answer")


def test_a_lost_answer_is_no_conflict():
    """A write whose answer got lost is known again."""
    store = LostAnswer("oci://b@n/p", VirtualClock())
    document = loaded(store)
    document.memory.recent = {"A": Written(at=NOW)}
    document.save(NOW)
    assert loaded(store).memory.recent == {"A": Written(at=NOW)}


def test_a_memory_that_was_not_read_is_not_written(store):
    """A run that ends before it has read the memory leaves it as it is."""
    document = loaded(store)
    document.memory.recent = {"A": Written(at=NOW)}
    document.save(NOW)
    MemoryDocument(store, OBJECT).save(NOW)
    assert loaded(store).memory.recent == {"A": Written(at=NOW)}


def test_a_memory_of_another_run_is_not_overwritten(store):
    """A run that finds the memory changed by another stops: only one of the two holds the lease."""
    one, two = loaded(store), loaded(store)
    one.memory.recent, two.memory.recent = {"A": Written(at=NOW)}, {"B": Written(at=NOW)}
    one.save(NOW)
    with pytest.raises(Temporary, match="changed by another run"):
        two.save(NOW)
    assert loaded(store).memory.recent == {"A": Written(at=NOW)}


def test_a_status_of_version_0_1_0_is_taken_over(store):
    """What the status of 0.1.0 knows is known; that it knows nothing of references is known too."""
    status = Status(
        import_pending={"P": Pending(why="w")},
        origins={"import dev:/x": ["A"], "import dev:/y": None},
        recent={"R": NOW},
        granted=Granted(fingerprint="0123456789abcdef", names=["A"]),
        wrote_at=NOW,
    )
    memory = loaded(store, status).memory
    assert memory.keys == {"A": KeyMemory(origin="import dev:/x", references=None)}
    assert (list(memory.import_pending), list(memory.recent)) == (["P"], ["R"])
    assert (memory.granted, doubts(memory, "A")) == (status.granted, False)


def test_all_of_version_0_1_0_means_every_name(store):
    """Where 0.1.0 noted that its names did not fit, any name may be meant."""
    status = Status(import_pending={"*": Pending()}, recent={"*": NOW})
    memory = loaded(store, status).memory
    assert (memory.import_pending, memory.recent) == ({}, {})
    assert (memory.was_too_large, doubts(memory, "A")) == (True, True)


def test_a_container_of_version_0_1_0_may_work_beside(store):
    """Names that a container of 0.1.0 notes in the status meanwhile count as written too."""
    document = loaded(store)
    document.memory.recent = {"A": Written(at=NOW)}
    document.save(NOW)
    memory = loaded(store, Status(recent={"B": NOW, "*": NOW})).memory
    assert memory.recent.keys() == {"A", "B"}
    assert doubts(memory, "C")


HOME = {DIGEST_TAG: "key:0123456789abcdef0123456789abcdef"}
"""Tags of a secret that was written."""


@pytest.mark.parametrize("is_doubted", [True, False])
def test_what_was_not_written_lately_is_shown(is_doubted):
    """A name that was not written lately is shown as it is, unless any name may have been."""
    memory = Memory()
    if is_doubted:
        memory.doubt_everything(NOW)
    assert memory.is_shown("A", secret("A"), is_mine=True) != is_doubted


def test_every_name_is_doubted_for_a_while():
    """After five minutes every listing shows what may have been written."""
    memory = Memory()
    memory.doubt_everything(NOW)
    memory.forget_writes(NOW + timedelta(seconds=STALE_LIST_SECONDS - 1))
    assert memory.doubted_until
    memory.forget_writes(NOW + timedelta(seconds=STALE_LIST_SECONDS))
    assert memory.doubted_until is None


@pytest.mark.parametrize(
    ("found", "seconds", "is_twice", "is_taken"),
    [
        (secret("A", tags=HOME), 20, False, True),
        (secret("A", State.PENDING_DELETION, tags=HOME), 20, False, True),
        (secret("A", State.UPDATING, tags=HOME), 20, False, False),
        (secret("A", State.FAILED, tags=HOME), 20, False, False),
        (secret("A", tags=HOME), 19, False, False),
        (secret("A", tags=HOME), 20, True, False),
        (None, 20, False, False),
    ],
)
def test_a_look_at_one_secret_is_what_a_listing_must_show(found, seconds, is_twice, is_taken):
    """A look counts when the write is over, was the only one, and left the secret ACTIVE or going."""
    marked = Written(at=NOW, is_twice=is_twice)
    memory = Memory(recent={"A": marked})
    assert memory.take_look("A", found, NOW + timedelta(seconds=seconds)) == is_taken
    if not is_taken:
        assert memory.recent == {"A": marked}
        return
    assert memory.recent["A"].at == NOW
    assert memory.is_shown("A", found, is_mine=True)
    assert memory.recent["A"].is_going == (found.state != State.ACTIVE)


def test_a_look_where_any_name_may_have_been_written():
    """Where every name is doubted, a look counts from when the doubt began."""
    memory = Memory()
    memory.doubt_everything(NOW)
    assert not memory.take_look("A", secret("A", tags=HOME), NOW + timedelta(seconds=19))
    assert memory.take_look("A", secret("A", tags=HOME), NOW + timedelta(seconds=20))
    assert memory.recent["A"].at == NOW
    assert memory.is_shown("A", secret("A", tags=HOME), is_mine=True)
    assert not memory.is_shown("A", secret("A"), is_mine=True)
