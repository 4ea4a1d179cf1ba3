#!/usr/bin/env python3
"""A SavedModel becomes the same operators as the .tflite that its makers published beside it (of another training).

usage: savedmodel_siblings.py LINNET SHARED
Ends with 77 where the models are not there."""
import json, os, subprocess, sys, tempfile

linnet, shared = sys.argv[1:3]
source, sibling = os.path.join(shared, "keras/kws_saved_model"), os.path.join(shared, "models/tiny_kws_float.tflite")
if not (os.path.isdir(source) and os.path.exists(sibling)):
    sys.exit(77)


def operators(model):
    graph = json.loads(subprocess.run([linnet, "inspect", model, "--json"], check=True, capture_output=True).stdout)["graphs"][0]
    return [o["name"] for o in graph["operators"]]


with tempfile.TemporaryDirectory() as tmp:
    made = os.path.join(tmp, "made.tflite")
    subprocess.run([linnet, "convert", source, "-o", made], check=True, stdout=subprocess.DEVNULL)
    got, want = operators(made), operators(sibling)
    assert got == want, (got, want)
print("the same operators")
