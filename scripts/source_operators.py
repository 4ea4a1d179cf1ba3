#!/usr/bin/env python3
"""Writes docs/sources/*.md, what each kind of source may hold to be converted, from the importers' tables:
source_operators.py [--check] [SOURCE].

--check writes nothing and exits with 1 when a page is not what the tables say. Rows stand in the groups that comments
in their table begin; those whose function does nothing but refuse stand apart, with the words of the refusal.
"""
import re
import sys
from pathlib import Path

WIDTH = 120
ONNX_DOMAINS = {"ai.onnx.ml": "ai.onnx.ml: classical machine learning",
                "com.microsoft": "com.microsoft: ONNX Runtime's own"}
COMPUTES = "operators that compute"
FLAGS = {"LN_SM_EFFECT": "operators that change variables and tables", "LN_SM_CALLS": "operators that call functions",
         "LN_SM_LOOSE": "control flow of TensorFlow 1", "LN_SM_DROPPED": "operators that are left out"}


def table(folder, name):
    """The rows of an X-macro table: [(group, macro, arguments)]. A group's title ends at a colon."""
    text, group, rows = (folder / name).read_text(), "", []
    for comment, macro, arguments in re.findall(r"/\* (.*) \*/|^(\w+)\(((?:.|\n)*?)\)$", text, flags=re.M):
        if comment:
            group = comment.split(":")[0]
        else:
            rows.append((group, macro, [a.strip(' "') for a in re.findall(r'"[^"]*"|[^,]+', arguments)]))
    return rows


def refusals(folder, prefix):
    """The words of functions that do nothing but refuse: {function: [words of each variant]}."""
    found = {}
    for path in sorted(folder.glob("*.c")):
        functions = re.findall(rf"^\w+ {prefix}(\w+)\([^;{{]*\) {{\n(.*?)^}}", path.read_text(), flags=re.M | re.S)
        for name, body in functions:
            last = re.search(r"^  (?:return )?ln_emit_refuse\(((?:.|\n)*)\);\n\Z", body, flags=re.M)
            if last is None or len(re.findall(r"return [^;]|ln_\w+_(?:outs?|result)\(", body)) > 1:
                continue
            strings = re.findall(r'(?:"[^"]*"\s*)+', body if '"%s"' in last[1] else last[1])
            texts = ["".join(re.findall(r'"([^"]*)"', s)) for s in strings]
            if '"%s"' in last[1]:
                found[name] = [text for text in texts if text != "%s"]
            else:
                found[name] = [re.sub(r"%[.\d]*s", "", texts[0])]
    return found


def filled(words, first="", rest=""):
    """Words in lines of WIDTH that begin with `first` and `rest`."""
    lines = [first + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) + 1 > WIDTH:
            lines.append(rest + word)
        else:
            lines[-1] += " " + word
    return lines


def with_commas(words):
    return [word + "," for word in words[:-1]] + words[-1:]


def headline(title, count):
    return ["", f"## {title if '.' in title else title[0].upper() + title[1:]} ({count})", ""]


def section(title, words):
    return headline(title, len(words)) + filled(with_commas(words))


def grid(title, columns, rows):
    cells = [columns, ["---"] * len(columns), *rows]
    return headline(title, len(rows)) + ["| " + " | ".join(row) + " |" for row in cells]


def sections(rows, said=None, more=()):
    """Rows (group, name, how it stands on the page, function, variant) as sections; `more`; what is refused."""
    read, refused = {}, {}
    for group, name, word, function, variant in rows:
        if said and function in said:
            reasons = said[function]
            refused.setdefault(reasons[int(variant) if len(reasons) > 1 else 0], []).append(f"`{name}`")
        else:
            read.setdefault(group, {}).setdefault(name, word)
    lines = [line for group, words in read.items() for line in section(group, list(words.values()))] + list(more)
    if refused:
        lines += headline("refused", sum(len(names) for names in refused.values()))
    for reason, names in refused.items():
        lines += filled([name + "," for name in names[:-1]] + f"{names[-1]}: {reason}".split(), "- ", "  ")
    return lines


def keras(folder):
    rows = [(f"layers: {group}", a[0], f"`{a[0]}`", a[1], 0) for group, _, a in table(folder, "layers.def")]
    for group, _, (name, names, function, _) in table(folder, "functions.def"):
        theirs = ", ".join(f"`{n}`" for n in names.split("|") if n)
        rows.append((f"functions: {group}", name, f"`{name}`" + (f" ({theirs})" if theirs else ""), function, 0))
    return sections(rows, refusals(folder, "ln_keras_"))


def onnx(folder):
    rows = [(group, *a) for group, _, a in table(folder, "onnx_ops.def")]
    since, listed = {}, []
    for _, domain, name, first, *_ in rows:
        since[domain, name] = min(int(first), since.get((domain, name), 1 << 30))
    for group, domain, name, _, _, function, variant in sorted(rows, key=lambda row: row[1]):
        word = f"`{name}`" + (f" from {since[domain, name]}" if since[domain, name] > 1 else "")
        listed.append((ONNX_DOMAINS.get(domain, domain) or group, name, word, function, variant))
    types = table(folder, "onnx_types.def")
    more = section("element types", [f"`{a[1]}`" for _, macro, a in types if macro == "LN_ONNX_TYPE"])
    more += section("element types that TensorFlow Lite lacks",
                    [f"`{a[1]}`" for _, macro, a in types if macro == "LN_ONNX_NO_TYPE"])
    return sections(listed, refusals(folder, "ln_onnx_"), more)


def tensorflow(folder):
    rows = [(FLAGS.get(a[3], COMPUTES), a[0], f"`{a[0]}`", a[1], 0) for _, _, a in table(folder, "savedmodel_ops.def")]
    return sections(sorted(rows, key=lambda row: row[0] != COMPUTES), refusals(folder, "ln_sm_op_"))


def stablehlo(folder):
    calls, same, nothing = [], [], []
    for _, _, (name, known) in table(folder, "custom_calls.def"):
        to = same if known == "NULL" else nothing if known == "" else calls
        to.append(f"`{name}`" + (f" as `{known}`" if to is calls and known != name else ""))
    more = section("custom calls and composites that are operations", calls)
    more += section("custom calls whose operands are their results", same)
    more += section("custom calls that compute nothing", nothing)
    types = [(f"`{a[1]}`", *(t[3:].lower() for t in a[5:7])) for _, _, a in table(folder, "mlir_elements.def")]
    more += grid("element types", ["type", "of inputs and outputs", "inside of the model"], types)
    clauses = [(f"`{word}`", f"`{attribute}`", "any" if op == "NULL" else f"`{op}`")
               for _, _, (op, word, attribute) in table(folder, "clauses.def")]
    more += grid("words of the text, which stand for attributes", ["word", "attribute", "operation"], clauses)
    rows = [(group, a[0], f"`{a[0]}`", a[1], 0) for group, _, a in table(folder, "stablehlo_ops.def")]
    names = {name for _, name, *_ in rows} | {"stablehlo.func", "stablehlo.call"}  # those two are the dialect's `func`
    for _, _, (versioned, _) in table(folder, "vhlo_ops.def"):
        name = "stablehlo." + re.sub(r"_v\d+$", "", versioned)
        if name not in names:
            rows.append(("", name, "", "without_row", 0))
            names.add(name)
    return sections(rows, {"without_row": ["it has no counterpart in TensorFlow Lite"]}, more)


def torch(folder):
    rows = [(group, a[0], f"`{a[0]}`", a[1], 0) for group, _, a in table(folder, "torch_ops.def")]
    return sections(rows, refusals(folder, "ln_torch_"))


# The page's name: folder of the importer, title, what the page lists, its tables, what writes its sections.
PAGES = {
    "keras": ("keras", "Keras", "Layers, and functions of `keras.ops`; in parentheses the names that TensorFlow's functions "
              "have in files of tf-keras.", "layers.def functions.def", keras),
    "onnx": ("onnx", "ONNX", "Operators, with the first version of the operator set that is read where it is not 1. "
             "Operators of functions that a model brings along are read as well.", "onnx_ops.def onnx_types.def", onnx),
    "tensorflow": ("savedmodel", "TensorFlow", "Operators of a SavedModel's graphs. Functions of its library are read as "
                   "well.", "savedmodel_ops.def", tensorflow),
    "stablehlo": ("stablehlo", "StableHLO", "Operations, those of CHLO and of the dialects around StableHLO among them.",
                  "stablehlo_ops.def custom_calls.def mlir_elements.def clauses.def vhlo_ops.def", stablehlo),
    "torch": ("torch", "PyTorch", "Operators of `torch.export`, each with all of its overloads; those with `_` behind their "
              "name, which write in place, are not listed anew.", "torch_ops.def", torch)}


def page(source, folder, title, intro, tables, make):
    names = [f"`{name}`" for name in tables.split()]
    printed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    words = (f"{intro} Printed from {printed} of `src/import/{folder}` by `scripts/source_operators.py`; "
             "[convert.md](../convert.md) says what else is read and refused.")
    lines = [f"# {title}: what is read", "", *filled(words.split()), *make(source / "src/import" / folder)]
    return "\n".join(lines) + "\n"


def main():
    check = "--check" in sys.argv[1:]
    given = [a for a in sys.argv[1:] if a != "--check"]
    source = Path(given[0] if given else Path(__file__).resolve().parent.parent)
    stale = False
    for name, about in PAGES.items():
        path, text = source / f"docs/sources/{name}.md", page(source, *about)
        if not check:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"docs/sources/{name}.md is not what the tables say: run scripts/source_operators.py")
            stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
