#!/usr/bin/env python3
"""Writes the reference part of docs/api.md from the public headers: api_reference.py [--check] [SOURCE].

Everything above the marker line is written by hand. A comment in a header belongs to the declarations that follow it up to
the next blank line; a comment on the declaration's own line stays with it. --check writes nothing and exits with 1 when the
page is not what the headers say.
"""
import re
import sys
from pathlib import Path

MARKER = "<!-- Below: made from the headers by scripts/api_reference.py. -->"
# In the order in which a program meets them.
ORDER = ["version", "status", "allocator", "model", "session", "tensor", "op", "inspect", "metadata", "io"]


def comment_text(lines):
    """The words of a /* ... */ block."""
    text = "\n".join(lines).strip()
    text = re.sub(r"^/\*+", "", re.sub(r"\*/$", "", text))
    return " ".join(line.strip().lstrip("*").strip() for line in text.split("\n")).strip()


def take_comment(lines, at):
    """Lines of the block comment that begins at lines[at], and where it ends."""
    block = []
    while True:
        block.append(lines[at])
        at += 1
        if "*/" in block[-1]:
            return block, at


def body_of(path):
    """The lines of a header without guards, includes and the C++ brackets; and its opening comment."""
    lines = path.read_text().split("\n")
    head, at = take_comment(lines, 0)
    kept, skip = [], 0
    for line in lines[at:]:
        if re.match(r"#if(def __cplusplus|ndef LINNET_| defined\(_WIN32\)| defined\(__GNUC__\))", line):
            skip += 1
            continue
        if skip and line.startswith("#endif"):
            skip -= 1
            continue
        if re.match(r"#(include|define LINNET_\w+_H)", line):
            continue
        kept.append(line)
    guarded = "\n".join(kept)
    guarded = re.sub(r'extern "C" \{\n|^\}\n(?=\n*\Z)', "", guarded, flags=re.M)
    guarded = re.sub(r"#else\n|#define LN_API\b.*\n|^ +__attribute__.*\n", "", guarded, flags=re.M)
    return comment_text(head), re.sub(r"\n +;", ";", guarded).split("\n")


def groups(lines):
    """(comment, declaration lines) in the order of the header; blank lines and comments part them."""
    comment, code, depth = "", [], 0
    at = 0
    while at < len(lines):
        line = lines[at]
        if depth == 0 and line.startswith("/*"):
            if code:
                yield comment, code
                code = []
            block, at = take_comment(lines, at)
            comment = comment_text(block)
            continue
        if depth == 0 and not line.strip():
            if code:
                yield comment, code
            comment, code = "", []
        elif not re.match(r"(#endif|\}$|typedef struct \w+ \w+;$)", line) or depth > 0 or line.startswith("typedef"):
            code.append(line.replace("LN_API ", ""))
            depth += line.count("{") - line.count("}")
        at += 1
    if code:
        yield comment, code


def names_of(code):
    """What a group declares, for its heading."""
    text = re.sub(r"/\*.*?\*/", "", "\n".join(code), flags=re.S)
    found = re.findall(r"\b(ln_\w+)\(", re.sub(r"\{.*?\}", "", text, flags=re.S))
    found += re.findall(r"^\}\s*(ln_\w+);", text, flags=re.M)
    found += re.findall(r"typedef struct \w+ (ln_\w+);", text)
    found += re.findall(r"typedef [\w ]+\(\*(ln_\w+)\)", text)
    found += re.findall(r"#define (LN_\w+)", text)
    found += re.findall(r"^enum \{ (.*?) \};", text, flags=re.M)
    return list(dict.fromkeys(name for name in found if "__" not in name))


def reference(source):
    out = []
    headers = {path.stem: path for path in (source / "include/linnet").glob("*.h")}
    headers.pop("linnet")
    for stem in ORDER + sorted(set(headers) - set(ORDER)):
        if stem not in headers:
            continue
        intro, lines = body_of(headers[stem])
        out += [f"## linnet/{stem}.h", "", intro, ""]
        for comment, code in groups(lines):
            while code and not code[-1].strip():
                code.pop()
            if not code:
                continue
            names = names_of(code)
            if names:
                out += ["### " + ", ".join(f"`{name}`" for name in names), ""]
            if comment:
                out += [comment, ""]
            out += ["```c"] + code + ["```", ""]
    return "\n".join(out).rstrip() + "\n"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--check"]
    source = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    page = source / "docs/api.md"
    text = page.read_text()
    if MARKER not in text:
        sys.exit(f"{page}: the marker line is missing")
    fresh = text.split(MARKER)[0] + MARKER + "\n\n" + reference(source)
    if "--check" not in sys.argv:
        page.write_text(fresh)
    elif fresh != text:
        sys.exit("docs/api.md is not what the headers say: run scripts/api_reference.py")


if __name__ == "__main__":
    main()
