#!/bin/sh
# Makes the model that the tool carries, models/fashion_mnist.tflite: from weights drawn at random to int8, by Linnet alone.
# usage: train.sh LINNET [OUT]   `make fashion` builds the tool first. THREADS (2), FASHION_MNIST: where the data set lies,
# as Debian's package dataset-fashion-mnist installs it.
# A run that was broken off goes on where it was. A quarter of an hour on two cores.
set -eu
here=$(dirname "$0")
linnet=$1
out=${2:-$here/../../models/fashion_mnist.tflite}
data=${FASHION_MNIST:-/usr/share/datasets/fashion-mnist}
state=$(dirname "$linnet")/fashion

if [ ! -f "$data/train-images-idx3-ubyte.gz" ]; then
  echo "$data: the data set Fashion-MNIST is not there (Debian: apt-get install dataset-fashion-mnist;" >&2
  echo "its four files lie on https://github.com/zalandoresearch/fashion-mnist, too: FASHION_MNIST=FOLDER)" >&2
  exit 1
fi

# train MODEL OPTIONS...: pictures of the training set, mirrored and moved by a pixel; the test set only measures
train() {
  model=$1
  shift
  "$linnet" train "$model" --data "$data/train-images-idx3-ubyte.gz" --labels "$data/train-labels-idx1-ubyte.gz" \
    --validation "$data/t10k-images-idx3-ubyte.gz" "$data/t10k-labels-idx1-ubyte.gz" --normalize 0,255 \
    --optimizer adamw --weight-decay 0.001 --schedule cosine --flip horizontal --shift 0.04 --fill zero --seed 5 \
    --threads "${THREADS:-2}" "$@"
}

mkdir -p "$state"
train "$here/model.json" --epochs 10 --lr 0.004 --warmup 0.1 --checkpoint "$state/float" --resume -o "$state/float.tflite"
train "$state/float.tflite" --epochs 1 --lr 0.0004 --qat int8 --qat-io int8 -o "$state/int8.tflite"
"$linnet" describe "$state/int8.tflite" -o "$out" --name 'Fashion-MNIST classifier' --version 2 --author Linnet \
  --description 'Names the article of clothing in a picture.' \
  --license 'Apache-2.0; trained on Fashion-MNIST (MIT, Zalando SE)' --normalize 0,255 --classes "$here/labels.txt"
rm -rf "$state/float"
"$linnet" eval "$out" --data "$data/t10k-images-idx3-ubyte.gz" --labels "$data/t10k-labels-idx1-ubyte.gz" \
  --normalize 0,255
