"""The files of the image, built once by the script that the Dockerfile runs, and run on their own."""

import ast
import json
import re
import shlex
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from functions.calls.clock import SystemClock
from infra.image.build import ROOT, Tree, clients, size_mb
from infra.local import demo
from infra.local.stack import Stack
from tests.deploy.terraform.terraform_text import named

DOCKERFILE = (ROOT / "Dockerfile").read_text()
FUNC = yaml.safe_load((ROOT / "func.yaml").read_text())
LEFT_OUT = {
    "aiohttp",
    "crc32c",
    "cython",
    "pbr",
    "pycparser",
    "pyopenssl",
    "pytest",
    "pytest-asyncio",
    "python-pkcs11",
    "wheel",
}
# What `python -v` tells of a module's file: "code object from '…'", "… matches …", "… loaded from '…'".
LOADED = re.compile(r"(?:code object|loaded) from '([^']+)'|# (\S+) matches ")


@pytest.fixture(scope="session")
def tree(tmp_path_factory):
    """Return the image's files."""
    directory = tmp_path_factory.mktemp("image")
    command = [sys.executable, ROOT / "infra/image/build.py", directory]
    subprocess.run(command, check=True)
    return Tree(directory)


def instructions(name, text=DOCKERFILE):
    """Return the arguments of a Dockerfile's instructions of one name."""
    return re.findall(rf"(?m)^{name} (.+)$", text)


class Verbose(Tree):
    """An image whose interpreter logs what it loads, and from where."""

    @property
    def runtime(self):
        python, *rest = super().runtime
        return python, "-v", *rest


def test_the_function_needs_the_image_and_nothing_else(tree):
    """The function syncs a folder from the image's files and the standard library, without any others."""
    log = []
    image = Verbose(tree.directory)
    with Stack(
        SystemClock(), demo.make_source(), log=log.append, tick_seconds=None, image=image
    ) as stack:
        stack.infisical.webhooks.url = None
        demo.fill_vault(stack.cloud.vault)
        stack.bucket.put(f"secret-syncs/{demo.SYNC_FILE}", demo.sync_config())
        demo.change_source(stack.infisical.source)
        reply = stack.command("sync", sync=demo.SYNC_NAME)
        assert json.loads(reply.body)["outcome"] == "succeeded"
        assert demo.differences(stack.cloud.vault) == []
    files = {Path(one or other) for line in log for one, other in LOADED.findall(line)}
    standard = Path(json.__file__).parents[1]
    ours = {path for path in files if path.is_relative_to(tree.directory)}
    others = {path for path in files - ours if path.suffix != ""}
    assert {path for path in others if "site-packages" in path.parts} == set()
    assert [path for path in others if not path.is_relative_to(standard)] == []
    tops = {path.relative_to(tree.packages).parts[0] for path in ours if "python" in path.parts}
    assert {"oci", "pydantic", "fdk", "cryptography", "urllib3"} <= tops
    assert tree.function / "functions/run/run.py" in {source(path) for path in ours}


def source(path):
    """Return the source of a file of bytecode."""
    if path.parent.name != "__pycache__":
        return path
    return path.parents[1] / f"{path.name.partition('.')[0]}.py"


def test_the_image_is_small(tree):
    """All packages take less than 60 MB."""
    assert size_mb(tree.packages) < 60


def test_the_image_holds_the_services_in_use(tree):
    """Of OCI's services the image holds those that the function uses, and what these need."""
    found = {path.name for path in (tree.packages / "oci").iterdir() if path.is_dir()}
    used = {client.split(".")[1] for client in clients()}
    assert len(used) > 5
    shared = {"_vendor", "auth", "circuit_breaker", "pagination", "retry", "work_requests"}
    assert found - {"__pycache__"} == used | shared
    data = tree.packages / "botocore/data"
    assert {path.name for path in data.iterdir() if path.is_dir()} == {"s3"}


def test_the_image_lacks_only_what_is_left_out_on_purpose(tree):
    """Every package that another one asks for is in the image, but for those that are never loaded."""
    held = {canonicalize_name(dist.name): dist for dist in distributions(path=[str(tree.packages)])}
    asked = {
        canonicalize_name(need.name)
        for dist in held.values()
        for need in map(Requirement, dist.requires or [])
        if need.marker is None or need.marker.evaluate({"extra": ""})
    }
    assert asked - held.keys() == LEFT_OUT
    pins = (ROOT / "infra/image/requirements.txt").read_text()
    named = re.findall(r"(?m)^[\w-]+(?=\[|==)", pins + (ROOT / "requirements.txt").read_text())
    assert held.keys() == {canonicalize_name(name) for name in named}


def test_the_stand_ins_are_all_that_is_used(tree):
    """What stands in for parts of the SDK has every name that the SDK uses of them."""
    oci = tree.packages / "oci"
    pagination = (oci / "pagination/pagination_utils.py").read_text()
    assert set(re.findall(r"dns\.([\w.]+)", pagination)) == {
        "models.RecordCollection",
        "models.RRSet",
    }
    requests = [path.read_text() for path in (oci / "_vendor/requests").glob("*.py")]
    used = {name for text in requests for name in re.findall(r"\bchardet\.(\w+)\(", text)}
    assert used == {"detect"}


def test_everything_is_compiled_and_trusted(tree):
    """Every module has bytecode that Python uses without looking at the source."""
    for path in tree.directory.rglob("*.py"):
        (compiled,) = path.parent.glob(
            f"__pycache__/{path.stem}.{sys.implementation.cache_tag}.pyc"
        )
        assert compiled.read_bytes()[4:8] == b"\x01\0\0\0"  # hash-based, unchecked


def test_the_dockerfile_runs_the_script(tree):
    """The Dockerfile builds by the same script and starts the function as the local stack does."""
    assert "python infra/image/build.py /image" in instructions("RUN")
    assert "--from=build /image /" in instructions("COPY")
    python, *flags, start = Tree(Path("/")).runtime
    (entry,) = map(json.loads, instructions("ENTRYPOINT"))
    assert entry[1:] == [*flags, start, "/function/functions/func.py", "handler"]
    assert "/" not in entry[0]
    assert "python" in Path(python).name
    environment = dict(pair.split("=", 1) for pair in shlex.split(instructions("ENV")[0]))
    assert environment["PYTHONPATH"] == Tree(Path("/")).python_path
    assert (tree.function / "start.py").exists()


def test_the_dockerfile_is_pinned_and_unprivileged():
    """The base image is named by patch level and digest, and the function runs as OCI's user 1000."""
    bases = [line.split()[0] for line in instructions("FROM")]
    outside = [base for base in bases if base != "base"]
    assert len(outside) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", outside[0])
    assert instructions("USER")[-1] == "1000:1000"
    assert DOCKERFILE.index("USER 1000") > DOCKERFILE.rindex("FROM ")
    version = re.search(r"python:(3\.\d+)", outside[0])[1]
    assert json.loads(instructions("ENTRYPOINT")[0])[0] == f"python{version}"


def test_the_build_context_holds_what_is_copied():
    """Each source of a COPY exists and is let through by .dockerignore, which lets nothing else through."""
    sources = {
        name
        for line in instructions("COPY")
        if not line.startswith("--from")
        for name in line.split()[:-1]
    }
    ignored = (ROOT / ".dockerignore").read_text().split()
    allowed = {line[1:].rstrip("/") for line in ignored if line.startswith("!")}
    assert ignored[0] == "*"
    assert sources == allowed
    assert all((ROOT / name).exists() for name in sources)


def test_the_script_needs_nothing_that_a_bare_python_lacks():
    """The script imports only the standard library."""
    tree = ast.parse((ROOT / "infra/image/build.py").read_text())
    names = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names += [n.name for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names]
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


def test_the_fn_cli_can_deploy():
    """func.yaml has the fields that the fn CLI knows, and the memory that Terraform gives."""
    assert FUNC.keys() == {
        "schema_version", "name", "version", "runtime", "memory", "timeout", "deploy",
    }  # fmt: skip
    assert (FUNC["schema_version"], FUNC["runtime"]) == (20180708, "docker")
    assert FUNC["memory"] == named("variable")["memory"]["default"]
