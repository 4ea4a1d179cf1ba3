#!/bin/sh
# Bad models and inputs: status 1, one line that names what and where, nothing half-written.
. "$(dirname "$0")/lib.sh"
model=$models/squares.tflite

: > "$work/empty.tflite"
head -c 300 "$model" > "$work/short.tflite"
printf 'This is no model at all, but a line of text.\n' > "$work/text.tflite"
for subcommand in run inspect bench; do
  fails 1 'empty.tflite: ' "$linnet" $subcommand "$work/empty.tflite"
  fails 1 'is a directory' "$linnet" $subcommand "$work"
  fails 1 'No such file' "$linnet" $subcommand "$work/absent.tflite"
  fails 1 'text.tflite: ' "$linnet" $subcommand "$work/text.tflite"
  fails 1 'png: ' "$linnet" $subcommand "$data/good-rgb.png"
  fails 1 'short.tflite: ' "$linnet" $subcommand "$work/short.tflite"
done
echo '1 2 3' > "$work/three.txt"
fails 1 'op 1 Mystery "z": ' "$linnet" run "$models/unsupported-custom.tflite" --input "$work/three.txt"
fails 1 'op 1 FlexXla "z": ' "$linnet" run "$models/unsupported-select.tflite" --input "$work/three.txt"
prints 'cannot be planned: op 1 Mystery' "$linnet" inspect "$models/unsupported-custom.tflite"

fails 1 'no signature "none": it has "both", "flat"' "$linnet" run "$model" --signature none
fails 1 'no signature "none": the model has none' "$linnet" run "$models/open.tflite" --signature none
fails 1 'no input "c": it has "a"' "$linnet" run "$model" --signature flat --input c="$work/three.txt"
fails 1 'backend' "$linnet" run "$model" --signature flat --input - --backend abacus
fails 1 'three.txt: input "a": the model takes float32\[4\], the text holds 3 numbers' \
  "$linnet" run "$model" --signature flat --input "$work/three.txt"
fails 1 'good-fortran.npy: input "a": the model takes float32\[4\], the file holds int16\[2, 3, 4\]' \
  "$linnet" run "$model" --signature flat --input "$data/good-fortran.npy"
fails 1 'the model takes float32\[?, 3\], the text holds 4 numbers' sh -c "echo 1 2 3 4 | '$linnet' run '$models/open.tflite' --input -"
fails 1 '"two" is no number' sh -c "echo 1 two 3 | '$linnet' run '$models/open.tflite' --input -"
wanted='this build cannot read PNG'
if "$linnet" version | grep -q libpng; then wanted='does not hold one gray or RGB picture'; fi
fails 1 "$wanted" "$linnet" run "$model" --signature flat --input "$data/good-rgb.png"
fails 1 'No such file' "$linnet" run "$model" --signature flat --input "$work/absent.npy"
fails 1 'is a directory' "$linnet" run "$model" --signature flat --input "$work"
fails 1 'the file is empty' "$linnet" run "$model" --signature flat --input "$work/empty.tflite"
fails 1 'neither .npy nor a picture' "$linnet" run "$model" --signature flat --input "$model"
head -c 60 "$data/good-rgb.png" > "$work/short.png"
fails 1 'short.png: ' "$linnet" run "$models/colours.tflite" --input "$work/short.png"
fails 1 'labels.txt: ' "$linnet" run "$models/colours.tflite" --input "$data/good-rgb.png" --labels "$work/labels.txt"

# Folders that cannot be written: below a file, without permission (root may write anyway), and on a read-only system.
echo '1 2 3 4' > "$work/four.txt"
fails 1 'four.txt/out: cannot make the folder' "$linnet" run "$model" --signature flat --input "$work/four.txt" \
  --output-dir "$work/four.txt/out"
fails 1 'four.txt: is not a folder' "$linnet" run "$model" --signature flat --input "$work/four.txt" \
  --output-dir "$work/four.txt"
mkdir "$work/closed" && chmod a-w "$work/closed"
if ! touch "$work/closed/probe" 2> /dev/null; then
  fails 1 'closed: cannot write' "$linnet" run "$model" --signature flat --input "$work/four.txt" --output-dir "$work/closed"
fi
rm -f "$work/closed/probe"
mkdir "$work/taken" "$work/taken/outputs.json"
fails 1 'taken: cannot write' "$linnet" run "$model" --signature flat --input "$work/four.txt" --output-dir "$work/taken"
[ "$(ls -A "$work/taken")" = outputs.json ] || complain "something half-written: $(ls -A "$work/taken")"
fails 1 'no signature' "$linnet" run "$model" --signature none --input "$work/four.txt" --output-dir "$work/fresh"
[ ! -e "$work/fresh" ] || complain "a folder was made for a run that failed"

if [ -d "$shared/models" ]; then
  fails 1 'op [0-9]* ' "$linnet" run "$shared/models/coral_invalid.tflite" --input - 
  fails 1 'op [0-9]* CUSTOM_OP_STRING_TO_FLOATS' "$linnet" run "$shared/models/test_model_nl_classifier.tflite" --input "$work/three.txt"
fi
finish
