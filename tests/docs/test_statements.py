"""The function's calls to OCI, its error messages, Terraform and the documents name the same statements."""

import ast
import inspect
import re

import oci
import pytest

from functions.cloud.permissions import ALLOWED_BY
from infra.local.oci.iam import parse
from infra.local.oci.permissions import OPERATIONS
from infra.local.stack import ROOT
from tests.docs.documents import PERMISSIONS
from tests.system.function.policies import deployed

CLIENTS = {
    "FunctionsInvokeClient": oci.functions,
    "FunctionsManagementClient": oci.functions,
    "IdentityClient": oci.identity,
    "KmsManagementClient": oci.key_management,
    "KmsVaultClient": oci.key_management,
    "MonitoringClient": oci.monitoring,
    "NotificationDataPlaneClient": oci.ons,
    "ObjectStorageClient": oci.object_storage,
    "QueueClient": oci.queue,
    "SecretsClient": oci.secrets,
    "VaultsClient": oci.vault,
}


def where_oci_is_called(kind):
    """All syntax nodes of a kind in the packages that call OCI."""
    packages = ("cloud", "stores", "vault")
    files = [f for name in packages for f in (ROOT / "functions" / name).glob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    return [node for node in nodes if isinstance(node, kind)]


def calls():
    """The methods of the SDK's clients that they use."""
    methods = {
        name
        for client, service in CLIENTS.items()
        for name, _ in inspect.getmembers(getattr(service, client), inspect.isfunction)
        if not name.startswith("_")
    }
    return {node.attr for node in where_oci_is_called(ast.Attribute)} & methods


def table():
    """The rows of the documents' table of permissions: call, statements, permissions."""
    rows = [line.split("|") for line in PERMISSIONS.splitlines()]
    cells = [row for row in rows if len(row) > 4 and row[1].strip().startswith("`")]
    return {
        row[1].strip(" `"): (
            set(re.findall("`([^`]+)`", row[2])),
            set(re.findall("[A-Z_]{4,}", row[3])),
        )
        for row in cells
    }


def needs(call):
    """The permissions that the simulators ask for a call of the SDK."""
    operations = {re.sub("(?<!^)(?=[A-Z])", "_", name).lower(): name for name in OPERATIONS}
    names = ["CreateObject", "PutObject"] if call == "put_object" else [operations[call]]
    return {p for name in names for group in OPERATIONS[name] for p in group}


@pytest.fixture(scope="module")
def statements():
    """The function's statements, by name."""
    return {
        name: [parse(text) for text in texts]
        for name, texts in deployed("narrow").items()
        if all(text.startswith("Allow dynamic-group") for text in texts)
    }


def test_every_client_is_looked_at():
    """The packages that call OCI use no other client of the SDK than those whose calls are looked for here."""
    names = {node.attr for node in where_oci_is_called(ast.Attribute)}
    names |= {node.id for node in where_oci_is_called(ast.Name)}
    assert {name for name in names if re.fullmatch("[A-Z][a-z]+[A-Za-z]*Client", name)} == set(
        CLIENTS
    )


def test_every_call_names_its_statements():
    """Error messages know each call that is made, and no other."""
    assert calls() == ALLOWED_BY.keys()


@pytest.mark.parametrize("call", sorted(ALLOWED_BY.keys() - {"get_user"}))
def test_the_statements_of_a_call_give_what_it_needs(statements, call):
    """The statements that a message names give, each its part, what the service asks for that call."""
    given = [
        {p for grant in statements[name] for p in grant.permissions} & needs(call)
        for name in ALLOWED_BY[call]
    ]
    assert set().union(*given) == needs(call)
    assert all(given)


def test_the_documents_list_every_call():
    """docs/permissions.md lists each call with its statements, as error messages name them."""
    assert {call: names for call, (names, _) in table().items()} == {
        call: set(names) for call, names in ALLOWED_BY.items()
    }


@pytest.mark.parametrize("call", sorted(ALLOWED_BY.keys() - {"get_user"}))
def test_the_documents_list_every_permission(call):
    """docs/permissions.md lists for each call the permissions that the service asks for."""
    assert table()[call][1] == needs(call)
