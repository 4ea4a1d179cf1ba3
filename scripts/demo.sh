#!/bin/sh
# usage: demo.sh LINNET   the main job on what the repository ships: classify the sample pictures and draw the answers.
set -eu
linnet=$1
pictures=$(dirname "$0")/../examples/fashion
right=0
all=0
for picture in "$pictures"/*.bmp; do
  name=$(basename "$picture" .bmp | tr '_' ' ')
  echo "--- a picture of: $name"
  "$linnet" run demo: --input "$picture" --show --top 3
  answer=$("$linnet" run demo: --input "$picture" --top 1 --json | sed -n 's/.*"label": *"\([^"]*\)".*/\1/p' | tr 'A-Z' 'a-z')
  all=$((all + 1))
  if [ "$answer" = "$name" ]; then right=$((right + 1)); else echo "    (it says $answer)"; fi
done
echo "$right of $all right. More: $linnet --help, $linnet run MODEL.tflite --input PICTURE"
[ "$right" -gt 0 ]
