#!/usr/bin/env python3
"""Makes src/kernels/generic/unicode_tables.inc from Python's unicodedata: unicode_tables.py [--check]

--check compares instead of writing; exit status 77 where Python's Unicode is another version than the table's."""
import os
import sys
import unicodedata as U

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "src", "kernels", "generic", "unicode_tables.inc")
CATEGORIES = ["Cc", "Cf", "Cn", "Co", "Cs", "Ll", "Lm", "Lo", "Lt", "Lu", "Mc", "Me", "Mn", "Nd", "Nl", "No",
              "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "Sc", "Sk", "Sm", "So", "Zl", "Zp", "Zs"]
ALL = range(0x110000)
HANGUL = range(0xAC00, 0xD7A4)


def runs(value):
    """(start, value) wherever the value changes."""
    out, last = [], None
    for c in ALL:
        v = value(c)
        if v != last:
            out.append((c, v))
            last = v
    return out


def utf16(text):
    data = text.encode("utf-16-be")
    return [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)]


def decompositions():
    """{code point: (is compatibility, text)} as the database has them, one level deep; Hangul is arithmetic."""
    out = {}
    for c in ALL:
        parts = U.decomposition(chr(c)).split() if c not in HANGUL else []
        if parts:
            compatible = parts[0].startswith("<")
            out[c] = (compatible, "".join(chr(int(p, 16)) for p in parts[compatible:]))
    return out


def folds(change):
    """Runs (start, count, step, delta) of changes of case to one character, and those to several."""
    simple, full = [], []
    for c in ALL:
        folded = change(chr(c)) if not 0xD800 <= c < 0xE000 else chr(c)
        if folded == chr(c):
            continue
        if len(folded) > 1:
            full.append((c, folded))
            continue
        delta = ord(folded) - c
        if simple:
            start, count, step, old = simple[-1]
            gap = c - (start + (count - 1) * step)
            if old == delta and (count == 1 and gap <= 2 or gap == step):
                simple[-1] = (start, count + 1, gap if count == 1 else step, old)
                continue
        simple.append((c, 1, 1, delta))
    return simple, full


def array(type, name, values, comment):
    lines, line = [], "   "
    for v in values:
        text = f" {v},"
        if len(line) + len(text) > 300:
            lines.append(line)
            line = "   "
        line += text
    return [f"/* {comment} */", f"static const {type} {name}[{len(values)}] = {{", *lines, line.rstrip(","), "};", ""]


def run_arrays(name, runs, comment):
    """A table of runs, which begin anew at each plane, so that their beginnings fit in 16 bits."""
    made = {start: v for start, v in runs}
    for plane in range(0x10000, 0x110000, 0x10000):
        made.setdefault(plane, [v for start, v in runs if start <= plane][-1])
    starts = sorted(made)
    planes = [sum(s < p << 16 for s in starts) for p in range(18)]
    return (array("uint16_t", name + "_starts", [f"0x{s & 0xFFFF:X}" for s in starts], comment + ": where that changes, in each plane.")
            + array("uint8_t", name + "_values", [str(made[s]) for s in starts], "To what.")
            + array("uint16_t", name + "_planes", [str(p) for p in planes], "Where each plane begins."))


def text():
    names = {name: i for i, name in enumerate(CATEGORIES)}
    categories = [(start, names[v]) for start, v in runs(lambda c: U.category(chr(c)))]
    classes = runs(lambda c: U.combining(chr(c)))
    keys, compatible_bits, places, pool = [], [0] * (len(ALL) // 8), [], []
    found = decompositions()
    joined = ""
    for c, (compatible, to) in found.items():
        units = utf16(to)
        encoded = "".join(chr(u + 0x10000) for u in units)  # beyond the surrogates, so that Python finds substrings
        if len(units) > 6:  # its length stands before it
            encoded = chr(len(units) + 0x10000) + encoded
        at = joined.find(encoded)
        if at < 0:
            at = len(joined)
            joined += encoded
        compatible_bits[len(keys) // 8] |= compatible << len(keys) % 8
        keys.append(c)
        places.append(str(at << 3 | min(len(units), 7)))
    assert len(joined) <= 1 << 13
    pool = [f"0x{ord(u) - 0x10000:X}" for u in joined]
    index = {c: i for i, c in enumerate(found)}
    pairs = []
    for c, (compatible, to) in found.items():
        if not compatible and len(to) == 2 and U.normalize("NFC", to) == chr(c):
            pairs.append((ord(to[0]), ord(to[1]), index[c]))
    out = [f"/* Made by scripts/unicode_tables.py from Unicode {U.unidata_version}. */", "/* clang-format off */", ""]
    out += run_arrays("category", categories, "The general category")
    out += run_arrays("class", classes, "The canonical combining class")
    out += array("uint16_t", "decomposed", [f"0x{c & 0xFFFF:X}" for c in keys], "Characters that decompose, in each plane.")
    out += array("uint16_t", "decomposed_planes", [str(sum(c < p << 16 for c in keys)) for p in range(18)], "Where each plane begins.")
    out += array("uint8_t", "decomposed_compatible", [str(b) for b in compatible_bits[:(len(keys) + 7) // 8]], "A bit each: compatibility only.")
    out += array("uint16_t", "decomposed_to", places, "Into what: place in the pool << 3 | length; 7: the length stands there first.")
    out += array("uint16_t", "decomposed_pool", pool, "UTF-16 of decompositions.")
    out += array("uint16_t", "composed", [str(i) for _, _, i in sorted(pairs)],
                 "Decompositions that compose again, in the order of their two characters.")
    for name, what, change in (("fold", "Case foldings", str.casefold), ("lower", "Lower cases", str.lower), ("upper", "Upper cases", str.upper)):
        simple, full = folds(change)
        assert all(n < 1 << 10 and step <= 2 for _, n, step, _ in simple)
        simple = [f"{{0x{s << 11 | (step - 1) << 10 | n:X}, {d}}}" for s, n, step, d in simple]
        full = ["{0x%X, {%s}}" % (c, ", ".join(f"0x{u:X}" for u in (utf16(t) + [0, 0, 0])[:3])) for c, t in full]
        out += array("fold_run", name + "_runs", simple, what + " that are one character.")
        out += array("fold_full", name + "_fulls", full, what + " that are several characters, in UTF-16.")
    return "\n".join(out).rstrip() + "\n"


def main():
    made = text()
    if "--check" not in sys.argv[1:]:
        with open(PATH, "w") as f:
            f.write(made)
        return 0
    with open(PATH) as f:
        kept = f.read()
    if kept.splitlines()[0] != made.splitlines()[0]:
        print(f"skipped: {kept.splitlines()[0]} and Python has {U.unidata_version}")
        return 77
    print("unicode_tables.inc is " + ("fresh" if kept == made else "not what its script makes"))
    return kept != made


if __name__ == "__main__":
    sys.exit(main())
