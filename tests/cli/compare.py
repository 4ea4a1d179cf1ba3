#!/usr/bin/env python3
"""`linnet compare`: a line for each method, failures too; its JSON, its page, and its accuracy beside `linnet eval`.

usage: compare.py LINNET SOURCE_DIR
"""
import array
import hashlib
import html.parser
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

linnet, source = sys.argv[1:]
failed = 0
COUNT = 40


def expect(good, what):
    global failed
    if not good:
        failed += 1
        print(f"FAILED: {what}")


def run(*words, status=0):
    done = subprocess.run([linnet, *words], capture_output=True, text=True)
    expect(done.returncode == status, f"{words}: {done.returncode}, {done.stderr}")
    return done


def write_npy(path, kind, shape, values):
    header = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (kind, shape)
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + values.tobytes())


class Page(html.parser.HTMLParser):
    """The data that a page carries, and whether it asks for anything from elsewhere."""

    def __init__(self):
        super().__init__()
        self.taking, self.data, self.links = False, "", []

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.taking = named.get("id") == "data"
        self.links += [value for name, value in attributes if name in ("src", "href")]

    def handle_endtag(self, tag):
        self.taking = False

    def handle_data(self, data):
        self.data += data if self.taking else ""


def check_object(found, model, methods, accuracy):
    with open(model, "rb") as file:
        content = file.read()
    expect(found["model"]["sha256"] == hashlib.sha256(content).hexdigest(), "the model's hash")
    expect(found["model"]["bytes"] == len(content), "the model's size")
    expect([r["method"] for r in found["results"]] == ["original", *methods], f"methods: {found['results']}")
    first = found["results"][0]
    expect(first["accuracy"] == accuracy, f"accuracy {first['accuracy']}, eval says {accuracy}")
    expect(first["bytes"] == len(content) and first["latency_ratio"] == 1, "the original's line")
    for r in found["results"]:
        if "failed" in r:
            continue
        expect(r["latency_ms"] > 0 and r["latency_ratio"] > 0 and r["arena_bytes"] > 0, f"{r['method']}: {r}")
        worse = [o for o in found["results"] if "failed" not in o and o["bytes"] < r["bytes"] and
                 o["accuracy"] >= r["accuracy"]]
        expect(r["size_front"] == (not worse) or any(o["bytes"] == r["bytes"] for o in found["results"] if o is not r),
               f"{r['method']}: the front of sizes")
    for key in ("cpu", "kernels"):
        expect(found["machine"][key], f"machine: no {key}")
    expect(found["settings"]["samples"] == COUNT, f"settings: {found['settings']}")


def check(model, methods, folder, fails):
    data = ["--data", f"{folder}/x.npy", "--labels", f"{folder}/y.npy"]
    wanted = json.loads(run("eval", model, *data, "--json").stdout)["accuracy"]
    words = ["compare", model, *data, "--methods", ",".join(methods), "--rounds", "2"]
    page = f"{folder}/page.html"
    found = json.loads(run(*words, "--json", "--html", page).stdout)
    check_object(found, model, methods, wanted)
    expect(any("failed" in r for r in found["results"]) == fails, f"failures: {found['results']}")
    reader = Page()
    with open(page, encoding="utf-8") as file:
        reader.feed(file.read())
    expect(json.loads(reader.data) == found, "the page's data")
    expect(reader.links == [], f"the page asks for {reader.links}")
    text = run(*words).stdout
    for method, mark in zip(["original", *methods], "abcdefgh"):
        expect(f"\n{mark} {method[:45]}" in text, f"no line for {method}: {text}")
    return found["results"]


with tempfile.TemporaryDirectory() as folder:
    generator = random.Random(1)
    pixels = array.array("f", (generator.random() for _ in range(COUNT * 784)))
    labels = array.array("i", (generator.randrange(10) for _ in range(COUNT)))
    write_npy(f"{folder}/x.npy", "<f4", (COUNT, 28, 28, 1), pixels)
    write_npy(f"{folder}/y.npy", "<i4", (COUNT,), labels)
    small = f"{source}/models/fashion_mnist.tflite"
    with open(f"{folder}/recipe.json", "w") as file:
        json.dump({"stages": [{"technique": "factorize", "parameters": {"energy": 0.5}}]}, file)

    results = check(small, ["factorize:0.9", "quantize"], folder, True)
    expect("note" in results[1], f"a model in integers has nothing to split: {results[1]}")
    data = ["--data", f"{folder}/x.npy", "--labels", f"{folder}/y.npy"]
    for list_, said in (("nothing", "no technique nothing"), ("factorize:2", "0 to 1"), ("factorize:0.5:1", "number"),
                        ("factorize:no=1", "no parameter"), ("factorize,,factorize", "empty"), ("factorize:0.5+", "")):
        done = run("compare", small, *data, "--methods", list_, status=2)
        expect(said in done.stderr, f"{list_}: {done.stderr}")
    run("compare", small, *data, status=2)
    run("compare", small, "--methods", "factorize", status=2)
    done = run("compare", small, "--data", f"{folder}/x.npy", "--methods", "factorize", status=1)
    expect("labels" in done.stderr, done.stderr)
    done = run("compare", small, *data, "--recipe", f"{folder}/recipe.json", "--rounds", "1")
    expect("\nb recipe.json" in done.stdout, done.stdout)
    done = json.loads(run("compare", small, *data, "--recipe", f"{folder}/recipe.json", "--rounds", "1", "--json").stdout)
    expect(json.loads(done["results"][1]["recipe"])["stages"][0]["technique"] == "factorize", "a recipe's text")
    with open(f"{folder}/recipe.json", "w") as file:
        file.write('{"stages": [{"technique": "nothing"}]}')
    done = run("compare", small, *data, "--recipe", f"{folder}/recipe.json", status=1)
    expect("recipe.json: stages[0]" in done.stderr, done.stderr)

    floats = f"{source}/models/fashion_mnist_float.tflite"
    results = check(floats, ["factorize:0.97", "factorize:budget=60%:of=bytes", "factorize:0.98:method=svd"], folder, False)
    for r in results[1:]:
        expect(r["bytes"] < 0.95 * results[0]["bytes"] and r["max_error"] > 0, f"{r['method']}: {r}")
    expect(results[2]["bytes"] < 0.65 * results[0]["bytes"], f"a budget: {results[2]}")

print(f"{failed} failed")
sys.exit(failed > 0)
