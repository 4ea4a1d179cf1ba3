#!/usr/bin/env python3
"""Asks LiteRT which builtin operators it has a kernel for, by a model of each, and keeps the answer in
litert_operators.txt beside this file: litert_operators.py [--check]. Exit status 77 without LiteRT."""
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = os.path.join(HERE, "litert_operators.txt")
MARKERS = ("CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES")
VERSIONS = range(1, 16)
sys.path.append(os.path.join(HERE, "gen"))  # last: families there are named as modules of Python's own
try:
    import lib
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


def refuses_all_versions(op):
    for version in VERSIONS:
        x = lib.tensor([2], data=[1.0, 2.0])
        one = lib.graph([lib.node(op, [x], [lib.tensor([2])])], [x], [])
        try:
            lib.Interpreter(model_content=lib.build([one], {}, version),
                            experimental_op_resolver_type=lib.RESOLVERS["opt"])
            return False
        except (ValueError, RuntimeError) as refusal:
            if not re.search("find op for builtin", str(refusal)):
                return False
    return True


def has_kernel(op):
    """In a process of its own: LiteRT ends on some models that mean nothing."""
    child = os.fork()
    if child == 0:
        os._exit(7 if refuses_all_versions(op) else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 7


def main():
    codes = {name: code for name, code in vars(lib.S.BuiltinOperator).items() if not name.startswith("_")}
    names = [name for name in sorted(codes, key=codes.get) if name not in MARKERS]
    text = "".join(name + "\n" for name in names if has_kernel(name))
    if "--check" in sys.argv:
        with open(KEPT, encoding="utf-8") as kept:
            fresh = kept.read() == text
        print("litert_operators.txt is " + ("fresh" if fresh else "stale"))
        return 0 if fresh else 1
    with open(KEPT, "w", encoding="utf-8") as out:
        out.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
