#!/bin/sh
# usage: models.sh SOURCES BUILD SHARED   real models against their recorded outputs, emulated: one of each family
set -eu
python=${PYTHON:-python3}
[ -f "$3/tools/check_golden.py" ] || { echo "skipped: no $3/tools/check_golden.py"; exit 77; }
"$python" -c 'import numpy' 2> /dev/null || { echo "skipped: $python has no numpy"; exit 77; }
[ -x "$2/linnet" ] || { echo "skipped: not built"; exit 77; }
emulated=$2/linnet-emulated
printf '#!/bin/sh\nexec qemu-aarch64 -cpu max "%s" "$@"\n' "$2/linnet" > "$emulated"
chmod +x "$emulated"
exec "$python" "$3/tools/check_golden.py" --linnet "$emulated" --threads 2 --timeout 300 mobilenet_v1_0.25_224_float \
  mobilenet_v2_1.0_224_quant mp_face_detection_short_range tiny_ad01_int8 tiny_kws_float tiny_kws_int8 tiny_resnet_int8 \
  tiny_vww_int8 tflm_trained_lstm_int8 movie_review yamnet
