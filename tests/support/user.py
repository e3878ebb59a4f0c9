"""Somebody at a shell, with the real oci CLI and the simulators behind it."""

import json
import os
import select
import stat
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

from infra.local.oci.cloud import BUCKET, COMPARTMENT_ID, FUNCTION_ID, KEY_ID, VAULT_ID
from infra.local.principal import public_key, write_config_file
from tests.support.world import PATIENCE_SECONDS

LIMIT_SECONDS = 60
APPLICATION_ID = "ocid1.fnapp.oc1.eu-frankfurt-1.app"
LOG_GROUP_ID = "ocid1.loggroup.oc1.eu-frankfurt-1.logs"
METRICS = "vault_sync"
TERRAFORM = """#!/bin/sh
[ "$1 $2 $#" = "output -raw 3" ] && exec cat "$HOME/outputs/$3"
"""

# What the simulators do not have, as the CLI shows it; all else goes to the real CLI.
OCI = """#!{python}
import json, os, sys
import jmespath
answers = json.loads({answers!r})
answer = answers.get(" ".join(sys.argv[1:4]))
if answer is None:
    os.execv({oci!r}, sys.argv)
print(jmespath.search(sys.argv[sys.argv.index("--query") + 1], {{"data": answer}}))
"""


class User:
    """Somebody with a shell, an API key, and the outputs of Terraform."""

    def __init__(self, world, home):
        self.world = world
        self.home = home
        self.here = home / "infra" / "terraform"
        for directory in (self.here, home / "bin", home / "outputs", home / ".oci"):
            directory.mkdir(parents=True)
        world.cloud.trust(public_key(home / ".oci"))
        write_config_file(home / ".oci")
        (home / "bin" / "terraform").write_text(TERRAFORM)
        (home / "bin" / "terraform").chmod(0o755)
        (home / "bin" / "oci").write_text(self._oci())
        (home / "bin" / "oci").chmod(0o755)
        for name, value in {
            "credentials_secret_ocid": world.env["CREDENTIALS_SECRET_OCID"],
            "health_url": f"{world.stack.gateway.url}/healthz",
            "function_ocid": FUNCTION_ID,
            "bucket": BUCKET,
            "secrets_compartment_ocid": COMPARTMENT_ID,
            "vault_ocid": VAULT_ID,
            "key_ocid": KEY_ID,
        }.items():
            (home / "outputs" / name).write_text(value)
        self.env = {
            "HOME": str(home),
            "PATH": f"{home / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "OCI_CLI_ENDPOINT": world.cloud.url,
            "SUPPRESS_LABEL_WARNING": "True",  # this key was not made by the Console
        }
        self._place = {"cwd": self.here, "env": self.env}

    def _oci(self):
        config = {**self.world.env, "METRICS_NAMESPACE": METRICS}
        answers = {
            "fn application list": [{"id": APPLICATION_ID}],
            "fn function list": [{"id": FUNCTION_ID}],
            "fn function get": {"id": FUNCTION_ID, "config": config},
            "logging log-group list": [{"id": LOG_GROUP_ID}],
            "api-gateway deployment list": {
                "items": [{"endpoint": self.world.stack.gateway.url}],
            },
        }
        python = Path(sys.executable)
        oci = str(python.with_name("oci"))
        return OCI.format(python=python, answers=json.dumps(answers), oci=oci)

    def modes(self):
        """Return who may do what with the files that lie here."""
        return {file.name: stat.S_IMODE(file.stat().st_mode) for file in self.here.iterdir()}

    def run(self, script, limit_seconds=LIMIT_SECONDS):
        """Run a script; return what it prints."""
        done = subprocess.run(
            _shell(script),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=limit_seconds,
            check=True,
            **self._place,
        )
        return done.stdout.decode()

    def answer_prompts(self, script, *answers):
        """Run a script at a terminal; return the screen.

        To each prompt there is an answer, and whether the screen shows what is typed then.
        """
        terminal, inside = os.openpty()
        screen = ""

        def read():
            ready, _, _ = select.select([terminal], [], [], PATIENCE_SECONDS)
            assert ready, f"no more than: {screen}"
            return os.read(terminal, 4096).decode()

        def echoes():
            return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)

        ends = dict.fromkeys(("stdin", "stdout", "stderr"), inside)
        with subprocess.Popen(_shell(script), **ends, **self._place) as shell:
            try:
                for prompt, answer, shown in answers:
                    while not screen.endswith(prompt):
                        screen += read()
                    self.world.until(lambda shown=shown: echoes() == shown)
                    os.write(terminal, f"{answer}\n".encode())
                shell.wait(LIMIT_SECONDS)
            finally:
                shell.kill()
        assert echoes(), "the terminal stays mute"
        os.close(inside)
        with suppress(OSError):  # Linux's way to say that nobody is left to write
            while more := read():
                screen += more
        os.close(terminal)
        assert shell.returncode == 0, screen
        return screen


def _shell(script):
    return ["/bin/sh", "-ec", script]  # it ends at the first failure
