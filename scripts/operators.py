#!/usr/bin/env python3
"""Writes docs/operators.md from the operator table (linnet ops --json) and the cases (run_cases --count).

usage: operators.py LINNET RUN_CASES [--check]     --check: says whether the committed page is fresh (exit status 1 if not)
"""
import json
import os
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PAGE = os.path.join(ROOT, "docs", "operators.md")


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def case_counts(run_cases):
    lines = output_of(run_cases, "--count", os.path.join(ROOT, "tests", "ops", "cases")).splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.count(" ") == 1)
    return {name: int(count) for name, count in pairs}


def page(rows, counts):
    ready = [row for row in rows if row["kernel"]]
    out = ["# Operators", "",
           "Made by `scripts/operators.py` from `src/ops/ops.def`, `custom.def` and the cases of `tests/ops`; a test holds it fresh.", "",
           f"{len(ready)} of {len(rows)} operators have a kernel, checked by {sum(counts[r['name']] for r in ready)} uses in cases. "
           "Types are those of inputs > outputs: `T` stands for one type throughout, `?` for an input that may be absent, "
           "`*` for any number.", "",
           "| code | operator | types | cases | gradient |", "|---|---|---|---|---|"]
    for row in rows:
        code = "custom" if row["custom"] else str(row["code"])
        types = f"`{row['types']}`".replace("|", "\\|") if row["kernel"] else f"not yet: {row['kernel_not_yet']}"
        gradient = "yes" if row["gradient"] else row["gradient_not_yet"]
        out.append(f"| {code} | {row['name']} | {types} | {counts.get(row['name'], 0) or ''} | {gradient} |")
    return "\n".join(out) + "\n"


def main():
    linnet, run_cases = sys.argv[1:3]
    text = page(json.loads(output_of(linnet, "ops", "--json")), case_counts(run_cases))
    if "--check" in sys.argv:
        with open(PAGE, encoding="utf-8") as old:
            fresh = old.read() == text
        print("docs/operators.md is " + ("fresh" if fresh else "stale: run scripts/operators.py LINNET RUN_CASES"))
        return 0 if fresh else 1
    with open(PAGE, "w", encoding="utf-8") as out:
        out.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
