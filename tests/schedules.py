"""Many schedules of threads, by hand: ``python -m tests.schedules --count 500000 --seed 7``.

The count is shared out among the scenarios. Each is run by all plans with one preemption, then with
two, up to a third of its share, then by random ones, every second of them by single instructions
instead of lines. The same seed gives the same schedules; the first one that fails ends the run.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import time

from .support import scenarios, scenarios_calls
from .support.schedules import Make, plans, random_plan, run, scheduled

SCENARIOS = scenarios.SCENARIOS + scenarios_calls.SCENARIOS


def walk(make: Make, count: int, seed: int) -> int:
    """Run one scenario by so many schedules; return how many of them were random."""
    with scheduled():
        threads = len(run(make))
        lines, opcodes = ([max(found) for found in zip(*(
            run(make, [(first, 1_000_000)], fine) for first in range(threads)))]
            for fine in (False, True))
        all_plans = itertools.chain(plans(lines, 1), plans(lines, 2))
        done = 0
        for plan in itertools.islice(all_plans, count // 3):
            run(make, plan)
            done += 1
        chance = random.Random(f"{seed} {make.__name__}")
        for number in range(count - done):
            fine = number % 2 == 1
            run(make, random_plan(opcodes if fine else lines, chance), fine)
        return count - done


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.schedules")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose names contain this")
    options = parser.parse_args()
    chosen = [make for make in SCENARIOS if options.only in make.__name__]
    total = 0
    for make in chosen:
        begin = time.monotonic()
        count = -(-options.count // len(chosen))
        drawn = walk(make, count, options.seed)
        total += count
        print(f"{make.__name__}: {count:,} schedules, {drawn:,} of them random, "
              f"{time.monotonic() - begin:.0f} s, no failure", flush=True)
    print(f"{total:,} schedules in all on {sys.version.split()[0]}, no failure")


if __name__ == "__main__":
    main()
