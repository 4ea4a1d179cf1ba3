#!/usr/bin/env python3
"""`linnet run --profile`: the trace parses, its events nest and add up to no more than the run; the page shows every step.

usage: profile.py LINNET SOURCE_DIR     (the page's part is left out where there is no browser)
"""
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

linnet, source = sys.argv[1:]
failed = 0


def expect(good, what):
    global failed
    if not good:
        failed += 1
        print(f"FAILED: {what}")


def run(*words):
    done = subprocess.run([linnet, "run", *words], capture_output=True, text=True)
    expect(done.returncode == 0, f"{words}: {done.stderr}")


def check_nesting(slices, name):
    """Slices of one track, by start: each lies in the one around it or after the one before; returns its depths."""
    around, depths = [], set()
    for s in slices:
        while around and s["ts"] >= around[-1]["ts"] + around[-1]["dur"] - 1e-6:
            around.pop()
        if around:
            expect(s["ts"] + s["dur"] <= around[-1]["ts"] + around[-1]["dur"] + 1e-6, f"{name}: {s} ends after {around[-1]}")
        around.append(s)
        depths.add(len(around))
    return depths


def check_trace(path, runs, name):
    trace = json.load(open(path))
    slices = [e for e in trace["traceEvents"] if e["ph"] == "X"]
    whole = [e for e in slices if e["cat"] == "run"]
    expect([e["args"]["index"] for e in whole] == list(range(runs)), f"{name}: runs {whole}")
    depths = check_nesting(slices, name)
    counts = set()
    for r in whole:
        inside = [e for e in slices if e["cat"] == "op" and "step" in e["args"] and r["ts"] <= e["ts"] <= r["ts"] + r["dur"]]
        expect([e["args"]["step"] for e in inside] == list(range(len(inside))), f"{name}: steps of a run")
        expect(0 < sum(e["dur"] for e in inside) <= r["dur"], f"{name}: operators take longer than the run")
        counts.add(len(inside))
    expect(len(counts) == 1, f"{name}: {counts} operators")
    memory = [e["args"]["bytes"] for e in trace["traceEvents"] if e["ph"] == "C"]
    expect(memory and memory[-1] == 0 and max(memory) > 0, f"{name}: memory {memory}")
    return trace, depths, counts.pop()


def read_page(path):
    text = open(path).read()
    expect("/*DATA*/" not in text and not re.search(r'(src|href)=|https?:', text), f"{path}: fetches something, or holds no data")
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S).group(1))


def check_page(path, browser, steps, runs):
    data = read_page(path)
    expect(len(data["steps"]) == steps and len(data["runs"]) == runs and len(data["events"]) >= steps * runs, "the page's data")
    live = max(s["live"] for s in data["steps"])
    expect(0 < live <= data["arena"] and data["bound"] <= data["arena"], f"{live} bytes of {data['arena']}")
    if not browser:
        return print("no browser: what the page shows is not looked at")
    with tempfile.TemporaryDirectory() as folder:
        dom = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=4000",
                              f"--user-data-dir={folder}", "--dump-dom", f"file://{path}"], capture_output=True, text=True, timeout=120).stdout
    dom = re.sub(r"<script.*?</script>", "", dom, flags=re.S)
    rows = re.findall(r'<tr class="step" data-step="(\d+)" data-op="([^"]*)"', dom)
    expect(sorted(int(i) for i, _ in rows) == list(range(steps)), f"rows of the page: {rows}")
    expect(all(html.unescape(op) == data["steps"][int(i)]["op"] for i, op in rows), f"operators of the page: {rows}")
    expect(dom.count('<tr class="kind">') == len({s["op"] for s in data["steps"]}), "kinds of the page")


def main():
    browser = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
    with tempfile.TemporaryDirectory() as folder:
        trace, page = os.path.join(folder, "trace.json"), os.path.join(folder, "page.html")
        inputs = ["--input", os.path.join(source, "examples", "fashion", "bag.bmp")]
        run("demo:", *inputs, "--invocations", "3", "--profile", trace)
        _, depths, steps = check_trace(trace, 3, "demo")
        expect(depths == {1, 2} and steps >= 3, f"depths {depths}, {steps} steps")
        run("demo:", *inputs, "--invocations", "3", "--profile", page)
        check_page(page, browser, steps, 3)
        for name, text in (("count", "0"), ("values", "1 2 3 4 5 6")):
            with open(os.path.join(folder, name), "w") as out:
                out.write(text)
        run(os.path.join(source, "tests", "ops", "cases", "control_flow", "while_add.tflite"), "--input",
            os.path.join(folder, "count"), "--input", os.path.join(folder, "values"), "--profile", trace)
        text, depths, _ = check_trace(trace, 1, "loop")
        expect(max(depths) >= 3, f"operators of the loop's body do not nest: {depths}")
        expect(any(e.get("args", {}).get("graph") for e in text["traceEvents"]), "no operator says its graph")
    print(f"{failed} failed")
    sys.exit(1 if failed else 0)


main()
