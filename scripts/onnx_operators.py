#!/usr/bin/env python3
"""Writes docs/onnx.md, the ONNX operators that are converted, from the importer's table: onnx_operators.py [--check] [SOURCE].

--check writes nothing and exits with 1 when the page is not what the table says.
"""
import re
import sys
from pathlib import Path

DOMAINS = {"": "ONNX", "ai.onnx.ml": "ai.onnx.ml: classical machine learning",
           "com.microsoft": "com.microsoft: ONNX Runtime's own", "ai.onnx.preview": "ai.onnx.preview",
           "ai.onnx.preview.training": "ai.onnx.preview.training", "ai.onnx.training": "ai.onnx.training"}


def rows(source):
    text = (source / "src/import/onnx/onnx_ops.def").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = re.findall(r'LN_ONNX_OP\("([^"]*)",\s*(\w+),\s*(\d+),\s*\d+,\s*(\w+)', text)
    return [row[:3] for row in found if row[3] != "refused"]


def page(source):
    by_domain = {}
    for domain, name, since in rows(source):
        since_of = by_domain.setdefault(domain, {})
        since_of[name] = min(int(since), since_of.get(name, 1 << 30))
    lines = ["# ONNX operators", "",
             "What `linnet convert` makes of an ONNX model: operators by domain, and the first version of the operator set that is",
             "read where it is not 1. Operators of functions that a model brings along are read as well. Printed from",
             "`src/import/onnx/onnx_ops.def` by `scripts/onnx_operators.py`; [convert.md](convert.md) says what is refused."]
    for domain in sorted(by_domain):
        names = by_domain[domain]
        lines += ["", f"## {DOMAINS.get(domain, domain)} ({len(names)})", ""]
        line = ""
        for i, name in enumerate(sorted(names)):
            word = f"`{name}`" + (f" from {names[name]}" if names[name] > 1 else "") + ("," if i < len(names) - 1 else "")
            if len(line) + len(word) + 1 > 120:
                lines.append(line)
                line = ""
            line += (" " if line else "") + word
        lines.append(line)
    return "\n".join(lines) + "\n"


def main():
    check = "--check" in sys.argv[1:]
    given = [a for a in sys.argv[1:] if a != "--check"]
    source = Path(given[0] if given else Path(__file__).resolve().parent.parent)
    path = source / "docs/onnx.md"
    if not check:
        path.write_text(page(source))
        return 0
    if path.exists() and path.read_text() == page(source):
        return 0
    print("docs/onnx.md is not what the table says: run scripts/onnx_operators.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
