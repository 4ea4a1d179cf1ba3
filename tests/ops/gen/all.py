#!/usr/bin/env python3
"""Generates the cases of operators: all.py [--check] [FAMILY...]. A family is a file beside this one that defines cases().
--check writes nothing and fails where a committed case is not what its generator makes; exit status 77 without LiteRT."""
import filecmp
import glob
import importlib.util
import os
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
try:
    import lib
except ImportError as e:
    print(f"skipped: {e}")
    sys.exit(77)
sys.path = [p for p in sys.path if os.path.abspath(p) != HERE] + [HERE]  # last: a family may be called as a module of Python's own, which TensorFlow imports

COMMITTED = os.path.normpath(lib.CASES)


def without_float_outputs(path):
    """The file's model with float outputs blanked: their last bits follow the mathematical library of the machine."""
    with open(path, "rb") as f:
        model = lib.S.ModelT.InitFromPackedBuf(f.read(), 0)
    main = model.subgraphs[0]
    buffers = {m.name.decode(): model.buffers[m.buffer] for m in model.metadata}
    for i, t in enumerate(main.outputs):
        if main.tensors[t].type in (lib.S.TensorType.FLOAT32, lib.S.TensorType.FLOAT16, lib.S.TensorType.FLOAT64,
                                    lib.S.TensorType.BFLOAT16, lib.S.TensorType.COMPLEX64,
                                    lib.S.TensorType.COMPLEX128):
            buffers[f"case.out.{i}"].data = None
    builder = lib.flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder))
    return bytes(builder.Output())


def same(a, b):
    return filecmp.cmp(a, b, False) or without_float_outputs(a) == without_float_outputs(b)


def generate(family, check):
    """Runs a family's cases(); removes the files it no longer makes, or with `check` names those that differ."""
    before = len(lib.written)
    # By path, not by name: a family may be called as a module of Python's own, `select` say.
    spec = importlib.util.spec_from_file_location("cases_of_" + family, os.path.join(HERE, family + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.cases()
    made = [os.path.relpath(p, lib.CASES) for p in lib.written[before:]]
    size = sum(os.path.getsize(os.path.join(lib.CASES, p)) for p in made)
    kept = {os.path.relpath(p, COMMITTED) for p in glob.glob(os.path.join(COMMITTED, family, "*.tflite"))}
    if not check:
        for path in kept - set(made):
            os.remove(os.path.join(COMMITTED, path))
        print(f"{family}: {len(made)} cases, {size / 1024:.0f} KB")
        return True
    stale = sorted(kept ^ set(made))
    stale += [p for p in made if p in kept and not same(os.path.join(COMMITTED, p), os.path.join(lib.CASES, p))]
    if stale:
        print(f"{family}: not what its generator makes: {', '.join(stale)}")
    return not stale


def main():
    check = "--check" in sys.argv[1:]
    names = [n for n in sys.argv[1:] if n != "--check"]
    names = names or sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(HERE, "*.py")))
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        if check:
            lib.CASES = scratch
        for family in names:
            if family in ("all", "lib", "audit"):
                continue
            try:
                good = generate(family, check) and good
            except lib.NoTensorFlow as e:
                print(f"{family}: skipped, its oracle is TensorFlow: {e}")
            except Exception as e:
                good = False
                traceback.print_exc() if os.environ.get("TRACE") else print(f"{family}: {e}", file=sys.stderr)
    print(f"{len(lib.written)} cases" + (" compared" if check else ""))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
