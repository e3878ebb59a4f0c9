import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from functions.api.routes import ROUTES
from functions.credentials import Credentials
from functions.plan.sync_config import SyncConfig
from functions.schemas.openapi import document
from functions.settings import Settings
from functions.version import VERSION
from infra.local.host import DETACHED_TIMEOUT_SECONDS, SYNC_TIMEOUT_SECONDS
from tests.docs.documents import CONFIGURE, DOCUMENTS

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
FUNC = yaml.safe_load((ROOT / "func.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(name):
    """Return package -> version of a requirements file."""
    lines = (ROOT / name).read_text().splitlines()
    pins = [line.split("#")[0].split(";")[0].strip() for line in lines if line[:1] not in "-#"]
    return dict(re.sub(r"\[.*?\]", "", pin).lower().split("==") for pin in pins)


def test_a_count_has_the_right_word():
    """No sentence puts a number before a word for several: `counted` says 1 secret and 2 secrets."""
    things = "change|deletion|job|key|message|name|run|secret|sync|version"
    fixed = re.compile(rf"(\{{[^{{}}]*\}}|%d) (own |other )?({things})s\b")
    for path in [*(ROOT / "functions").rglob("*.py"), *(ROOT / "cli").glob("*.py")]:
        found = [
            m[0] for m in fixed.finditer(path.read_text()) if not re.search("MOST|MAX|MIN", m[0])
        ]
        assert found == [], path.name


def imported(folder):
    """Return the dotted names that the modules below a folder import."""
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_version_is_the_same_everywhere():
    """pyproject.toml, func.yaml, the OpenAPI document and the texts have the version of the code."""
    assert (PROJECT["name"], PROJECT["version"]) == (FUNC["name"], VERSION)
    assert FUNC["version"] == document(ROUTES)["info"]["version"] == VERSION
    assert f"## [{VERSION}]" in DOCUMENTS["CHANGELOG.md"]
    steps = (ROOT / "infra/terraform/steps.tf").read_text()
    texts = DOCUMENTS["README.md"] + DOCUMENTS["docs/deploy.md"] + steps
    assert set(re.findall(r"(?::|TAG=)(\d+\.\d+\.\d+)", texts)) == {VERSION}


def test_the_local_host_has_the_time_limits_of_the_function():
    """The local stack runs the function with the time limits of func.yaml."""
    assert FUNC["timeout"] == SYNC_TIMEOUT_SECONDS
    detached = FUNC["deploy"]["oci"]["detached_mode"]["timeout"]
    assert seconds_of_go(detached) == DETACHED_TIMEOUT_SECONDS


def seconds_of_go(duration):
    """Return the seconds of a duration as Go writes it (1h30m): the Fn CLI refuses any other."""
    assert re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?", duration), duration
    units = {"h": 3600, "m": 60, "s": 1}
    return sum(int(n) * units[unit] for n, unit in re.findall(r"(\d+)([hms])", duration))


def test_every_package_that_is_imported_is_pinned():
    """What the function imports is pinned in requirements.txt, what the demo needs beside it in another.

    Only moto, for configs in S3, comes with what the tests need.
    """
    owners = packages_distributions()
    runtime = requirements("requirements.txt")
    for folder, pinned in [
        ("functions", runtime),
        ("infra", runtime | requirements("requirements-demo.txt")),
    ]:
        packages = {name.split(".")[0] for name in imported(folder)} - {"moto"}
        outside = packages - sys.stdlib_module_names - {"functions", "infra", "cli"}
        needed = {owners[package][0].lower() for package in outside if package in owners}
        # botocore is boto3's other half: it is pinned by boto3
        assert needed - {"botocore"} <= pinned.keys()


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-demo.txt", "requirements-dev.txt"]
)
def test_the_pins_are_what_is_installed(name):
    """The versions that the tests run with are the pinned ones."""
    assert requirements(name) == {package: version(package) for package in requirements(name)}


def fields(model, prefix=""):
    """Return the JSON names of a model's fields, those of nested models too."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation)


def test_the_documents_explain_every_field_of_a_sync():
    """docs/configure.md names every field of a sync config that people set."""
    internal = {"isBeingRemoved"}
    assert [field for field in fields(SyncConfig) if field not in CONFIGURE] in ([], [*internal])


def test_the_documents_explain_every_setting():
    """docs/configure.md has a row for every setting, with its default, and no other document has."""
    rows = dict(re.findall(r"(?m)^\| `([A-Z_]+)` \| (.+?) \|", CONFIGURE))
    for name, field in Settings.model_fields.items():
        row = rows.pop(name.upper())
        if field.is_required():
            assert row == "required"
        elif field.default is not None:
            assert row == f"`{field.default}`"
    assert rows == {}
    everywhere = "".join(DOCUMENTS.values())
    assert all(everywhere.count(f"\n| `{name.upper()}` |") == 1 for name in Settings.model_fields)


def test_the_documents_explain_the_credentials():
    """docs/configure.md shows the credentials JSON, and no other fields."""
    blocks = [json.loads(block) for block in re.findall(r"```json\n(.+?)```", CONFIGURE, re.DOTALL)]
    assert set(fields(Credentials)) == set(blocks[0])
    SyncConfig.model_validate(blocks[1])


def test_the_documents_name_targets_that_exist():
    """Every make target that the documents and the CI name exists."""
    texts = "".join(DOCUMENTS.values()) + (ROOT / ".ci/run").read_text()
    named = set(re.findall(r"(?m)(?:^|`)make ([a-z-]+)", texts))
    assert {"run", "test", "check"} <= named
    assert named <= set(re.findall(r"(?m)^([a-z-]+):", MAKEFILE))


def test_the_ci_runs_what_the_readme_says():
    """The CI runs the tests by the command that README.md gives."""
    assert "\nmake test\n" in (ROOT / ".ci/run").read_text()
    assert "\nmake test " in DOCUMENTS["README.md"]
