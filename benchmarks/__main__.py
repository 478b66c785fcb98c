"""Measure, print, and if asked write the page of the documentation: ``python3 tools/dev.py bench``."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import machine, tables
from benchmarks.environments import BUILD, ROOT, dccd, environment
from benchmarks.figures import Results
from benchmarks.measure import Plan, measure

RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "source" / "benchmarks.inc"


def main() -> int:
    """Return 0, whether targets are met or not: a figure is not a fault."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description="Measure dccd beside dccd 2.4.0.")
    parser.add_argument("--rounds", type=int, default=15, help="turns of each of those compared; default 15")
    parser.add_argument("--write-docs", action="store_true", help="keep the figures: results.json and the page")
    parser.add_argument("--pip", default=sys.executable, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    BUILD.mkdir(parents=True, exist_ok=True)
    peer = environment("peer", options.pip)
    plan = Plan(dccd("core", options.pip), dccd("collect", options.pip), peer, options.rounds)
    facts = machine.facts(BUILD) | {"Rounds": str(options.rounds)}
    results = Results(facts, list(measure(plan)))
    sys.stdout.write(f"{tables.text(results)}\n")
    write(results, RESULTS if options.write_docs else BUILD / "results.json")
    if options.write_docs:
        PAGE.write_text(tables.rst(results), encoding="utf-8")
    return 0


def write(results: Results, path: Path) -> None:
    """Keep the value of each round, for those who want other statistics."""
    path.write_text(json.dumps(results.to_json(), indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(f"written: {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    sys.exit(main())
