"""A sync that chooses keys by the source's tags."""

import json

import pytest

from infra.local.infisical.source import Secret

FILTER = {"filter": {"tags": ["prod"]}}


def tagged(world, sync, **keys):
    """Give the folder these keys, each with its tags."""
    for key, tags in keys.items():
        world.source.add_row("dev", sync.folder, Secret(key, "1", tags=tags))


def retag(world, sync, key, *tags):
    """Change the tags of a key."""
    world.source.folders["dev", sync.folder].get(key).tags = tags


def test_only_keys_with_the_tag_are_synced(world):
    """Keys with a tag of the filter are synced, others are left out; what is imported has no tags and is synced."""
    sync = world.sync(options=FILTER)
    tagged(world, sync, A=("prod",), B=("dev", "prod"), C=("dev",), D=())
    world.source.set("dev", f"{sync.folder}-shared", "SHARED", "1")
    world.source.add_import("dev", sync.folder, "dev", f"{sync.folder}-shared")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.live.keys() == {"A", "B", "SHARED"}


def test_a_key_that_loses_the_tag_is_deleted(world):
    """A key that loses its tag is deleted as any other, and comes back with it."""
    sync = world.sync(options=FILTER)
    tagged(world, sync, **{f"K{n}": ("prod",) for n in range(5)})
    sync.run()
    retag(world, sync, "K1", "dev")
    assert sync.run()["outcome"] == "succeeded"
    assert sync.states["K1"] == "PENDING_DELETION"
    retag(world, sync, "K1", "prod")
    sync.run()
    assert set(sync.states.values()) == {"ACTIVE"}


def test_a_filter_that_takes_nothing_is_held(world):
    """If all keys lose the tag, the guard holds the deletions."""
    sync = world.sync(options=FILTER)
    tagged(world, sync, **{f"K{n}": ("prod",) for n in range(5)})
    sync.run()
    for number in range(5):
        retag(world, sync, f"K{number}")
    assert sync.run()["outcome"] == "failed"
    assert set(sync.states.values()) == {"ACTIVE"}


def test_nothing_is_imported_into_a_filter(world):
    """An import is refused: what it brings into the source would have no tags, and be deleted at once."""
    sync = world.sync(options={**FILTER, "disableSecretDeletion": True})
    tagged(world, sync, A=("prod",))
    sync.seed("OLD", b"x")
    sync.run()
    answer = world.command("import", sync)
    assert answer["outcome"] == "failed"
    assert "it would have no tags" in answer["message"]
    assert sync.live == {"A": "1", "OLD": "x"}
    assert sync.run()["outcome"] == "succeeded"


@pytest.mark.parametrize(
    "wrong", [{"tags": []}, {"tags": ["a b"]}, {"tags": ["a"], "match": "none"}]
)
def test_a_wrong_filter_is_told(world, wrong):
    """A filter that is none breaks its config, by name of the field."""
    sync = world.sync(values={"A": "1"}, options={"filter": wrong})
    assert "syncOptions.filter." in json.dumps(sync.run())


def test_what_is_left_out_is_not_known(world):
    """That the source has a key which is left out makes nobody's secret of that name the sync's own."""
    sync = world.sync(options=FILTER | {"disableSecretDeletion": True})
    tagged(world, sync, A=("prod",), C=("dev",))
    sync.seed("C", b"theirs")
    sync.run()
    sync.store(syncOptions=sync.config["syncOptions"] | {"disableSecretDeletion": False})
    assert "C: kept, this sync never wrote it" in sync.run()["message"]
    assert sync.live == {"A": "1", "C": "theirs"}
