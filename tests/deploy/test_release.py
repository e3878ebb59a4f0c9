"""What a release is made of, and that its workflow does what `make` does."""

import hashlib
import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.docs.documents import DOCUMENTS

ROOT = Path(__file__).parents[2]
WORKFLOW = (ROOT / ".github/workflows/release.yml").read_text()
STEPS = yaml.safe_load(WORKFLOW)["jobs"]["release"]["steps"]
VERSION = re.search(r'(?m)^version = "(.+)"', (ROOT / "pyproject.toml").read_text())[1]


def make(*words):
    """Run make; what is installed is taken as it is."""
    command = ["make", "--silent", "--old-file=.venv/.ready", "--old-file=.venv/.demo", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The files of a release, by name."""
    folder = tmp_path_factory.mktemp("release") / "files"
    done = make("release", f"TAG=v{VERSION}", f"RELEASE={folder}")
    assert done.returncode == 0, done.stderr
    return {path.name: path for path in folder.iterdir()}


def test_the_stack_is_what_resource_manager_takes(files):
    """The stack's zip has the Terraform files and the form at its top, and no folder."""
    names = zipfile.ZipFile(files["stack.zip"]).namelist()
    assert {"variables.tf", "schema.yaml", "terraform.tfvars.example"} <= set(names)
    assert not [name for name in names if "/" in name or name.endswith(".tfvars")]


def test_the_bill_of_materials_names_every_package(files):
    """The bill of materials names each package of the image with its version, and the product."""
    bill = json.loads(files["sbom.json"].read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert bill["metadata"]["component"]["name"] == "oci-vault-sync"
    assert bill["metadata"]["component"]["version"] == VERSION
    named = {f"{one['name']}=={one['version']}".lower() for one in bill["components"]}
    texts = [
        (ROOT / name).read_text() for name in ("requirements.txt", "infra/image/requirements.txt")
    ]
    pins = re.findall(r"(?m)^([\w-]+)(?:\[.+?\])?(==\S+)", "".join(texts))
    assert named == {(name + pin).lower() for name, pin in pins}


def test_the_client_is_a_program(files):
    """The client is there as it is, to be run."""
    assert files["vaultsync"].read_bytes() == (ROOT / "cli/vaultsync.py").read_bytes()
    assert files["vaultsync"].stat().st_mode & 0o100


def test_the_checksums_are_right(files):
    """SHA256SUMS has the digest of every other file, in the form that sha256sum reads."""
    sums = dict(reversed(line.split(" *")) for line in files["SHA256SUMS"].read_text().splitlines())
    assert sums == {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if name != "SHA256SUMS"
    }


def test_a_tag_that_is_not_the_version_is_refused(tmp_path):
    """A tag of another version makes no release."""
    done = make("release", "TAG=v99.0.0", f"RELEASE={tmp_path}/files")
    assert done.returncode != 0
    assert f"The version is {VERSION}, not v99.0.0." in done.stderr
    assert not (tmp_path / "files").exists()


def test_an_image_is_pushed_for_both_processors():
    """`make push` builds for both processors and pushes at once; it asks where to."""
    [command] = make("--dry-run", "push", "IMAGE=host/name:1").stdout.splitlines()[-1:]
    assert (
        command
        == "docker buildx build --platform linux/amd64,linux/arm64 --tag host/name:1 --push ."
    )
    assert "IMAGE=host/name:tag" in make("push").stderr


def test_the_workflow_runs_make():
    """The workflow builds nothing by itself: its commands are targets of make, and one that publishes."""
    commands = [step["run"] for step in STEPS if "run" in step]
    *targets, publish = commands
    assert [command.split()[:2] for command in targets] == [["make", "release"], ["make", "push"]]
    assert publish.startswith('gh release create "$GITHUB_REF_NAME" .local/release/* ')


def test_the_owner_is_in_one_place():
    """The workflow takes the owner from GitHub; nothing else has to be told who it is."""
    assert "OWNER" not in WORKFLOW
    assert (
        "\n".join(DOCUMENTS.values()).count("github.com/OWNER") == 1
    )  # the button's link must be whole
    assert "ghcr.io/${{ github.repository }}" in WORKFLOW
