"""Builds the files of the function's image: `build.py DIRECTORY` makes DIRECTORY/python and /function.

Run it with the Python that shall run the function; it needs pip. The Dockerfile and `make image` do.
"""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from zipfile import ZipFile

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MAJOR_MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHON = Path(sys.base_exec_prefix, "bin", f"python{MAJOR_MINOR}")  # not a virtual environment's

UNUSED_NAMES = {"RECORD", "examples", "tests"}
UNUSED_SUFFIXES = {".c", ".data", ".h", ".pxd", ".pyi", ".pyx", ".rst"}  # .data: a wheel's scripts
AWS_DATA = {("boto3", "data"), ("botocore", "data")}
STAND_INS = {
    # guesses the charset of answers that do not tell it: OCI speaks UTF-8
    "_vendor/chardet": '__version__ = "4.0.0"\ndetect = lambda _: {"encoding": "utf-8"}\n',
    # two types that pagination treats in their own way: no answer is of these
    "dns": "class models:\n    RecordCollection = RRSet = ()\n",
}
SMOKE_TEST = """
import importlib, pkgutil, sys
import boto3, fdk.scripts.fdk, functions
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from oci.auth.signers import SecurityTokenSigner
for module in pkgutil.walk_packages(functions.__path__, "functions."):
    importlib.import_module(module.name)
signer = SecurityTokenSigner("-", generate_private_key(65537, 2048))
for name in sys.argv[1:]:
    module, _, kind = name.rpartition(".")
    client = getattr(importlib.import_module(module), kind)
    client({}, signer=signer, service_endpoint="http://localhost")
boto3.client("s3", region_name="none", aws_access_key_id="-", aws_secret_access_key="-")
"""


@dataclass(frozen=True)
class Tree:
    """The files of an image below a directory."""

    directory: Path

    @property
    def packages(self) -> Path:
        """Where the installed packages are."""
        return self.directory / "python"

    @property
    def function(self) -> Path:
        """Where the function and the script that starts it are."""
        return self.directory / "function"

    @property
    def python(self) -> tuple[str, ...]:
        """The interpreter, without the packages that are installed for it (-S)."""
        return str(PYTHON), "-S"

    @property
    def runtime(self) -> tuple[str, ...]:
        """The command that serves the function."""
        return *self.python, str(self.function / "start.py")

    @property
    def python_path(self) -> str:
        """The value of PYTHONPATH."""
        return f"{self.function}:{self.packages}"


def main(directory: Path) -> None:
    """Build the tree from nothing, test it and print its sizes."""
    tree = Tree(directory.resolve())
    for folder in (tree.packages, tree.function):
        shutil.rmtree(folder, ignore_errors=True)
    with TemporaryDirectory() as wheels:
        _download(wheels)
        for wheel in Path(wheels).iterdir():
            with ZipFile(wheel) as files:
                files.extractall(tree.packages, _needed(files))
    _cut_loose(tree.packages / "oci")
    no_cache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "functions", tree.function / "functions", ignore=no_cache)
    shutil.copy(HERE / "start.py", tree.function)
    _compile(tree)
    _run(*tree.python, "-c", SMOKE_TEST, *sorted(clients()), env={"PYTHONPATH": tree.python_path})
    for folder in (tree.packages, tree.function):
        print(f"{folder}: {size_mb(folder):.1f} MB")  # noqa: T201 - a program


def size_mb(folder: Path) -> float:
    """Return the size of all files below a folder, in 10⁶ bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def clients() -> set[str]:
    """Return the clients of OCI that the function uses: `oci.vault.VaultsClient`, …."""
    return {name for name in _used() if name.endswith("Client") and name.count(".") > 1}


def services(wheel: ZipFile) -> set[str]:
    """Return the folders of the oci package that are needed: what the function names, and what they name."""
    modules: dict[str, list[str]] = {"": []}
    for name in wheel.namelist():
        match name.split("/"):
            case ["oci", module] if module != "__init__.py":  # that one names them all
                modules[""].append(name)
            case ["oci", folder, *_] if name.endswith(".py"):
                modules.setdefault(folder, []).append(name)

    def named_by(folder: str) -> set[str]:
        sources = ((PurePosixPath(name), wheel.read(name)) for name in modules[folder])
        return {name.split(".")[1] for name in _oci_names(sources)} & modules.keys()

    todo = named_by("") | {name.split(".")[1] for name in _used()} & modules.keys()
    found: set[str] = set()
    while todo:
        found |= todo
        todo = set().union(*map(named_by, todo)) - found
    return found


def _used() -> set[str]:
    """Return the names below oci that the function uses."""
    paths = (ROOT / "functions").rglob("*.py")
    return set(
        _oci_names((PurePosixPath(path.relative_to(ROOT)), path.read_bytes()) for path in paths)
    )


def _oci_names(sources: Iterable[tuple[PurePosixPath, bytes]]) -> Iterator[str]:
    for path, text in sources:
        for name in _names(path.parent.parts, text):
            if name.startswith("oci."):
                yield name


def _names(package: tuple[str, ...], text: bytes) -> Iterator[str]:
    """Yield the dotted names that a module of a package imports or uses."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                base = package[: len(package) - node.level + 1] if node.level else ()
                source = ".".join([*base, *([node.module] if node.module else [])])
                yield from (f"{source}.{alias.name}" for alias in node.names)
            case ast.Attribute():
                yield ast.unparse(node)


def _download(folder: str) -> None:
    quiet = ("--quiet", "--disable-pip-version-check")
    options = (*quiet, "--no-deps", "--only-binary=:all:", "--dest", folder)
    _run(sys.executable, "-m", "pip", "download", *options, "-r", HERE / "requirements.txt")


def _needed(wheel: ZipFile) -> list[str]:
    """Return the files of a wheel that the function may load, and its version and licence."""
    kept = services(wheel) if "oci/__init__.py" in wheel.namelist() else set()

    def is_needed(name: str) -> bool:
        path = PurePosixPath(name)
        top, *folders = path.parent.parts or ("",)
        suffixes = {PurePosixPath(part).suffix for part in path.parts}
        if suffixes & UNUSED_SUFFIXES or UNUSED_NAMES & {*path.parts}:
            return False
        if (top, *folders[:1]) in AWS_DATA:
            return folders[1:2] in ([], ["s3"])
        return top != "oci" or not folders or folders[0] in kept

    return [name for name in wheel.namelist() if is_needed(name)]


def _cut_loose(oci: Path) -> None:
    """Remove what the SDK loads at each start though the function never needs it."""
    for folder, stand_in in STAND_INS.items():
        shutil.rmtree(oci / folder)
        (oci / f"{folder}.py").write_text(stand_in)
    # Large transfers bring multiprocessing and checksums with them.
    shutil.rmtree(oci / "object_storage" / "transfer")
    init = oci / "object_storage" / "__init__.py"
    lines = init.read_text().splitlines(keepends=True)
    init.write_text("".join(line for line in lines if not line.startswith("from .transfer.")))


def _compile(tree: Tree) -> None:
    # Nothing changes in an image, so Python need not compare source and bytecode at each start.
    mode = ("--invalidation-mode", "unchecked-hash")
    _run(sys.executable, "-m", "compileall", "-q", "-j0", *mode, tree.packages, tree.function)


def _run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, env=env, check=True)  # noqa: S603 - commands of this module


if __name__ == "__main__":
    main(Path(sys.argv[1]))
