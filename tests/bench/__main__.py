"""Run all benchmarks: ``python -m tests.bench [--quick] [--json FILE]``.

All stacks run in one process against one server, in short shuffled blocks. A ratio is taken block
against block of the same round, so that the machine's moods cancel out; medians are printed, with
the quartiles. Counts are exact.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import sys
import time
from typing import Any, Callable, Dict, List, Tuple

from . import counts
from . import ends
from . import polling
from . import service
from .peer import Peer
from .stacks import Arr, AzureSdk, Make, Plain, Stack, Tuned

BLOCK = 20
Figures = Dict[str, Any]


def spread(values: List[float]) -> Tuple[float, float, float]:
    quarters = statistics.quantiles(values, n=4)
    return quarters[1], quarters[0], quarters[2]


def compare(makers: List[Make], in_flight: int, rounds: int) -> Figures:
    """Return CPU and calls per second of each stack, as ratios to the first."""
    with Peer() as peer:
        stacks: List[Stack] = [make(peer.url, in_flight) for make in makers]
        for stack in stacks:
            stack.block(10 * BLOCK)  # threads, connections and caches are there
        cpu: Dict[str, List[float]] = {stack.name: [] for stack in stacks}
        wall: Dict[str, List[float]] = {stack.name: [] for stack in stacks}
        server_before, begin = peer.counts()["cpu"], time.perf_counter()
        for _ in range(rounds):
            for stack in random.sample(stacks, len(stacks)):
                cpu_before, wall_before = time.process_time(), time.perf_counter()
                stack.block(BLOCK)
                cpu[stack.name].append(time.process_time() - cpu_before)
                wall[stack.name].append(time.perf_counter() - wall_before)
        share = (peer.counts()["cpu"] - server_before) / (time.perf_counter() - begin)
        for stack in stacks:
            stack.close()
    first = stacks[0].name
    figures: Figures = {"server CPU share": share}
    for stack in stacks:
        figures[stack.name] = {
            "cpu per call": spread([mine / base for mine, base in zip(cpu[stack.name],
                                                                      cpu[first])]),
            "calls per s": spread([base / mine for mine, base in zip(wall[stack.name],
                                                                     wall[first])]),
            "us of cpu per call": statistics.median(cpu[stack.name]) / BLOCK * 1e6,
        }
    return figures


def show(title: str, rows: List[Tuple[str, object]]) -> None:
    print(f"\n{title}")
    for name, value in rows:
        if isinstance(value, tuple):
            text = f"{value[0]:.2f}   ({value[1]:.2f} to {value[2]:.2f})"
        elif isinstance(value, float):
            text = f"{value:.2f}"
        else:
            text = str(value)
        print(f"  {name:<58} {text}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, to see that it works")
    parser.add_argument("--json", metavar="FILE", help="write all figures to a file")
    options = parser.parse_args()
    begin = time.perf_counter()
    makers: List[Make] = [Plain, Tuned, Arr]
    if AzureSdk.available():
        makers.append(AzureSdk)
    machine = f"Python {platform.python_version()}, {platform.machine()}, {counts.cores()} cores"
    print(machine)
    results: Figures = {"machine": machine, "date": time.strftime("%Y-%m-%d")}
    for in_flight in (1, 16):
        figures = compare(makers, in_flight, 8 if options.quick else 150)
        results[f"{in_flight} in flight"] = figures
        rows: List[Tuple[str, object]] = [
            ("server, share of one core", figures["server CPU share"])]
        for name, figure in figures.items():
            if isinstance(figure, dict):
                rows += [(f"{name}: {key}", value) for key, value in figure.items()]
        show(f"{in_flight} in flight, ratios to plain requests", rows)
    sections: List[Tuple[str, Callable[[bool], counts.Rows]]] = [
        ("Counts", counts.exact), ("Times, as ratios", counts.ratios),
        ("Waits", polling.rows), ("The end of the process", ends.rows),
        ("The emulator", service.rows)]
    for title, section in sections:
        found = section(options.quick)
        results[title] = dict(found)
        show(title, found)
    print(f"\n{time.perf_counter() - begin:.0f} s")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
