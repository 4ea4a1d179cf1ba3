#!/usr/bin/env python3
"""`linnet debug-quant`: JSON, CSV and the page say the same of a model and its quantized form; mistakes are one line.

usage: debug_quant.py LINNET SOURCE_DIR     (what the page draws is left out where there is no browser)
"""
import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

linnet, source = sys.argv[1:]
pictures = os.path.join(source, "examples", "fashion")
floats = os.path.join(source, "tests", "cli", "models", "colours.tflite")
demo = os.path.join(source, "models", "fashion_mnist.tflite")
failed = 0


def expect(good, what):
    global failed
    if not good:
        failed += 1
        print(f"FAILED: {what}")


def run(*words):
    done = subprocess.run([linnet, *words], capture_output=True, text=True)
    expect(done.returncode == 0, f"{words}: {done.stderr}")
    return done.stdout


def refuse(status, pattern, *words):
    done = subprocess.run([linnet, "debug-quant", *words], capture_output=True, text=True)
    expect(done.returncode == status and done.stdout == "", f"{words}: status {done.returncode}")
    expect(re.search(pattern, done.stderr) and done.stderr.count("\n") == 1, f"{words}: {done.stderr}")


def check_csv(path, rows):
    with open(path, newline="") as file:
        table = list(csv.DictReader(file))
    expect(len(table) == len(rows), f"{len(table)} lines of CSV for {len(rows)} rows")
    for line, row in zip(table, rows):
        expect(line["name"] == row["name"] and int(line["op"]) == row["op"], f"CSV has {line}, JSON {row}")
        for key in ("snr_db", "rmse", "clipped"):
            same = line[key] == "" if row[key] is None else abs(float(line[key]) - row[key]) <= 1e-5 * abs(row[key])
            expect(same, f"{key}: {line[key]} in CSV, {row[key]} in JSON")


def check_page(path, rows):
    with open(path) as file:
        text = file.read()
    expect("/*DATA*/" not in text and "https://" not in text, "the page is not whole, or asks for more")
    browser = next((b for b in ("chromium", "chromium-browser", "google-chrome") if shutil.which(b)), None)
    if browser is None:
        return
    try:
        done = subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom",
                               "file://" + path], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        print("the browser took too long: what the page draws was not looked at")
        return
    if "<html" not in done.stdout:
        print("the browser does not start: what the page draws was not looked at")
        return
    tensors = [row for row in rows if not row["constant"]]
    shown = re.sub(r"<script.*?</script>", "", done.stdout, flags=re.S)
    expect(shown.count('<g class="node') == len(tensors), f"nodes of {len(tensors)} tensors: {shown}")
    expect(shown.count("<tr data-row=") == len(tensors), "the table does not show every tensor")
    expect("Differences" in shown and "<polyline" in shown, "plots are missing")


def main():
    with tempfile.TemporaryDirectory() as folder:
        small, table, page = (os.path.join(folder, name) for name in ("int8.tflite", "rows.csv", "page.html"))
        run("optimize", floats, "-o", small, "--quantize", "int8", "--data", pictures, "--no-measure")
        result = json.loads(run("debug-quant", floats, small, "--data", pictures, "--json", "--csv", table, "--html", page))
        rows = result["rows"]
        expect(result["samples"] == 8 and result["unmatched"] == [] and result["matched"] == 2, f"{result}")
        expect(20 < result["output_snr_db"] < 100, f"outputs at {result['output_snr_db']} dB")
        expect([row["operator"] for row in rows] == ["", "MEAN"] and all(row["type"] == "int8" for row in rows), f"{rows}")
        expect(sum(rows[1]["bins"]) == 8 * rows[1]["elements"], "the histogram does not hold every difference")
        expect(result["exclude"] == ["op:0"] and result["check"]["format"] == "int8", f"{result['exclude']} {result.get('check')}")
        check_csv(table, rows)
        check_page(page, rows)
        text = run("debug-quant", floats, small, "--data", pictures)
        expect("Checked by quantizing the float model to int8" in text and " MEAN " in text, text)
        refuse(2, "--data is missing", floats, small)
        refuse(2, "it takes two models", floats, "--data", pictures)
        refuse(1, "No such file", floats, os.path.join(folder, "absent"), "--data", pictures)
        refuse(1, "absent", floats, small, "--data", os.path.join(folder, "absent"))
        refuse(1, "elements in one model", floats, demo, "--data", pictures)
    print(f"{failed} failed")
    sys.exit(1 if failed else 0)


main()
