"""`python -m tests.system.simulation --seeds N --from S`, or `--seed S --trace` to see one as it happens."""

import argparse
import gc
import logging
import sys
import time
import traceback

from tests.system.simulation.audit import Violation
from tests.system.simulation.simulate import simulate

SEEDS_BETWEEN_COLLECTIONS = 50


def say(line):
    """Write a line at once, for a long run is watched."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main():
    """Run seeds; name each that breaks a rule and how to replay it."""
    parser = argparse.ArgumentParser(prog="python -m tests.system.simulation")
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="print what happens; never a value")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    one = options.seed is not None
    seeds = [options.seed] if one else range(options.first, options.first + options.seeds)
    started, failed, writes = time.monotonic(), 0, 0
    for seed in seeds:
        if seed % SEEDS_BETWEEN_COLLECTIONS == 0:
            gc.collect()  # a seed itself runs without, and its world is full of circles
        try:
            writes += simulate(seed, say if options.trace else None).auditor.writes
        except (Exception, Violation) as error:  # noqa: BLE001 - any error is a finding
            failed += 1
            say(f"seed {seed}: {type(error).__name__}: {error}")
            say(f"  replay: python -m tests.system.simulation --seed {seed} --trace")
            if options.trace:
                traceback.print_exc()
    seconds = time.monotonic() - started
    say(f"{len(seeds)} seeds, {failed} failed, {writes} writes to vaults, {seconds:.1f} s")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
