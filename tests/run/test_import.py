"""Which secrets of the vault may be imported."""

import pytest
from pydantic import SecretStr

from functions.plan.models import Origin, SourceSecret, SourceSecrets, State
from functions.plan.ownership import OWNER_TAG
from functions.run.import_secrets import INITIAL
from functions.run.importable import homes_of, may_import
from functions.run.observe import Observed
from tests.support.plan_examples import (
    GONE_SYNC,
    OTHER_SYNC,
    OWN_SYNC,
    PROTECTED_ID,
    planner,
    secret,
    tags,
)

SCHEMA = "P_{{secretKey}}"


def importable(*listing, keys=(), errors=(), replace=False, which="a job", schema=SCHEMA):
    """Return the names that may be imported into a source with these keys."""
    secrets = tuple(SourceSecret(key, SecretStr("1")) for key in keys)
    return names(secrets, dict.fromkeys(errors, "unknown"), listing, replace, which, schema)


def names(secrets, errors, listing, replace, which, schema):
    """Return the names that may be imported into this source."""
    this, observed = planner(keySchema=schema), Observed(SourceSecrets(secrets, errors), listing)
    homes = homes_of(this, observed)
    return [
        one.name
        for one in may_import(this, observed, homes, replace=replace, is_first=which == INITIAL)
    ]


def test_what_the_source_lacks_is_imported_in_order():
    """What is ACTIVE, in scope and not in the source is imported, in the order of names."""
    listing = [secret("P_B"), secret("P_A"), secret("Q_C"), secret("P_D")]
    assert importable(*listing, keys=["D"]) == ["P_A", "P_B"]


def test_what_the_source_holds_is_imported_only_to_replace_it():
    """With `replace` what the source holds, or holds without a known value, is imported too."""
    listing = [secret("P_A"), secret("P_B")]
    assert importable(*listing, keys=["A"], errors=["B"]) == []
    assert importable(*listing, keys=["A"], errors=["B"], replace=True) == ["P_A", "P_B"]


@pytest.mark.parametrize("state", sorted(set(State) - {State.ACTIVE}))
def test_what_is_not_active_is_not_imported(state):
    """Only what is ACTIVE is imported."""
    assert importable(secret("P_A", state)) == []


@pytest.mark.parametrize(
    ("found", "is_first", "is_later"),
    [
        (secret("P_A"), True, True),
        (secret("P_A", tags={OWNER_TAG: OWN_SYNC}), True, True),  # it was claimed, never written
        (secret("P_A", tags=tags("P_A", "1")), False, True),
        (secret("P_A", tags=tags("P_A", "1", owner=GONE_SYNC)), True, True),
        (secret("P_A", tags=tags("P_A", "1", owner=OTHER_SYNC)), False, False),
        (secret("P_A", id=PROTECTED_ID), False, False),
        (secret("P_A", managed_by="rotation"), False, False),
    ],
)
def test_whose_secrets_are_imported(found, is_first, is_later):
    """The initial import takes nothing that the sync wrote; no import takes what is another's or protected."""
    assert bool(importable(found, which=INITIAL)) == is_first
    assert bool(importable(found)) == is_later


def test_a_name_that_would_not_come_back_is_not_imported():
    """A name whose key would be pushed to another name is not imported."""
    schema = "{{secretKey}}_X_{{secretKey}}"
    assert importable(secret("A_X_A"), secret("A_X_B"), schema=schema) == []
    assert importable(secret("P_A"), schema="{{secretKey}}") == ["P_A"]


def test_what_an_import_of_the_source_shows_counts_as_held():
    """A key that the folder shows through an import is in the source."""
    shared = SourceSecret("A", SecretStr("1"), Origin("import", "prod", "/shared"))
    assert names((shared,), {}, [secret("P_A")], False, "a job", SCHEMA) == []
