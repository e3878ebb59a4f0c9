"""The client itself: where its token may go, how it fails, which Python it needs."""

import ast
import subprocess
import sys
from uuid import UUID

import pytest

from cli import vaultsync
from functions.plan.oci_connection import OWN_CONNECTION_ID
from functions.plan.sync_config import SyncConfig, SyncOptions
from functions.version import VERSION
from infra.local.http import Answer, Server
from tests.cli.conftest import CLIENT

SOURCE = CLIENT.read_text()


@pytest.fixture
def elsewhere():
    """A server that must not get a token: the requests that it got."""
    seen = []

    def serve(request):
        seen.append(request)
        return Answer(200, {"secretSyncs": [], "broken": []})

    server = Server(serve)
    server.seen = seen
    yield server
    server.stop()


def test_redirects_are_not_followed(terminal, elsewhere):
    """A redirect is a failure: following it would carry the token to another host."""
    server = Server(lambda _request: Answer(302, None, {"location": f"{elsewhere.url}/"}))
    try:
        assert "302" in terminal.refused("list", VAULTSYNC_URL=server.url)
    finally:
        server.stop()
    assert elsewhere.seen == []


@pytest.mark.parametrize("url", ["http://example.com", "ftp://example.com", "example.com"])
def test_the_token_goes_by_https_only(terminal, url):
    """Anything but https is refused before a token is sent, loopback excepted."""
    assert "must begin with https" in terminal.refused("list", code=64, VAULTSYNC_URL=url)


def test_a_gateway_that_is_not_there(terminal):
    """Who does not answer is named."""
    said = terminal.refused("list", VAULTSYNC_URL="http://127.0.0.1:9")
    assert "http://127.0.0.1:9 cannot be reached" in said


@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
def test_the_url_may_be_the_api_url(terminal, elsewhere, ending):
    """The gateway's URL and Terraform's api_url are both taken."""
    terminal.ok("list", VAULTSYNC_URL=f"{elsewhere.url}/a/b{ending}")
    assert elsewhere.seen[0].path == "/a/b/api/v1/secret-syncs/oci-vault"
    assert elsewhere.seen[0].headers["authorization"].startswith("Bearer ")
    assert elsewhere.seen[0].headers["user-agent"] == f"vaultsync/{VERSION}"


def test_a_token_in_a_file(terminal, world):
    """A token is taken from a file that is the user's alone; one that others may read is refused."""
    file = terminal.here / "token"
    file.write_text(f"{world.stack.api_token}\n")
    file.chmod(0o600)
    env = {"VAULTSYNC_TOKEN": "", "VAULTSYNC_TOKEN_FILE": str(file)}
    terminal.ok("list", "-p", "x", **env)
    file.chmod(0o640)
    assert f"chmod 600 {file}" in terminal.refused("list", code=64, **env)
    file.unlink()
    assert "VAULTSYNC_TOKEN_FILE" in terminal.refused("list", code=64, **env)


def test_a_wrong_token(terminal):
    """A wrong token is the function's own refusal, with the id of the request."""
    said = terminal.refused("list", "-p", "x", VAULTSYNC_TOKEN="wrong")
    assert "The API token is not valid" in said
    assert "(request req-" in said


@pytest.mark.parametrize(
    "settings",
    [
        {"VAULTSYNC_URL": None},
        {"VAULTSYNC_FUNCTION": "ocid1.fnfunc.oc1..a"},
        {"VAULTSYNC_TOKEN": None},
    ],
)
def test_what_has_to_be_set(terminal, settings):
    """Exactly one way to the function has to be set, and a token for the gateway."""
    terminal.env = {k: v for k, v in (terminal.env | settings).items() if v is not None}
    assert "Set " in terminal.refused("list", code=64)


@pytest.mark.parametrize(
    "words", [[], ["fly"], ["sync"], ["plan"], ["sync", "a", "--wait", "x"], ["apply"]]
)
def test_wrong_usage(terminal, words):
    """Wrong usage is 64, never 2: that would read as changes."""
    assert terminal.refused(*words, code=64)


def test_oci_has_to_be_there(terminal):
    """Without the oci command line the second way says so."""
    terminal.env = {"VAULTSYNC_FUNCTION": "ocid1.fnfunc.oc1..a", "PATH": "/nowhere"}
    assert "needs `oci`" in terminal.refused("list", code=64)


def test_what_oci_says_is_passed_on(terminal):
    """A function that cannot be invoked is told in oci's own words, once."""
    if sys.version_info >= (3, 14):
        pytest.skip("oci-cli cannot be installed on this Python")
    env = {name: value for name, value in terminal.env.items() if "VAULTSYNC" not in name}
    terminal.env = {**env, "VAULTSYNC_FUNCTION": "ocid1.fnfunc.oc1..gone"}
    assert "oci fn function invoke failed: " in terminal.refused("list")


def test_it_is_one_file_for_an_old_python():
    """The client is one file of at most 600 lines of text, standard library only, that Python 3.9 can read."""
    assert len([line for line in SOURCE.splitlines() if line]) <= 600
    tree = ast.parse(SOURCE, feature_version=(3, 9))
    names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_it_can_be_run_as_it_is():
    """The file is a program that says its version."""
    done = subprocess.run([CLIENT, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{VERSION}\n"


def test_its_defaults_are_the_functions():
    """What the client takes a field for that a file leaves out is what the function takes it for."""
    options = {field.alias: field.default for field in SyncOptions.model_fields.values()}
    del options["initialSyncBehavior"]
    assert options == vaultsync.OPTION_DEFAULTS
    config = {field.alias or name: field for name, field in SyncConfig.model_fields.items()}
    optional = {name: field.default for name, field in config.items() if not field.is_required()}
    del optional["isBeingRemoved"]
    assert optional == vaultsync.DEFAULTS
    assert UUID(vaultsync.OWN_CONNECTION_ID) == OWN_CONNECTION_ID
    assert vaultsync.VERSION == VERSION
