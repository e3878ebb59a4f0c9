"""What an edit newly permits is held; what was permitted is not."""

import pytest

from functions.plan.models import Action, Change
from functions.plan.scope import (
    MAY_NOT_DELETE,
    MAY_NOT_UPDATE,
    NOWHERE,
    is_new,
    scope_of,
    why_held,
)
from functions.plan.sync_config import SyncConfig
from tests.support.plan_examples import body

IMPORT_FIRST = "import-prioritize-source"
OTHER_CONNECTION = "00000000-0000-4000-8000-00000000beef"


def config(*, behavior="overwrite-destination", to=None, **changes):
    """Return a config; `to` changes its destination."""
    options = changes.pop("options", {})
    whole = body(syncOptions={"initialSyncBehavior": behavior} | options, **changes)
    whole["destinationConfig"] |= to or {}
    return SyncConfig.model_validate(whole)


def held(permitted, asked, name="P_A"):
    """Return why deletion and update of a stranger are held."""
    return tuple(why_held(Change(action, name), permitted, asked) for action in ACTIONS)


ACTIONS = (Action.DELETE, Action.UPDATE)
FREE = (None, None)
KEPT = (MAY_NOT_DELETE, None)
ALL_KEPT = (MAY_NOT_DELETE, MAY_NOT_UPDATE)
PREFIXED = {"keySchema": "P_{{secretKey}}"}


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({}, FREE),
        ({"to": {"compartmentOcid": "ocid1.compartment.oc1..other"}}, KEPT),
        ({"to": {"vaultOcid": "ocid1.vault.oc1.iad.b.other"}}, KEPT),
        ({"to": {"keyOcid": "ocid1.key.oc1.iad.b.other"}}, FREE),
        ({"connectionId": OTHER_CONNECTION}, KEPT),
        ({"options": {"keySchema": "Q_{{secretKey}}"}}, KEPT),
        ({"options": PREFIXED}, FREE),
        ({"options": {"disableSecretDeletion": True}}, KEPT),
        ({"options": {"deletionDays": 3}, "name": "other"}, FREE),
        ({"options": {"bundle": {"name": "P_A"}}}, FREE),
        ({"options": {"bundle": {"name": "app"}}}, KEPT),
    ],
)
def test_what_an_edit_brings_into_scope_is_not_deleted(before, expected):
    """A wider place or schema, and deletion that is switched on, hold what the sync never wrote."""
    assert held(scope_of(config(**before)), config()) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({}, FREE),
        ({"to": {"compartmentOcid": "ocid1.compartment.oc1..other"}}, ALL_KEPT),
        ({"options": {"keySchema": "Q_{{secretKey}}"}}, ALL_KEPT),
        ({"options": {"disableSecretDeletion": True}}, KEPT),
    ],
)
def test_an_import_sync_overwrites_nothing_new_either(before, expected):
    """With an import behaviour what comes into scope may be what the source lacks."""
    assert held(scope_of(config(**before)), config(behavior=IMPORT_FIRST)) == expected


def test_a_lost_status_permits_nothing():
    """Where nothing is known of former runs, strangers are neither changed nor deleted."""
    assert held(NOWHERE, config()) == ALL_KEPT


@pytest.mark.parametrize("action", sorted(set(Action) - {Action.DELETE, Action.UPDATE}))
def test_what_replaces_no_value_is_permitted_anywhere(action):
    """A creation, a restoration and a tag take nothing from anybody, so no scope holds them."""
    for asked in (config(), config(behavior=IMPORT_FIRST)):
        assert why_held(Change(action, "P_A"), NOWHERE, asked) is None


def test_the_environment_is_a_part_of_the_schema():
    """Another environment in the key schema is another scope."""
    options = {"keySchema": "{{environment}}_{{secretKey}}"}
    before = scope_of(config(environment="dev", options=options))
    assert held(before, config(environment="prod", options=options), "prod_A") == KEPT
    assert held(before, config(environment="dev", options=options), "dev_A") == FREE


OFF = {"disableSecretDeletion": True}


@pytest.mark.parametrize(
    ("before", "after", "is_known", "expected"),
    [
        ({}, {}, False, False),
        ({}, {"options": PREFIXED}, False, False),
        ({"options": OFF}, {}, False, True),
        ({"options": OFF}, {}, True, False),
        ({"options": OFF}, {"options": OFF}, False, False),
        ({"to": {"vaultOcid": "ocid1.vault.oc1.iad.b.other"}}, {}, True, True),
        ({"options": {"keySchema": "Q_{{secretKey}}"}}, {"options": OFF}, False, False),
        (
            {"options": {"keySchema": "Q_{{secretKey}}"}},
            {"options": OFF, "behavior": IMPORT_FIRST},
            False,
            True,
        ),
    ],
)
def test_what_keeps_a_scope_from_growing(before, after, is_known, expected):
    """Somebody's secret that an edit brings within reach, unless it held what the source said there before."""
    permitted = scope_of(config(**before))
    assert is_new("P_A", permitted, config(**after), is_known=is_known) is expected
