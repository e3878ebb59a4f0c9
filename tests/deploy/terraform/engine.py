"""Runs the real Terraform, offline, on a copy of infra/terraform, against the stand-in for OCI."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "infra" / "terraform"
PROVIDER = "registry.terraform.io/oracle/oci"
VARIABLES = {
    "region": "eu-frankfurt-1",
    "tenancy_ocid": "ocid1.tenancy.oc1..tenancy",
    "compartment_ocid": "ocid1.compartment.oc1..app",
    "source_url": "https://secrets.example.com",
}
"""What a person has to say."""
IMAGE = {"image": "eu-frankfurt-1.ocir.io/examplenamespace/vault-sync:1"}
"""What is said in the second round, when the image is in the repository."""


class TerraformError(Exception):
    """Terraform refused; its text is the message."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an apply leads to: attributes by address (with data sources), outputs by name."""

    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the resources of a type."""
        return [one for address, one in self.resources.items() if re.match(rf"{kind}\.", address)]

    def one(self, kind: str) -> dict[str, Any]:
        """Return the only resource of a type."""
        (resource,) = self.of(kind)
        return resource


class Terraform:
    """A copy of the configuration in a new folder, with a state of its own.

    `given` are computed values by type, e.g. {"oci_queue_queue": {"id": "ocid1.queue…"}}.
    """

    def __init__(
        self, given: Mapping[str, Mapping[str, Any]] | None = None, source: Path = SOURCE
    ) -> None:
        self._given = given or {}
        self._folder = tempfile.TemporaryDirectory()
        self.source = Path(self._folder.name) / "source"
        shutil.copytree(source, self.source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._folder.cleanup()

    def unformatted(self) -> list[str]:
        """Return the files that `terraform fmt` would change."""
        return self._run(["fmt", "-check", "-recursive"], refusable=True)[0].split()

    def validate(self) -> list[str]:
        """Return what is wrong, and warnings, each beginning with its file."""
        answer = json.loads(self._run(["validate", "-json"], refusable=True)[0])
        return [
            f"{one.get('range', {}).get('filename')}: {one['summary']}: {one.get('detail', '')}"
            for one in answer["diagnostics"]
        ]

    def plan(self, **variables: Any) -> dict[str, list[str]]:
        """Return the actions by address that an apply would take. Raises TerraformError."""
        plan = f"{self._folder.name}/plan"
        shown = self._run(
            ["plan", "-input=false", "-no-color", f"-out={plan}", self._variables(variables)],
            ["show", "-json", plan],
        )[1]
        return {
            one["address"]: one["change"]["actions"]
            for one in json.loads(shown).get("resource_changes", [])
            if one["change"]["actions"] != ["no-op"]
        }

    def apply(self, **variables: Any) -> Outcome:
        """Create or update it all at the stand-in. Raises TerraformError."""
        shown = self._run(
            ["apply", "-input=false", "-no-color", "-auto-approve", self._variables(variables)],
            ["show", "-json"],
        )[1]
        values = json.loads(shown)["values"]
        return Outcome(
            {one["address"]: one["values"] for one in values["root_module"]["resources"]},
            {name: one["value"] for name, one in values["outputs"].items()},
        )

    def _variables(self, variables: Mapping[str, Any]) -> str:
        file = Path(self._folder.name) / "variables.tfvars.json"
        file.write_text(json.dumps({**VARIABLES, **variables}))
        return f"-var-file={file}"

    def _run(self, *commands: list[str], refusable: bool = False) -> list[str]:
        text = "".join(path.read_text() for path in sorted(self.source.glob("*.tf")))
        with tempfile.TemporaryDirectory() as home:  # its name is short enough for a socket
            request = {
                "resources": sorted(set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE))),
                "data_sources": sorted(set(re.findall(r'^data "(\w+)"', text, re.MULTILINE))),
                "given": self._given,
                "socket": f"{home}/provider",
                "directory": str(self.source),
                "commands": commands,
            }
            done = subprocess.run(
                [sys.executable, "-m", "tests.deploy.terraform.worker"],
                input=json.dumps(request),
                env=_environment(home),
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(done.stderr)
        results = json.loads(done.stdout)
        for code, output, errors in results:
            if code and not refusable:
                raise TerraformError(errors or output)
        return [output for _, output, _ in results]


def _environment(home: str) -> dict[str, str]:
    """Return an environment in which Terraform writes below `home` only and finds the stand-in."""
    reattach = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": os.getpid(),
        "Test": True,  # Terraform does not end it
        "Addr": {"Network": "unix", "String": f"{home}/provider"},
    }
    return {
        "HOME": home,
        "PATH": os.environ["PATH"],
        "CHECKPOINT_DISABLE": "1",
        "TF_DATA_DIR": f"{home}/data",
        "TF_REATTACH_PROVIDERS": json.dumps({PROVIDER: reattach}),
    }


def applied(given: Mapping[str, Mapping[str, Any]] | None = None, **variables: Any) -> Outcome:
    """Return what applying infra/terraform to an empty tenancy leads to; asked again, the same."""
    return _applied(json.dumps(given or {}), json.dumps(variables, sort_keys=True))


@functools.cache
def _applied(given: str, variables: str) -> Outcome:
    with Terraform(json.loads(given)) as terraform:
        return terraform.apply(**json.loads(variables))


def policy_statements(
    given: Mapping[str, Mapping[str, Any]] | None = None, **variables: Any
) -> dict[str, list[str]]:
    """Return the texts of all policy statements by name, with the function deployed.

    `given` says which OCIDs the statements shall name, as computed values by resource type.
    """
    statements: dict[str, list[str]] = applied(given, **{**IMAGE, **variables}).outputs[
        "policy_statements"
    ]
    return statements
