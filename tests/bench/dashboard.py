#!/usr/bin/env python3
"""The dashboard, built from results with a regression of more than 5 %, as a browser without a network shows it.

usage: dashboard.py SOURCE_DIR BUILD_DIR     (exit status 77: npm's packages or a browser cannot be had)
"""
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

source, build = sys.argv[1:]
browser = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
failed = 0


def expect(good, what):
    global failed
    if not good:
        failed += 1
        print(f"FAILED: {what}")


def engine(ms):
    return {"median_ms": ms, "start_ms": 4 * ms, "memory_kb": 1000 * ms}


def result(label, date, figures):
    """`figures`: {model: (type, linnet, litert, openvino)} milliseconds; None: the engine does not run it."""
    models = {name: {e: engine(ms) for e, ms in zip(("linnet", "litert", "openvino"), row[1:]) if ms}
              for name, row in figures.items()}
    step = {"op": "CONV_2D", "tensor": "a</script><b>", "kernel": "gemm_f32", "ms": 1.0, "share": 0.9, "macs": 10**7, "gops": 20.0,
            "peak_percent": 50.0}
    return {"schema": 1, "label": label, "date": date, "version": label, "commit": "0123456789", "dirty": False, "tier": "avx2",
            "machine": {"cpu": "A <CPU>", "cores": 2, "flags": ["avx2"], "memory_bytes": 1 << 33},
            "peers": {"litert": "2.3.0", "openvino": "2026.4.1"}, "settings": {"seconds": 0.3, "rounds": 3},
            "peak": {"1": {"f32_gflops": 100.0, "i8_gops": 400.0}}, "library_bytes": {"linnet": 2 * 10**6, "litert": 18 * 10**6},
            "accuracy": {"passed": 37, "failed": 0, "integer_equal": 15, "integer_models": 15},
            "models": {name: {"type": row[0], "macs": 10**7, "steps": [step]} for name, row in figures.items()},
            "kernels": [{"name": "CONV_2D gemm_f32", "ms": 3.0, "share": 0.9, "steps": 5, "macs": 5 * 10**7, "gops": 20.0, "peak_percent": 50.0}],
            "threads": {"1": {"models": models, "summary": None}, "2": {"models": copy.deepcopy(models), "summary": None}}}


RESULTS = [
    # steady: 4 % slower by its ratio; machine_moved: twice the time, and so the peer; regressed: 6 % by its ratio;
    # alone: no peer runs it, 50 % more time; new: not measured before.
    result("0.1.0", "2026-01-01T00:00:00Z", {"steady": ("float32", 1.0, 2.0, 3.0), "machine_moved": ("int8", 1.0, 2.0, 3.0),
                                            "regressed": ("int8", 1.0, 3.0, 2.0), "alone": ("other", 1.0, None, None)}),
    result("0.2.0", "2026-02-01T00:00:00Z", {"steady": ("float32", 1.04, 2.0, 3.0), "machine_moved": ("int8", 2.0, 4.0, 6.0),
                                            "regressed": ("int8", 1.06, 3.0, 2.0), "alone": ("other", 1.5, None, None),
                                            "new": ("float32", 5.0, 4.0, 6.0)}),
]


def show(page, *options):
    with tempfile.TemporaryDirectory() as profile:
        return subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=4000",
                               f"--user-data-dir={profile}", "--host-resolver-rules=MAP * ~NOTFOUND", *options, f"file://{page}"],
                              capture_output=True, text=True, timeout=120).stdout


def check(folder):
    os.makedirs(os.path.join(folder, "results"))
    for item in RESULTS:
        with open(os.path.join(folder, "results", item["date"][:10] + ".json"), "w") as out:
            json.dump(item, out)
    page = os.path.join(folder, "index.html")
    done = subprocess.run(["sh", os.path.join(source, "scripts", "dashboard.sh"), build, os.path.join(folder, "results"), page],
                          capture_output=True, text=True)
    if done.returncode == 77:
        print(f"skipped: {done.stdout.strip()}")
        sys.exit(77)
    expect(done.returncode == 0, done.stdout + done.stderr)
    text = open(page).read()
    expect(not re.search(r'(src|href)="(?!https://www\.chartjs\.org")', text), "the page fetches something")
    expect("MIT" in text, "no licence of the library that draws")
    if not browser:
        print("skipped: the page is built, but there is no browser to show it")
        sys.exit(failed and 1 or 77)
    dom = show(page, "--dump-dom")
    models = re.findall(r'<tr class="model([^"]*)" data-name="([^"]*)"', dom)
    expect([name for _, name in models] == ["machine_moved", "steady", "regressed", "new", "alone"], f"models in order: {models}")
    expect({name for kind, name in models if "regressed" in kind} == {"regressed", "alone"}, f"what is marked: {models}")
    warning = re.search(r'<div id="warning"[^>]*>(.*?)</div>', dom).group(1)
    expect("2 models slower" in warning and "regressed (+6.0 %)" in warning and "alone (+50.0 %)" in warning, warning)
    expect("steady" not in warning and "machine_moved" not in warning, warning)
    tiles = re.search(r'<section id="tiles".*?</section>', dom, re.S).group(0)
    expect("37 / 37" in tiles and "15 of 15 integer ones bit for bit" in tiles and "2.00 MB" in tiles, tiles)
    expect("0.64×" in tiles, f"geometric mean of .5, .52, .53, 1.25: {tiles}")
    expect(dom.count("<td>0.2.0</td>") == 1 and dom.count("<td>0.1.0</td>") == 1, "releases")
    expect("<td>CONV_2D gemm_f32</td>" in dom and "50.0 %" in dom, "kernels")
    expect("A &lt;CPU&gt;" in dom, "the machine's name")
    picture = os.path.join(folder, "page.png")
    for name, size in (("wide", "1280,1800"), ("phone", "390,1800"), ("dark", "1280,1800")):
        show(page + ("#dark" if name == "dark" else ""), f"--window-size={size}", f"--screenshot={picture}")
        expect(os.path.exists(picture) and os.path.getsize(picture) > 20000, f"no picture: {name}")
        if os.path.exists(picture):
            os.remove(picture)


with tempfile.TemporaryDirectory() as folder:
    check(folder)
print(f"{failed} failed")
sys.exit(1 if failed else 0)
