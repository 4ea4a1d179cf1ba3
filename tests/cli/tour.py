"""Every command of a page of the documentation runs, and prints what the page shows. usage: tour.py LINNET SOURCE PAGE [--update]

Commands stand behind "$ " in ```console blocks, `linnet` among them; a block of another kind with a file's name behind it
(```json recipe.json) is written first. They run one after the other in one folder that holds links to models, examples and
scripts. Numbers may differ by 2 %, small ones by 10 % (they depend on the kernels of the CPU); what a machine decides is not compared: times,
their ratios, and memory (the columns latency and arena). Lines of the page between [...] may be left out. --update writes
what came out into the page.
"""
import os
import re
import subprocess
import sys
import tempfile

linnet, source, page = sys.argv[1:4]
update = "--update" in sys.argv
NUMBER = re.compile(r"([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)( dB| points)?")
SPENT = re.compile(r"\b[\d.]+ ms\b|\b[\d.]+ times as fast|\b[\d.]+ s\b")


def columns_left_out(lines):
    """Where the columns of a machine's figures stand, by the table's heading: from the column before to the heading's end."""
    for line in lines:
        if line.split()[:1] in (["bytes"], ["method"]):
            spans = [(len(line[:line.find(name)].rstrip()), line.find(name) + len(name))
                     for name in ("arena", "latency", "of original's") if name in line]
            last = line.find("best of its")  # depends on speed too, and stands at the left of its column
            return spans + [(last, 1000)] if last >= 0 else spans
    return []


def plain(lines):
    """Lines with what is not compared taken out, blanks made one."""
    spans = columns_left_out(lines)
    out = []
    for line in lines:
        in_table = len(line) > 20 and spans and (line.lstrip()[:5] in ("bytes", "metho") or re.match(r"(\w )?\S+ +[\d,]{5,}", line))
        for begin, end in sorted(spans, reverse=True) if in_table else ():
            line = line[:begin] + line[end:]
        out.append(" ".join(SPENT.sub("~", line).split()))
    return out


def value(text):
    return float(text.replace(",", ""))


def same_line(shown, got):
    if NUMBER.sub("#", shown) != NUMBER.sub("#", got):
        return False
    for (a, unit), (b, _) in zip(NUMBER.findall(shown), NUMBER.findall(got)):
        share = 0.02 if unit or abs(value(a)) >= 1 or re.match("0.[5-9]", a) else 0.1  # errors are small numbers
        if abs(value(a) - value(b)) > max(share * max(abs(value(a)), abs(value(b))), 0.51 if unit else 0):
            return False
    return True


def same(shown, got):
    """A line [...] stands for any number of lines."""
    shown, got = plain(shown), plain(got)
    at = 0
    for i, line in enumerate(shown):
        if line == "[...]":
            if i + 1 == len(shown):
                return True
            while at < len(got) and not same_line(shown[i + 1], got[at]):
                at += 1
        elif at >= len(got) or not same_line(line, got[at]):
            return False
        else:
            at += 1
    return at == len(got)


def elided(shown, got):
    """What came out with the lines left out that the page leaves out: found by how the next line shown looks."""
    if "[...]" not in shown:
        return got
    looks = [NUMBER.sub("#", line) for line in plain(got)]
    out, at = [], 0
    for i, line in enumerate(shown):
        if line != "[...]":
            out.append(got[at] if at < len(got) else "")
            at += 1
            continue
        out.append(line)
        following = NUMBER.sub("#", plain(shown)[i + 1]) if i + 1 < len(shown) else None
        while at < len(got) and looks[at] != following:
            at += 1
    return out if at == len(got) and all(out[i] or not shown[i] for i in range(len(shown))) else got


def blocks(lines):
    """(kind, name, first line, end) of each fenced block."""
    begin = None
    for i, line in enumerate(lines):
        if line.startswith("```") and begin is None:
            words = line[3:].split()
            begin, kind, name = i + 1, words[0] if words else "", words[1] if len(words) > 1 else None
        elif line.startswith("```"):
            yield kind, name, begin, i
            begin = None


def commands(lines, begin, end):
    """(command, first line of its output, end)."""
    starts = [i for i in range(begin, end) if lines[i].startswith("$ ")]
    for i, start in enumerate(starts):
        stop = start
        while lines[stop].endswith("\\"):
            stop += 1
        command = "\n".join(lines[start:stop + 1])[2:]
        yield command, stop + 1, starts[i + 1] if i + 1 < len(starts) else end


def run(command, folder):
    environment = dict(os.environ, PATH=os.path.join(folder, ".bin") + os.pathsep + os.environ["PATH"], LC_ALL="C.UTF-8")
    environment.pop("LINNET_CPU", None)  # what pays, which a search finds out, is another thing on plain kernels
    done = subprocess.run(command, shell=True, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=250)
    return done.stdout.decode("utf-8", "replace").rstrip("\n").split("\n") if done.stdout else []


def main():
    features = subprocess.run([linnet, "version"], stdout=subprocess.PIPE, check=True).stdout.decode()
    if "cJSON" not in features or "zlib" not in features:
        print("skipped: this build lacks libraries that the page uses")
        return 77
    with open(page, encoding="utf-8") as file:
        lines = file.read().split("\n")
    out, failed, count = list(lines), 0, 0
    changes = []
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, ".bin"))
        os.symlink(os.path.abspath(linnet), os.path.join(folder, ".bin", "linnet"))
        os.symlink(sys.executable, os.path.join(folder, ".bin", "python3"))
        for name in ("models", "examples", "scripts"):
            os.symlink(os.path.join(os.path.abspath(source), name), os.path.join(folder, name))
        for kind, name, begin, end in blocks(lines):
            if name:
                with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                    file.write("\n".join(lines[begin:end]) + "\n")
            for command, first, last in commands(lines, begin, end) if kind == "console" else ():
                count += 1
                got = run(command, folder)
                shown = lines[first:last]
                changes.append((first, last, got))
                if not same(shown, got):
                    failed += 1
                    if not update:
                        print("FAILED: %s\n  shown:\n    %s\n  got:\n    %s" % (command, "\n    ".join(shown), "\n    ".join(got)))
    if update:
        for first, last, got in reversed(changes):
            if not same(lines[first:last], got):
                out[first:last] = elided(lines[first:last], [line.rstrip() for line in got])
        with open(page, "w", encoding="utf-8") as file:
            file.write("\n".join(out))
    hint = "" if update or failed == 0 else " (if that is meant: --update writes what came out into the page)"
    print("%d commands, %d %s%s" % (count, failed, "updated" if update else "failed", hint))
    return 0 if update or (failed == 0 and count > 0) else 1


sys.exit(main())
