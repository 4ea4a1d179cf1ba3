#!/usr/bin/env python3
"""Records what TensorFlow's regular expressions (RE2) do in regex_cases.txt, for regex_test.c: regex_cases.py. Patterns are made from
a seed; each line is a pattern and, where it is none, nothing more, else a rewrite and texts, each with the outcome of a global
replacement, one of the first match, and of a match of the whole. Fields are parted by tabs; bytes that do not print are \\xHH."""
import os
import random

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "regex_cases.txt")
BAD = [rb"\pX", rb"\p{Foo}", rb"[[:foo:]]", rb"a{1001}", rb"(a{100}){11}", rb"a{2,1}", rb"a**", rb"a*+", rb"a++", rb"(?<n>a)", rb"(?'n'a)", rb"(?P<n>a)(?P<n>b)", rb"(?=a)",
       rb"(?!a)", rb"\1", rb"(a)\1", rb"\x{110000}", rb"\8", rb"\Z", rb"\G", rb"\e", rb"\y", rb"\xzz", rb"[a", rb"[z-a]", rb"[a-\d]", rb"(", rb")", rb"*a", rb"a|*", rb"(?i",
       rb"(?z)a", rb"(?-)a", b"\xff", b"[\xff]", rb"\Q\E*", rb"\E", rb"a\E", rb"\p", rb"\p{", rb"(?P<n", rb"(?P<>a)", rb"(?P=n)", rb"(?#x)", rb"(?>a)", rb"\u0041", rb"\h", rb"\R",
       rb"\X", rb"\N", rb"[\b]", rb"[\Qa\E]", rb"(a{2}){501}", rb"\p{any}", rb"\p{L&}", rb"\p{Cn}", rb"\p{Zyyy}", rb"(?P<a-b>x)", rb"\x{}", rb"\x{4", rb"\x4", rb"a{2}{3}",
       rb"a{1000}{2}", rb"[[:alpha:]", rb"[[:alpha", b"\\", rb"(?i-)a", rb"(?i--s)a", rb"((a)", rb"a)b", rb"[]", rb"[^]", rb"[a-", rb"x{1001,}", rb"\pLa)", rb"\_\e", rb"\c", "\\é".encode()]
FIXED = [rb"a{,2}", rb"a{", rb"a{1", rb"a{1,}?", rb"a??", rb"(?i)K", rb"(?i)[k]", rb"(?i)s+", rb"(?P<n>a)", rb"\Qa.b\E", rb"\Q.b", rb"\Qab\E*", rb"\x41", rb"\x{41}", rb"\101", rb"\0", rb"\07",
         rb"\a\f\t\n\r\v", rb"\z", rb"\A", rb"\_", rb"\-", rb"[]a]", rb"[^]a]", rb"[a-]", rb"[-a]", rb"[\d-z]", rb"[\w]", rb"[\pL]", rb"\pN", rb"\pZs", rb"\p{Lu}", rb"\p{Greek}", rb"\p{^Greek}",
         rb"\P{Greek}", rb"\P{^Greek}", rb"\PL", rb"[\PL]", rb"[^\PL]", rb"[[:alpha:]]", rb"[[:^alpha:]]", rb"|a", rb"^*", rb"$*", rb"\b*", rb"(?i-s:a)", rb"(?)a", rb"(?i)(?-i)a", rb"x{0}",
         rb"(){2,3}", rb"(|a)*", rb"(|a)+", rb"(|a){2,3}", rb"(a|)*", rb"(a|)+", rb"(a*)*", rb"(a*)+", rb"(a*?)*", rb"(?:|a)*?b", rb"(?U)a*", rb"(?U)a*?", rb"(?m)^a$", rb"(?m)^", rb"(?m)$", rb"(?s).",
         rb".", rb"[\xff]", rb"[\xe9]", rb"\pL{2}", rb"[[:word:]]", rb"[[.a.]]", rb"[a[:digit:]b]", rb"\d\D\w\W\s\S", rb"[\D]", rb"[^\S\s]", rb"a{0,1000}", rb"(a{2}){500}", rb"((a{10}){10}){10}",
         rb"[^\x00-\x{10FFFF}]", rb"\p{Any}", rb"\pC", rb"\p{Cs}", rb"(?i)\p{Lu}", rb"(?i)\P{Lu}", rb"(?i)[^k]", rb"(?i)[^\pL]", b"a\x00b", "(?P<é>x)".encode(), rb"a{99999999999}", rb"a{01}", rb"a{1,02}",
         rb"(?i:a)b", rb"[:alpha:]", rb"[a-a]", rb"\]", rb"]", rb"}", rb"{", rb"a|", rb"(?:)", rb"()", rb"\B", rb"\b", rb"", rb"x*", rb"(?i)\xe9", "é+".encode(), "[é-ü]+".encode(), "(?i)[à-ý]".encode(),
         "(?i)σ".encode(), "(?i)ß".encode(), "(?i)ǆ".encode(), "(?i)ᾀ".encode(), rb"[\x{d700}-\x{e000}]", rb"\x{d800}", rb"[^a]", rb"[^\xe9]", rb"[\x{80}-\x{10ffff}]", rb"[\x{81}-\x{10ffff}]",
         rb"\x{10ffff}", rb"(?i)\W", rb"(?i)\w", rb"(?i)[[:upper:]]", rb"(?i)[[:^upper:]]", rb"(?i)[^[:upper:]]", rb"(a)(b)?", rb"(a)|(b)", rb"((a)|(b))*", rb"(a+)(a+)", rb"(a+?)(a+)", rb"(a|ab)(c|bcd)",
         rb"^a", rb"a$", rb"^$", rb"(?m)^$", rb"a|ab|abc", rb"(?:a|ab)$", rb"\ba\b", rb"\Ba\B", rb"(?i)a(?-i)b|(?i:c)", rb"a(?i)b|c", rb"(?P<x>a)(?P<y>b)", rb"a{2}", rb"a{2,}", rb"a{1,2}?", rb"(?s)a.b",
         rb"<.*?>", rb"https?://[^\s/]+", rb"[!\"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~']", rb"(\w+)\s+(\w+)", rb"(\d{4})-(\d{2})", rb"[^a-z0-9 ]+", rb"(?i)the\b", rb"\s+", rb"^\s+|\s+$", rb"(.)(.)",
         rb"((((((((((a))))))))))b", rb"(((a)(b)(c)(d)(e)(f)(g)(h)(i)(j)))", rb"\pL\pM*", rb"\p{Han}", rb"\p{Latin}+", rb"\p{Cyrillic}|\p{Hiragana}", rb"[\p{Nd}\p{Lu}]", rb"[^\p{Nd}\p{Lu}]"]
TEXTS = [b"aAkK5 \xce\xb1abc(){}+", b"", b"aaa", b"abab\nab\n", "é中a\U0001f600ÉßẞσΣς".encode(), b"a\xc3\xedb\xa0\x80\xff", b"\xed\xa0\x80Z\xc0\x80\xe0\x80\x80\xf4\x90\x80\x80\xf5", b"abcdefghij abcd",
         "KſSǅǄᾀᾈ\u0301e\u0301".encode(), b"a.b a\x00b\t-_]", b"<b>x</b> http://e.org/y The the, then 2024-05 \"q\""]
REWRITES = [b"<\\0>", b"[\\1]", b"\\2\\1", b"x", b"", b"\\\\", b"a\\9", b"\\10", b"p\\qz", b"\\"]
ATOMS = ["a", "b", "c", "x", ".", "^", "$", "\\b", "\\B", "\\d", "\\w", "\\s", "\\W", "[ab]", "[^ab]", "[a-c]", "[^\\n]", "é", "[é中]", "[^é]", "\\pL", "\\x{4e2d}", " ", "\\A", "\\z", "[[:alnum:]]", "(?i:A)", "k"]


def pattern(rng, depth=0):
    def atom():
        if depth < 3 and rng.random() < 0.25:
            inner = pattern(rng, depth + 1)
            return rng.choice(["(", "(?:", "(", "(?i:", "(?m:", "(?s:", "(?U:"]) + inner + ")"
        return rng.choice(ATOMS)

    def piece():
        return atom() + (rng.choice(["*", "+", "?", "*?", "+?", "??", "{2}", "{0,2}", "{1,}", "{1,3}?", "{0}"]) if rng.random() < 0.35 else "")

    return "|".join("".join(piece() for _ in range(rng.choice([0, 1, 1, 2, 2, 3, 4]))) for _ in range(rng.choice([1, 1, 1, 2, 2, 3])))


def text(rng):
    parts = ["a", "b", "c", "x", "ab", "abc", " ", "\n", "é", "中", "k", "K", "1", "_", "\U0001f600", "A", "aa"]
    out = "".join(rng.choice(parts) for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 12]))).encode()
    if rng.random() < 0.15:
        at = rng.randrange(len(out) + 1)
        out = out[:at] + rng.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe4\xb8", b"\x80"]) + out[at:]
    return out


def escaped(data):
    return "".join(chr(b) if 0x21 <= b < 0x7F and b != 0x5C else f"\\x{b:02X}" for b in data)


def run(op, texts, **attrs):
    return getattr(tf.raw_ops, op)(input=np.array(texts, object), **attrs).numpy().tolist()


def main():
    rng = random.Random(20260501)
    asked = [(p, TEXTS) for p in FIXED + BAD]
    asked += [(pattern(rng).encode(), [text(rng) for _ in range(3)]) for _ in range(1000)]
    lines = []
    for i, (p, texts) in enumerate(asked):
        rewrite = REWRITES[0] if i % 3 else REWRITES[i // 3 % len(REWRITES)]
        fields = [p]
        try:
            every = run("StaticRegexReplace", texts, pattern=p, rewrite=rewrite, replace_global=True)
            first = run("StaticRegexReplace", texts, pattern=p, rewrite=rewrite, replace_global=False)
            whole = run("StaticRegexFullMatch", texts, pattern=p)
            fields.append(rewrite)
            for row in zip(texts, every, first, whole):
                fields += [row[0], row[1], row[2], b"1" if row[3] else b"0"]
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError):  # the second: its message quotes the pattern
            pass
        lines.append("\t".join(escaped(f) for f in fields))
    with open(PATH, "w") as f:
        f.write("\n".join(lines) + "\n")
    print(f"{len(lines)} patterns, {sum(l.count(chr(9)) // 4 for l in lines)} texts")


if __name__ == "__main__":
    main()
