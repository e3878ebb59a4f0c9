"""A world with the client at hand, on both of its ways to the function."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.oci.cloud import FUNCTION_ID
from tests.support.user import User
from tests.support.world import running_world

CLIENT = Path(__file__).parents[2] / "cli" / "vaultsync.py"
LIMIT_SECONDS = 60


class Terminal:
    """Somebody who types commands of the client: without a terminal, as a pipeline does."""

    def __init__(self, world, user, settings):
        self.world = world
        self.here = user.home
        self.env = {**user.env, **settings}

    def run(self, *words, stdin="", **env):
        """Run the client; return the finished process."""
        return subprocess.run(
            [sys.executable, str(CLIENT), *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
            cwd=self.here,
            env={**self.env, **env},
        )

    def ok(self, *words, code=0, **how):
        """Run the client, which ends with this code; return what it prints."""
        done = self.run(*words, **how)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout

    def refused(self, *words, code=1, **how):
        """Run the client, which ends with this code; return what it says of the failure."""
        done = self.run(*words, **how)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stderr

    def json(self, *words, code=0):
        """Run the client; return the JSON that it prints."""
        return json.loads(self.ok(*words, code=code))

    def file(self, name, content):
        """Write a file where the client runs."""
        path = self.here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)


@pytest.fixture(scope="package")
def running():
    """One world for all tests of the client."""
    with running_world() as world:
        yield world


@pytest.fixture
def world(running):
    """The world, plain again."""
    running.reset()
    return running


@pytest.fixture(scope="package")
def user(running, tmp_path_factory):
    """Somebody with a shell."""
    return User(running, tmp_path_factory.mktemp("home"))


@pytest.fixture
def terminal(world, user):
    """The client by URL and token."""
    settings = {"VAULTSYNC_URL": world.stack.gateway.url, "VAULTSYNC_TOKEN": world.stack.api_token}
    return Terminal(world, user, settings)


@pytest.fixture(params=["gateway", "invocation"])
def either(request, world, user, terminal):
    """The client by either way: URL and token, or the real `oci fn function invoke`."""
    if request.param == "gateway":
        return terminal
    if sys.version_info >= (3, 14):
        pytest.skip("oci-cli cannot be installed on this Python")
    return Terminal(world, user, {"VAULTSYNC_FUNCTION": FUNCTION_ID})
