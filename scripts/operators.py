#!/usr/bin/env python3
"""Writes docs/operators.md and tools/linnet/op_facts.def from the operator table (linnet ops --json), the cases
(run_cases --count) and the list of what LiteRT runs (tests/ops/litert_operators.txt).

usage: operators.py LINNET RUN_CASES [--check]     --check: says whether the committed files are fresh (exit status 1 if not)
"""
import json
import os
import subprocess
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
PAGE = os.path.join(ROOT, "docs", "operators.md")
FACTS = os.path.join(ROOT, "tools", "linnet", "op_facts.def")


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def case_counts(run_cases):
    lines = output_of(run_cases, "--count", os.path.join(ROOT, "tests", "ops", "cases")).splitlines()
    pairs = (line.rsplit(" ", 1) for line in lines if line.count(" ") == 1)
    return {name: int(count) for name, count in pairs}


def litert_operators():
    with open(os.path.join(ROOT, "tests", "ops", "litert_operators.txt"), encoding="utf-8") as names:
        return set(names.read().split())


def facts(rows, counts, litert):
    out = ["/* Made by scripts/operators.py: OP_FACT(operator, cases of tests/ops that hold it, LiteRT runs it). */"]
    for row in rows:
        runs = "true" if row["name"] in litert and not row["custom"] else "false"
        out.append(f"OP_FACT(\"{row['name']}\", {counts.get(row['name'], 0)}, {runs})")
    return "\n".join(out + ["#undef OP_FACT", ""])


def page(rows, counts, litert):
    ready = [row for row in rows if row["kernel"]]
    theirs = [row for row in rows if row["name"] in litert and not row["custom"]]
    ours = [row for row in theirs if row["kernel"]]
    operators = [row for row in rows if row["operator"]]
    out = ["# Operators", "",
           "Made by `scripts/operators.py` from `src/ops/ops.def`, `custom.def` and the cases of `tests/ops`; a test holds it fresh.",
           "",
           f"{len(ready)} of {len(operators)} operators have a kernel, among them {len(ours)} of the {len(theirs)} builtin ones that "
           f"LiteRT 2.3.0 runs, checked by {sum(counts[r['name']] for r in ready)} uses in cases. "
           "Types are those of inputs > outputs: `T` stands for one type throughout, `?` for an input that may be absent, "
           "`*` for any number; types after `~` reach the kernels as wider or plainer ones. Every operator takes shapes that are known in the run only: all cases are run so as well.",
           "",
           "| code | operator | types | shapes | backends | cases | LiteRT | gradient |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        code = "custom" if row["custom"] else str(row["code"])
        types = f"`{row['types']}`".replace("|", "\\|") if row["kernel"] else f"none: {row['kernel_not_yet']}"
        gradient = "yes" if row["gradient"] else row["gradient_not_yet"]
        litert_runs = "yes" if row["name"] in litert and not row["custom"] else ""
        shapes = "dynamic" if row["dynamic_shapes"] else ""
        out.append(f"| {code} | {row['name']} | {types} | {shapes} | {' '.join(row['backends'])} | "
                   f"{counts.get(row['name'], 0) or ''} | {litert_runs} | {gradient} |")
    return "\n".join(out) + "\n"


def main():
    linnet, run_cases = sys.argv[1:3]
    rows, counts, litert = json.loads(output_of(linnet, "ops", "--json")), case_counts(run_cases), litert_operators()
    stale = False
    for path, text in ((PAGE, page(rows, counts, litert)), (FACTS, facts(rows, counts, litert))):
        if "--check" in sys.argv:
            with open(path, encoding="utf-8") as old:
                fresh = old.read() == text
            stale = stale or not fresh
            print(f"{os.path.relpath(path, ROOT)} is " + ("fresh" if fresh else "stale: run scripts/operators.py LINNET RUN_CASES"))
        else:
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
