#!/usr/bin/env python3
"""Transfer learning on five classes of pictures, from end to end: transfer.py [OPTIONS]

Makes pictures of Fashion-MNIST, scaled up (pictures.py), trains a new head behind a frozen backbone with `linnet train`,
and prints accuracy and seconds. The backbone is any .tflite that takes pictures.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", help="a .tflite: mobilenet_v1_0.25_224_float.tflite, say")
    parser.add_argument("--linnet", default=os.environ.get("LINNET", "linnet"), help="the tool")
    parser.add_argument("--train", type=int, default=200, help="pictures a class to learn from")
    parser.add_argument("--test", type=int, default=100, help="pictures a class to measure on")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", help="a folder for pictures and the model; without it a temporary one")
    return parser.parse_args()


def run(options, out):
    subprocess.run([sys.executable, os.path.join(HERE, "pictures.py"), os.path.join(out, "pictures"), str(options.train),
                    str(options.test)], check=True)
    train, test = (os.path.join(out, "pictures", part) for part in ("train", "test"))
    model = os.path.join(out, "clothes.tflite")
    begin = time.monotonic()
    log = subprocess.run([options.linnet, "train", options.backbone, "--head", "dense:5", "--data", train, "--validation",
                          test, "--epochs", str(options.epochs), "--batch", "32", "--lr", "0.01", "--threads",
                          str(options.threads), "-o", model, "--json"], check=True, stdout=subprocess.PIPE).stdout
    seconds = time.monotonic() - begin
    result = json.loads(subprocess.run([options.linnet, "eval", model, "--data", test, "--json"], check=True,
                                       stdout=subprocess.PIPE).stdout)
    trained = json.loads(log)
    print("%d pictures to learn from, %d to measure on" % (5 * options.train, result["samples"]))
    print("accuracy %.4f" % result["accuracy"])
    print("%.2f s: features %.2f s, %d epochs of the head %.2f s" %
          (seconds, trained["feature_seconds"], options.epochs, trained["seconds"]))
    return result["accuracy"]


def main():
    options = parse()
    if options.out:
        os.makedirs(options.out, exist_ok=True)
        run(options, options.out)
        return
    with tempfile.TemporaryDirectory() as out:
        run(options, out)


if __name__ == "__main__":
    main()
