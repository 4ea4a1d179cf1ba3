#!/bin/sh
# Real models say what is in real pictures and sounds.
. "$(dirname "$0")/lib.sh"
[ -d "$shared/models" ] || { echo "skipped: no $shared/models"; exit 77; }
m=$shared/models
images=$shared/images

# first PATTERN COMMAND...: the first line of the answer (indented) has PATTERN
first() {
  pattern=$1
  shift
  prints . "$@"
  grep '^  ' "$work/out" | head -n 1 | grep -q -e "$pattern" || complain "not '$pattern' first: $* : $(cat "$work/out")"
}

first ' cat' "$linnet" run "$m/mobilenet_v2_1.0_224_quant.tflite" --input "$images/cat.bmp" --labels "$images/imagenet_labels.txt"
first ' cat' "$linnet" run "$m/mobilenet_v1_0.25_224_float.tflite" --input "$images/cat.bmp"
# Class 1 is a person. person.bmp holds signed bytes, which that model's own example copies as they are: seen by itself.
first 'class 1 .* 0\.9' "$linnet" run "$m/tflm_person_detect.tflite" --input "$images/person.bmp"
first 'class 1 .* 0\.9' "$linnet" run "$m/tflm_person_detect.tflite" --input "$images/person.bmp" --pixels signed
first 'class 0 ' "$linnet" run "$m/tflm_person_detect.tflite" --input "$images/person.bmp" --pixels unsigned
first 'class 0 ' "$linnet" run "$m/tflm_person_detect.tflite" --input "$images/no_person.bmp"
first 'class 9 ' "$linnet" run "$m/coral_keras_lstm_mnist_ptq.tflite" --input "$images/mnist_nine.bmp"
first 'Speech ' "$linnet" run "$m/yamnet.tflite" --input "$shared/audio/speech.wav"
prints 'bird ' "$linnet" run "$m/coral_deeplabv3_mnv2_dm05_pascal_quant.tflite" --input "$images/bird_segmentation.bmp" \
  --labels "$images/pascal_voc_segmentation_labels.txt"
if "$linnet" version | grep -q libjpeg; then
  first 'macaw' "$linnet" run "$m/coral_tf2_mobilenet_v2_1.0_224_ptq.tflite" --input "$images/parrot.jpg"
  prints '^  person ' "$linnet" run "$m/ssd_mobilenet_v1_quant.tflite" --input "$images/kite_and_cold.jpg"
  grep -q '^  kite ' "$work/out" || complain "no kite: $(cat "$work/out")"
fi
finish
