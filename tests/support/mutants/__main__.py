"""`python -m tests.support.mutants [FILE…]`: whether the tests notice small changes of the code.

It samples changes, makes each in a copy of the tree, runs the tests that cover the line, then what else
is quick, then the simulation, and prints the changes that nobody noticed.
"""

import argparse
import ast
import json
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.mutants.mutations import Mutation, mutations
from tests.support.mutants.tree import ROOT, Tree

PACKAGES = ("plan", "run", "jobs", "state", "triggers")
"""Of functions/ and of tests/: these tests run the function in their own process, so coverage sees it."""
REST = ("tests/system/function", "tests/api", "tests/sources", "tests/vault", "tests/cloud")
SIMULATED_SEEDS = 60
MAX_COVERING = 80
COVERAGE = """[run]
source = functions
dynamic_context = test_function
"""


class Covering:
    """Which tests run which line, by coverage's contexts."""

    def __init__(self, tree: Tree) -> None:
        (tree.root / ".coveragerc").write_text(COVERAGE)
        paths = [f"tests/{name}" for name in PACKAGES]
        for command in (
            ["run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
            ["json", "-q", "--show-contexts", "-o", "coverage.json"],
        ):
            coverage = [sys.executable, "-m", "coverage", *command]
            done = subprocess.run(
                coverage, cwd=tree.root, stdout=subprocess.PIPE, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(f"{done.stdout}\nThe tests must pass before anything is changed.")
        self._files = json.loads((tree.root / "coverage.json").read_text())["files"]

    def tests(self, file: str, line: int) -> list[str]:
        """Return the tests of a line, as pytest names them."""
        contexts = self._files.get(file, {}).get("contexts", {}).get(str(line), [])
        names = (context.rpartition(".") for context in contexts if context.startswith("tests."))
        nodes = {f"{module.replace('.', '/')}.py::{name}" for module, _, name in names}
        beside = f"tests/{Path(file).parts[1]}/"
        return sorted(nodes, key=lambda node: (not node.startswith(beside), node))[:MAX_COVERING]


class Hunt:
    """Tries one change after the other; of the rest of the tests those first that noticed most so far."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._covering = Covering(tree)
        files = (file for path in REST for file in (tree.root / path).rglob("test_*.py"))
        self._rest = sorted(str(file.relative_to(tree.root)) for file in files)
        self._noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def noticed_by(self, mutation: Mutation) -> str | None:
        """Return what noticed a change, None where nothing did."""
        name = str(mutation.file.relative_to(self._tree.root))
        with self._tree.changed(name, mutation.apply(mutation.file.read_text())):
            # Code that hypothesis calls has no context: so what stands beside it is tried too.
            beside = f"tests/{Path(name).parts[1]}"
            for tests in (self._covering.tests(name, mutation.line), [beside]):
                if tests and (failed := self._tree.first_failure(*tests)):
                    return failed
            seeds = ("--seeds", str(SIMULATED_SEEDS))
            if not self._tree.runs("tests.system.simulation", *seeds):
                return "the simulation"
            counts = self._noticed[name]
            rest = sorted(self._rest, key=lambda file: -counts[file])
            failed = self._tree.first_failure(*rest)
            if failed:
                counts[failed] += 1
            return failed


def main() -> int:
    """Sample, try, and print survivors; return 1 where there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutants")
    parser.add_argument("files", nargs="*", type=Path, help="modules or packages of functions/")
    parser.add_argument("--number", type=int, default=100, help="how many changes")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    survivors = []
    with TemporaryDirectory(prefix="mutants-") as directory:
        tree = Tree(Path(directory))
        every = [m for file in _modules(options.files, tree) for m in mutations(file)]
        sample = random.Random(options.seed).sample(every, min(options.number, len(every)))
        say(f"{len(sample)} of {len(every)} changes, seed {options.seed}")
        hunt = Hunt(tree)
        for number, mutation in enumerate(sample, 1):
            by = hunt.noticed_by(mutation)
            if by is None:
                survivors.append(mutation)
            say(f"{number:4} {told(mutation, tree)}  [{by or 'NOBODY'}]")
        say("Nobody noticed:")
        for mutation in survivors:
            say(f"     {told(mutation, tree)}")
    share = 100 * (len(sample) - len(survivors)) / len(sample)
    seconds = time.monotonic() - began
    say(f"{share:.1f} % of {len(sample)} noticed; seed {options.seed}, {seconds:.0f} s")
    return len(survivors) > 0


def _modules(paths: list[Path], tree: Tree) -> list[Path]:
    """Return the modules in the copy: what is hunted there may change here meanwhile."""
    given = [path.resolve().relative_to(ROOT) for path in paths]
    places = [tree.root / path for path in given or (f"functions/{name}" for name in PACKAGES)]
    files = [sorted(place.glob("*.py")) if place.is_dir() else [place] for place in places]
    return [file for group in files for file in group]


def told(mutation: Mutation, tree: Tree) -> str:
    """Return a change in one line."""
    where = f"{mutation.file.relative_to(tree.root)}:{mutation.line}"
    old = ast.unparse(mutation.node).splitlines()[0]
    return f"{where} {mutation.what}: {old} -> {mutation.new.splitlines()[0]}"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
