"""`python -m tests.support.mutants [FILE…]`: whether the tests notice small changes of the code.

It samples changes, makes each in a copy of the tree, runs the tests that cover the line, then the
simulation, then what else is quick, and prints the changes that nobody noticed. Changes that `equivalent.txt`
names are left out: they change nothing. `--rules` samples from the functions that keep each rule of `rules.toml`.
"""

import argparse
import json
import random
import subprocess
import sys
import time
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.mutants.forks import THE_SIMULATION, Forks
from tests.support.mutants.mutations import Mutation, mutations
from tests.support.mutants.tree import ROOT, Tree

PACKAGES = ("plan", "run", "jobs", "state", "triggers")
COVERED = (*PACKAGES, "sources")
"""These tests run the function in their own process, so coverage sees it."""
REST = ("tests/system/function", "tests/api", "tests/vault", "tests/cloud")
NUMBERS = "tests/docs/test_numbers.py"
MAX_COVERING = 40
SIMULATED_SEEDS = 60
SLOW = (
    "tests/run/test_rounds.py",
    "tests/run/test_kills.py",
    "tests/jobs/test_any_message.py",
)
"""They take as long as all others of the run and the jobs: they come last, and not at a first look."""
HERE = Path(__file__).parent
COVERAGE = """[run]
source = functions
dynamic_context = test_function
concurrency = thread,greenlet
"""
"""Without greenlets, coverage sees nothing any more from the first one that is killed."""


class Covering:
    """Which tests run which line, by coverage's contexts; `known` is a map of an earlier hunt."""

    def __init__(self, tree: Tree, known: Path | None) -> None:
        kept = known or tree.root / "coverage.json"
        if not kept.exists():
            self._measure(tree, kept)
        self._files = json.loads(kept.read_text())["files"]

    def _measure(self, tree: Tree, kept: Path) -> None:
        (tree.root / ".coveragerc").write_text(COVERAGE)
        paths = [f"tests/{name}" for name in COVERED]
        for command in (
            ["run", "-m", "pytest", "-q", "-p", "no:cacheprovider", *paths],
            ["json", "-q", "--show-contexts", "-o", str(kept)],
        ):
            coverage = [sys.executable, "-m", "coverage", *command]
            done = subprocess.run(
                coverage, cwd=tree.root, stdout=subprocess.PIPE, text=True, check=False
            )
            if done.returncode:
                raise SystemExit(f"{done.stdout}\nThe tests must pass before anything is changed.")

    def tests(self, file: str, line: int) -> list[str]:
        """Return the tests of a line, as pytest names them, those of its module first."""
        contexts = self._files.get(file, {}).get("contexts", {}).get(str(line), [])
        names = (context.rpartition(".") for context in contexts if context.startswith("tests."))
        nodes = {f"{module.replace('.', '/')}.py::{name}" for module, _, name in names}
        quick = (node for node in nodes if not node.startswith(SLOW))
        beside = f"tests/{Path(file).parts[1]}/"

        def rank(node: str) -> tuple[bool, bool, str]:
            is_own = node.startswith(f"{beside}test_{Path(file).stem}")
            return not is_own, not node.startswith(beside), node

        return sorted(quick, key=rank)[:MAX_COVERING]


class Hunt:
    """Tries one change after the other; of the rest of the tests those first that noticed most so far."""

    def __init__(self, tree: Tree, forks: Forks, known: Path | None, *, is_brief: bool) -> None:
        self._tree = tree
        self._forks = forks
        self._is_brief = is_brief
        self._covering = Covering(tree, known)
        files = (file for path in REST for file in (tree.root / path).rglob("test_*.py"))
        self._rest = sorted(str(file.relative_to(tree.root)) for file in files)
        self._noticed: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def noticed_by(self, mutation: Mutation) -> str | None:
        """Return what noticed a change, None where nothing did."""
        name = str(mutation.file.relative_to(self._tree.root))
        text = mutation.apply(mutation.file.read_text())
        # Code that hypothesis calls has no context: so what stands beside it is tried too.
        tests = self._covering.tests(name, mutation.line)
        own = f"tests/{Path(name).parts[1]}/test_{mutation.file.stem}"
        beside = [*_beside(name), NUMBERS]
        without = SLOW if self._is_brief else ()
        if mutation.is_in_function:
            module = name.removesuffix(".py").replace("/", ".")
            found = self._forks.noticed_by(
                module=module,
                scope=mutation.scope,
                text=text,
                tests=[*tests, own],
                beside=beside,
                slow=SLOW,
                without=without,
                seeds=SIMULATED_SEEDS,
            )
            if found or self._is_brief:
                return found
        # What stands in no function, or in one that ran at its import, is changed in new processes only.
        with self._tree.changed(name, text):
            for some in (tests, [*beside, *(f"--ignore={file}" for file in without)]):
                if some and (failed := self._tree.first_failure(*some)):
                    return failed
            seeds = ("--seeds", str(SIMULATED_SEEDS))
            if not self._tree.runs("tests.system.simulation", *seeds):
                return THE_SIMULATION
            return None if self._is_brief else self._rest_notices(name)

    def _rest_notices(self, name: str) -> str | None:
        counts = self._noticed[name]
        rest = sorted(self._rest, key=lambda file: -counts[file])
        failed = self._tree.first_failure(*rest)
        if failed:
            counts[failed] += 1
        return failed


def _beside(file: str) -> list[str]:
    """Return the tests that stand where a module stands; those of a whole run stand in several places."""
    package = Path(file).parts[1]
    of_runs = ("run", "jobs", "state")
    return [f"tests/{name}/" for name in (of_runs if package in of_runs else [package])]


def main() -> int:
    """Sample, try, and print survivors; return 1 where there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutants")
    parser.add_argument("files", nargs="*", type=Path, help="modules or packages of functions/")
    parser.add_argument("--number", type=int, default=100, help="how many changes, or of each rule")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", action="store_true", help="sample from each rule's functions")
    parser.add_argument("--brief", action="store_true", help="a first look: not what is slow")
    parser.add_argument("--map", type=Path, help="keep here which tests cover which line")
    options = parser.parse_args()
    began = time.monotonic()
    survivors = []
    with TemporaryDirectory(prefix="mutants-") as directory:
        tree = Tree(Path(directory))
        draw = random.Random(options.seed)
        groups = by_rule(tree) if options.rules else {"": modules(options.files, tree)}
        sample = []
        for rule, every in groups.items():
            chosen = draw.sample(every, min(options.number, len(every)))
            say(f"{len(chosen)} of {len(every)} changes, seed {options.seed} {rule}")
            sample += chosen
        known = options.map and options.map.resolve()
        with Forks(tree.root, [*(f"tests/{name}" for name in COVERED), NUMBERS]) as forks:
            hunt = Hunt(tree, forks, known, is_brief=options.brief)
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


def by_rule(tree: Tree) -> dict[str, list[Mutation]]:
    """Return the changes of the functions that keep each rule."""
    return {
        rule: [
            mutation
            for file, scopes in files.items()
            for mutation in changes([tree.root / file], tree)
            if mutation.scope.startswith(tuple(scopes))
        ]
        for rule, files in tomllib.loads((HERE / "rules.toml").read_text()).items()
    }


def changes(files: Iterable[Path], tree: Tree) -> list[Mutation]:
    """Return the changes of modules but for those that change nothing."""
    lines = (HERE / "equivalent.txt").read_text().splitlines()
    equivalent = {line.partition("  # ")[0] for line in lines}
    every = (mutation for file in files for mutation in mutations(file))
    return [m for m in every if f"{m.file.relative_to(tree.root)} {m}" not in equivalent]


def modules(paths: list[Path], tree: Tree) -> list[Mutation]:
    """Return the changes in the copy: what is hunted there may change here meanwhile."""
    given = [path.resolve().relative_to(ROOT) for path in paths]
    places = [tree.root / path for path in given or (f"functions/{name}" for name in PACKAGES)]
    files = [sorted(place.glob("*.py")) if place.is_dir() else [place] for place in places]
    return changes([file for group in files for file in group], tree)


def told(mutation: Mutation, tree: Tree) -> str:
    """Return a change in one line, with its place."""
    return f"{mutation.file.relative_to(tree.root)}:{mutation.line} {mutation}"


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
