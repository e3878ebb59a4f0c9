"""Who may do what: dynamic group and policy statements."""

from itertools import chain

import pytest

from functions.cloud.permissions import ALLOWED_BY
from tests.deploy.terraform.engine import IMAGE, VARIABLES, applied, policy_statements
from tests.deploy.terraform.terraform_cases import MORE_VAULTS, SHARED

FORMS = {"narrow": MORE_VAULTS, "fallback": {**MORE_VAULTS, "policy_form": "fallback"}}
MAX_STATEMENTS = 50
"""OCI's limit for one policy."""
UNCONDITIONAL = {"list-secrets", "list-vaults", "list-keys", "list-compartments", "tell-people"}


def own(statements):
    """The texts about the function, by name."""
    return {
        name: texts
        for name, texts in statements.items()
        if any("Allow dynamic-group" in text for text in texts)
    }


@pytest.mark.parametrize("form", FORMS)
def test_policies_are_made_of_the_named_statements(form):
    """The policies hold exactly the statements of the output, within OCI's limit."""
    outcome = applied(**IMAGE, **FORMS[form])
    policies = [policy["statements"] for policy in outcome.of("oci_identity_policy")]
    texts = chain(*outcome.outputs["policy_statements"].values())
    assert sorted(chain(*policies)) == sorted(texts)
    assert max(map(len, policies)) <= MAX_STATEMENTS


@pytest.mark.parametrize("form", FORMS)
def test_error_messages_name_statements_that_there_are(form):
    """The statements that the function's error messages name are those that it is given."""
    assert set(own(policy_statements(**FORMS[form]))) == set(chain(*ALLOWED_BY.values()))


def test_narrow_statements_are_limited():
    """In narrow form nothing but lists and publishing is without a condition, and no verb is too wide."""
    statements = own(policy_statements())
    assert {
        name for name, texts in statements.items() if " where " not in texts[0]
    } == UNCONDITIONAL
    managing = {name for name, texts in statements.items() if " to manage " in texts[0]}
    assert managing == {"store"}


@pytest.mark.parametrize("form", FORMS)
def test_the_function_is_all_that_is_allowed(form):
    """Each statement of the function is about its own dynamic group, by OCID."""
    outcome = applied(**IMAGE, **FORMS[form])
    group = outcome.one("oci_identity_dynamic_group")["id"]
    for text in chain(*own(outcome.outputs["policy_statements"]).values()):
        assert text.startswith(f"Allow dynamic-group id {group} to ")


@pytest.mark.parametrize("form", FORMS)
def test_the_gateway_calls_by_the_family(form):
    """The gateway has the verb that every public statement has, for its own compartment only."""
    [text] = policy_statements(**FORMS[form])["gateway-calls"]
    here = VARIABLES["compartment_ocid"]
    assert text == (
        f"Allow any-user to use functions-family in compartment id {here} where ALL "
        f"{{request.principal.type = 'ApiGateway', request.resource.compartment.id = '{here}'}}"
    )


def test_each_destination_has_statements():
    """Every vault has its statements, with its own compartments, vault and key."""
    statements = policy_statements(**MORE_VAULTS)
    for row in MORE_VAULTS["more_vaults"]:
        (written,) = (one for one in statements["write-secrets"] if row["vault_ocid"] in one)
        assert row["secrets_compartment_ocid"] in written
        (made,) = (one for one in statements["use-vault"] if row["vault_ocid"] in one)
        assert row["vault_compartment_ocid"] in made
        (key,) = (one for one in statements["use-key"] if row["key_ocid"] in one)
        assert row["vault_compartment_ocid"] in key
    assert {len(texts) for name, texts in statements.items() if name == "list-compartments"} == {1}


@pytest.mark.parametrize("form", FORMS)
def test_the_root_compartment_is_the_tenancy(form):
    """Statements about the root compartment say "in tenancy": OCI knows it by no other name."""
    root = dict.fromkeys(("compartment_ocid", "vault_compartment_ocid"), VARIABLES["tenancy_ocid"])
    statements = policy_statements(**root, policy_form=form)
    for text in chain(*statements.values()):
        assert " in tenancy" in text
        assert "compartment id" not in text


def test_destinations_that_share_share_statements():
    """Two vaults in the same compartments need their lists allowed once."""
    statements = policy_statements(**SHARED)
    assert len(statements["list-secrets"]) == len(statements["list-keys"]) == 1
    assert len(statements["write-secrets"]) == 2


def test_the_dynamic_group_is_the_function():
    """The group is the function itself; before there is one, what is in its compartment."""
    before = applied().one("oci_identity_dynamic_group")["matching_rule"]
    assert before == (
        "ALL {resource.type = 'fnfunc', "
        f"resource.compartment.id = '{VARIABLES['compartment_ocid']}'}}"
    )
    outcome = applied(**IMAGE)
    function = outcome.one("oci_functions_function")["id"]
    after = outcome.one("oci_identity_dynamic_group")["matching_rule"]
    assert after == f"ALL {{resource.type = 'fnfunc', resource.id = '{function}'}}"


def test_statements_name_the_ocids_that_are_asked_for():
    """A caller can say which OCIDs the statements name."""
    statements = policy_statements({"oci_queue_queue": {"id": "ocid1.queue.oc1..mine"}})
    assert "target.queue.id = 'ocid1.queue.oc1..mine'" in statements["put-jobs"][0]
