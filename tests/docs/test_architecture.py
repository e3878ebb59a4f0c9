"""The contracts notice: in a copy of the tree that breaks them, the tools of `make lint` complain."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.executable).parent

# By file: what is replaced in it, by what, and what mypy must say about which file then.
UNTYPED = {
    "a source without a method of its port": (
        "functions/sources/infisical/source.py",
        ("    def ping(", "    def pong("),
        r'sources/__init__\.py.*"Infisical" is missing following "SecretSource"',
    ),
    "a newer source without a method of its port": (
        "functions/sources/hanzo_kms.py",
        ("    def read(", "    def fetch("),
        r'sources/__init__\.py.*"HanzoKms" is missing following "SecretSource"',
    ),
    "a queue without a method of its port": (
        "functions/cloud/queue.py",
        ("    def hide(", "    def conceal("),
        r'app\.py.*"Queue" is missing following',
    ),
    "a store without a method of its port": (
        "functions/stores/s3.py",
        ("    def delete(", "    def remove("),
        r'stores/__init__\.py.*"S3Store" is missing following "ConfigStore"',
    ),
    "a vault without a method of its port": (
        "functions/vault/write.py",
        ("    def restore(", "    def unschedule("),
        r'vault/__init__\.py.*"Vault" is missing following "SecretVault"',
    ),
    "a kind of source that nobody opens": (
        "functions/settings.py",
        ('Literal["infisical", ', 'Literal["infisical", "vaultwarden", '),
        r"functions/sources/__init__\.py.*assert_never.*vaultwarden",
    ),
    "a cause that is misspelt": (
        "functions/jobs/submit.py",
        ('"webhook"', '"webhok"'),
        r"functions/jobs/submit\.py.*webhok",
    ),
}
FORBIDDEN = {
    "functions/jobs/submit.py": "import urllib3",
    "functions/api/routes.py": "from functions.vault.read import Reader as Reader",
    "functions/plan/table.py": "import logging",
    "functions/state/lease.py": "import functions.run.run",
    "functions/run/push.py": "import infra.local.stack",
}


@pytest.fixture
def copy(tmp_path):
    """A copy of the tree, to be broken."""
    leave = shutil.ignore_patterns("__pycache__", "terraform", "image")
    for name in ("functions", "infra"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=leave)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def run(tool, *arguments, cwd):
    """Run a tool in the copy; return its status and what it printed."""
    done = subprocess.run(
        [TOOLS / tool, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def replace(file, old, new):
    """Replace the first occurrence of a text in a file."""
    text = file.read_text()
    assert old in text, f"{file} has changed: say here what stands there now"
    file.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("file", FORBIDDEN)
def test_an_import_that_a_contract_forbids(copy, file):
    """import-linter names the module that imports what its layer may not know."""
    path = copy / file
    path.write_text(f"{path.read_text()}\n{FORBIDDEN[file]}\n")
    status, output = run("lint-imports", "--no-cache", cwd=copy)
    assert status != 0
    assert file.removesuffix(".py").replace("/", ".") in output


def test_what_the_types_forbid(copy):
    """mypy names each implementation that misses a method of its port, and each word that is no literal."""
    for file, change, _ in UNTYPED.values():
        replace(copy / file, *change)
    _, output = run("mypy", "--cache-dir", str(copy / "cache"), "functions", cwd=copy)
    missed = [what for what, (_, _, said) in UNTYPED.items() if not re.search(said, output)]
    assert missed == [], output
