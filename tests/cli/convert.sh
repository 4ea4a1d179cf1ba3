#!/bin/sh
# linnet convert: mistakes in the command line are status 2, what cannot be converted status 1 with one line and no file.
. "$(dirname "$0")/lib.sh"
out=$work/out.tflite
"$linnet" convert --help > /dev/null 2>&1 || { echo 'skipped: this build has no converters'; exit 77; }

# nothing STATUS PATTERN COMMAND...: fails so, and writes nothing
nothing() {
  fails "$@"
  [ ! -e "$out" ] || { complain "wrote $out: $*"; rm -f "$out"; }
}

prints 'usage: linnet convert' "$linnet" convert --help
for option in from signature shape target verify keep-layout channels-last without-passes report json; do
  grep -q -e "--$option" "$work/out" || complain "--help does not tell of --$option"
done
nothing 2 'no source given' "$linnet" convert -o "$out"
nothing 2 'no -o given' "$linnet" convert "$models/squares.tflite"
nothing 2 'contradict' "$linnet" convert x.onnx -o "$out" --keep-layout --channels-last
nothing 2 '--target takes one of' "$linnet" convert x.onnx -o "$out" --target toaster
nothing 2 'one operand too many: y.onnx' "$linnet" convert x.onnx y.onnx -o "$out"
nothing 1 'absent.onnx: no such file' "$linnet" convert "$work/absent.onnx" -o "$out"
nothing 1 'none that can be converted' "$linnet" convert "$models/squares.tflite" -o "$out"
nothing 1 'none that can be converted' "$linnet" convert "$work" -o "$out"
nothing 1 'no kind of source is called pickle' "$linnet" convert "$models/squares.tflite" -o "$out" --from pickle

mlp=$shared/convert/k3_mlp
[ -f "$mlp/model.keras" ] || { finish; exit; }
"$linnet" version | grep -q -e hdf5 || { finish; exit; } # this build reads no Keras files
prints '^signature "serving_default"' "$linnet" convert "$mlp/model.keras" -o "$out"
[ -s "$out" ] || complain "nothing written to $out"
rm -f "$out"
for key in '"kind": "keras"' '"imported_transposes": 0' '"signatures"' '"seconds"' '"agrees": true' '"target": "micro"'; do
  prints "$key" "$linnet" convert "$mlp/model.keras" -o "$out" --json --verify --target micro --report "$work/page.html"
done
grep -q '"compared"' "$work/page.html" || complain 'the page holds no data'
prints '^target micro: ' "$linnet" check "$out"
prints 'converted from model.keras (keras)' "$linnet" inspect "$out"
prints '# dense' "$linnet" inspect "$out"
prints '^verified: ' "$linnet" convert --verify "$mlp/input_0.npy" -o "$out" "$mlp/model.keras"
prints '^verified: ' "$linnet" convert "$mlp/model.keras" -o "$out" --verify "x=$mlp/input_0.npy"
rm -f "$out"
nothing 1 'no input is called "z"' "$linnet" convert "$mlp/model.keras" -o "$out" --verify "z=$mlp/input_0.npy"
nothing 1 'is one too many' "$linnet" convert "$mlp/model.keras" -o "$out" --verify "$mlp/input_0.npy" "$mlp/input_0.npy"
nothing 1 'absent.npy' "$linnet" convert "$mlp/model.keras" -o "$out" --verify "$work/absent.npy"
nothing 1 'cannot write\|No such file' "$linnet" convert "$mlp/model.keras" -o "$out" --report /no/such/folder/x.html
[ ! -d "$shared/convert/k3_lambda" ] || nothing 1 'Lambda' "$linnet" convert "$shared/convert/k3_lambda/model.keras" -o "$out"
finish
