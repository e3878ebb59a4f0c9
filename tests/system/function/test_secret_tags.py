"""Tags that people want on their secrets: of the function for all, of a sync for its own."""

import json

from tests.support.world import function

EVERYWHERE = {
    "freeformTags": {"team": "platform", "made-by": "sync"},
    "definedTags": {"Ops": {"Cost": "42"}},
}
OF_SYNC = {"freeformTags": {"team": "payments"}, "definedTags": {"Ops": {"Owner": "me"}}}


def run(world, sync, tags=EVERYWHERE):
    """Sync once, by a function with such tags."""
    settings = {"SECRET_TAGS": json.dumps(tags)} if tags else {}
    with function(world, **settings) as host:
        asked = {"command": "sync", "sync": sync.name}
        return json.loads(host.call(json.dumps(asked).encode()).body)


def tags(sync, name):
    """The tags of a secret: free-form ones that are not the sync's own, and defined ones."""
    fact = sync.world.cloud.vault.get(name, sync.vault_id).fact(sync.world.clock.now())
    free = {k: v for k, v in fact["freeformTags"].items() if not k.startswith("oci-vault-sync")}
    return free, fact.get("definedTags") or {}


def test_every_secret_gets_the_tags(world):
    """A new secret has the tags of the function, and those of its sync over them."""
    sync = world.sync(values={"A": "1"}, options={"tags": OF_SYNC})
    assert run(world, sync)["outcome"] == "succeeded"
    assert tags(sync, "A") == (
        {"team": "payments", "made-by": "sync"},
        {"Ops": {"Cost": "42", "Owner": "me"}},
    )


def test_tags_are_mended_without_a_version(world):
    """Tags that were changed in the setting or by hand are put right; others stay; no version is made."""
    sync = world.sync(values={"A": "1", "B": "2"})
    run(world, sync, tags=None)
    assert tags(sync, "A") == ({}, {})
    held = world.cloud.vault.tags("A", sync.vault_id)
    sync.edit("A", freeformTags={**held, "mine": "kept", "team": "wrong"})
    assert run(world, sync)["outcome"] == "succeeded"
    assert tags(sync, "A")[0] == {"mine": "kept", "team": "platform", "made-by": "sync"}
    assert tags(sync, "B") == (EVERYWHERE["freeformTags"], EVERYWHERE["definedTags"])
    assert sync.versions("A") == sync.versions("B") == 1
    world.operations()
    run(world, sync)
    assert "UpdateSecret" not in world.operations()


def test_an_update_keeps_all_tags(world):
    """A new value keeps the tags, those of people too."""
    sync = world.sync(values={"A": "1"}, options={"tags": OF_SYNC})
    run(world, sync)
    sync.set("A", "2")
    run(world, sync)
    assert sync.live == {"A": "2"}
    assert tags(sync, "A")[1] == {"Ops": {"Cost": "42", "Owner": "me"}}


def test_too_many_tags_are_refused_before_any_call(world):
    """More tags than OCI takes, the sync's own two counted, fail the sync before anything is called."""
    many = {"freeformTags": dict.fromkeys("abcdefg", "x")}
    sync = world.sync(values={"A": "1"}, options={"tags": many})
    world.operations()
    answer = run(world, sync)
    told = answer.get("message") or answer["error"]
    assert "SECRET_TAGS and syncOptions.tags together: OCI takes 10 free-form tags" in told
    assert not {"ListSecrets", "CreateSecret"} & set(world.operations())
    assert sync.live == {}
