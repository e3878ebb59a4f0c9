"""The policies of the deployment give the function what it needs, and nothing that it does not need."""

import re

import pytest

from infra.local.oci.cloud import COMPARTMENT_ID, FUNCTION_ID
from infra.local.oci.iam import Iam, Need
from tests.system.function import capability_cases as does
from tests.system.function.policies import (
    a_sync,
    clear,
    command,
    deployed,
    function_iam,
    holds,
    policy_world,
)

NEEDED = {
    ("list-secrets", "SECRET_INSPECT"): does.creates,
    ("write-secrets", "SECRET_READ"): does.keeps_a_private_key,
    ("write-secrets", "SECRET_CREATE"): does.creates,
    ("write-secrets", "SECRET_UPDATE"): does.updates,
    ("write-secrets", "SECRET_DELETE"): does.deletes,
    ("prune-versions", "SECRET_VERSION_INSPECT"): does.prunes,
    ("prune-versions", "SECRET_VERSION_DELETE"): does.prunes,
    ("read-content", "SECRET_BUNDLE_READ"): does.begins,
    ("use-vault", "VAULT_CREATE_SECRET"): does.creates,
    ("use-key", "KEY_ENCRYPT"): does.creates,
    ("use-key", "KEY_DECRYPT"): does.compares,
    ("list-vaults", "VAULT_INSPECT"): does.lists_vaults,
    ("list-vaults", "VAULT_READ"): does.lists_keys,
    ("list-keys", "KEY_INSPECT"): does.lists_keys,
    ("list-compartments", "COMPARTMENT_INSPECT"): does.lists_compartments,
    ("put-jobs", "QUEUE_PRODUCE"): does.creates,
    ("take-jobs", "QUEUE_CONSUME"): does.ticks,
    ("queue-depth", "QUEUE_READ"): does.tells_its_health,
    ("store", "OBJECT_INSPECT"): does.creates,
    ("store", "OBJECT_READ"): does.updates,
    ("store", "OBJECT_CREATE"): does.creates,
    ("store", "OBJECT_OVERWRITE"): does.updates,
    ("store", "OBJECT_DELETE"): does.deletes_a_sync,
    ("find-itself", "FN_FUNCTION_READ"): does.starts_workers,
    ("start-workers", "FN_INVOCATION"): does.starts_workers,
    ("tell-people", "ONS_TOPIC_PUBLISH"): does.tells_of_failures,
    ("count-runs", "METRIC_WRITE"): does.counts_runs,
}
"""By statement and permission: what fails without it."""

READING = [
    ("list-secrets", "SECRET_INSPECT"),
    ("write-secrets", "SECRET_READ"),
    ("read-content", "SECRET_BUNDLE_READ"),
    ("use-key", "KEY_DECRYPT"),
    ("store", "OBJECT_INSPECT"),
    ("store", "OBJECT_READ"),
]
CHANGES = {"UpdateSecret", "ScheduleSecretDeletion", "CancelSecretDeletion"}

EVERYTHING = [
    *dict.fromkeys(NEEDED.values()),
    does.restores,
    does.imports,
    does.plans_and_removes,
    does.hears,
    does.serves_a_sync,
]


@pytest.fixture(scope="module")
def shared():
    """One stack for this module."""
    with policy_world() as world:
        yield world


@pytest.fixture
def world(shared):
    """The same, without what earlier tests left behind."""
    clear(shared)
    return shared


@pytest.mark.parametrize("form", ["narrow", "fallback"])
@pytest.mark.parametrize("scenario", EVERYTHING)
def test_everything_works(world, scenario, form):
    """With the policies of the deployment, in either form, all that the function does works."""
    world.cloud.iam = function_iam(deployed(form))
    _, told = scenario(world)
    assert told.worked, (told.text, world.log)


def test_every_permission_is_accounted_for():
    """Each permission of each narrow statement is needed for something that is named here."""
    assert function_iam(deployed("narrow")).granted == NEEDED.keys()


@pytest.mark.parametrize("form", ["narrow", "fallback"])
@pytest.mark.parametrize(
    ("subject", "variables"),
    [
        (
            "any-user",
            {
                "request.principal.type": "ApiGateway",
                "request.resource.compartment.id": COMPARTMENT_ID,
            },
        ),
        ("service cloudEvents", {}),
    ],
)
def test_what_calls_the_function_may_do_so(subject, variables, form):
    """The gateway and the Events service may invoke the function; a gateway elsewhere may not."""
    need = [Need("FN_INVOCATION", COMPARTMENT_ID, {"target.function.id": FUNCTION_ID})]
    statements = deployed(form)
    here = Iam.of(statements, subjects=[subject], principal=variables)
    assert here.allows("InvokeFunction", need)
    elsewhere = dict.fromkeys(variables, "elsewhere")
    there = Iam.of(statements, subjects=[subject], principal=elsewhere)
    assert there.allows("InvokeFunction", need) == (not variables)


@pytest.mark.parametrize(("statement", "permission"), NEEDED)
def test_each_permission_is_needed(world, statement, permission):
    """Without a permission one thing fails, and says which statement is missing."""
    steps = NEEDED[statement, permission](world)
    next(steps)
    world.log.clear()
    world.cloud.iam = function_iam(deployed("narrow")).without(statement, permission)
    told = next(steps)
    assert not told.worked, told.text
    named = re.compile(rf"policy statements? ([a-z-]+, )*{statement}\b")
    world.until(lambda: any(named.search(text) for text in (told.text, *world.log)))


@pytest.mark.parametrize(("statement", "permission"), READING)
def test_what_may_not_be_read_is_not_taken_for_absent(world, statement, permission):
    """Without a permission to read no secret is changed or deleted, and no history is lost."""
    sync = a_sync(world, {"A": "1", "B": "2"})
    sync.run()
    (first,) = sync.status.runs
    sync.set("NEW", "3")
    world.cloud.reset_calls()
    world.cloud.iam = function_iam(deployed("narrow")).without(statement, permission)
    command(world, "sync", sync)
    world.cloud.iam = None
    assert sync.run()["outcome"] == "succeeded"
    assert holds(sync, A="1", B="2", NEW="3")
    assert CHANGES.isdisjoint(world.operations())
    assert first.id in [run.id for run in sync.status.runs]
