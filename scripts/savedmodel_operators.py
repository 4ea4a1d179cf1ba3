#!/usr/bin/env python3
"""Writes docs/tensorflow.md, TensorFlow's operators that are converted, from the importer's table:
savedmodel_operators.py [--check] [SOURCE].

--check writes nothing and exits with 1 when the page is not what the table says.
"""
import re
import sys
from pathlib import Path


def page(source):
    text = re.sub(r"/\*.*?\*/", "", (source / "src/import/savedmodel/savedmodel_ops.def").read_text(), flags=re.S)
    names = re.findall(r"LN_SM_OP\((\w+),", text)
    lines = [f"# TensorFlow's operators ({len(names)})", "",
             "What `linnet convert` reads in a SavedModel; functions of its library are read as well. Printed from",
             "`src/import/savedmodel/savedmodel_ops.def` by `scripts/savedmodel_operators.py`; [convert.md](convert.md) says what is",
             "refused.", ""]
    line = ""
    for i, name in enumerate(names):
        word = f"`{name}`" + ("," if i < len(names) - 1 else "")
        if len(line) + len(word) + 1 > 120:
            lines.append(line)
            line = ""
        line += (" " if line else "") + word
    return "\n".join(lines + [line]) + "\n"


def main():
    check = "--check" in sys.argv[1:]
    given = [a for a in sys.argv[1:] if a != "--check"]
    source = Path(given[0] if given else Path(__file__).resolve().parent.parent)
    path = source / "docs/tensorflow.md"
    if not check:
        path.write_text(page(source))
    elif not path.exists() or path.read_text() != page(source):
        sys.exit("docs/tensorflow.md is not what the table says: run scripts/savedmodel_operators.py")


if __name__ == "__main__":
    main()
