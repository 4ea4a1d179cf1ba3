#!/bin/sh
# usage: same.sh WHOLE SMALL MODEL [NAME=MODEL]...   A library of chosen operators gives the bits of the whole one on the
# model it is made for, in every tier; models that need what it lacks are refused with a message that names it: NAME is
# what the message of each must hold. WHOLE and SMALL are run_model, linked to either.
set -eu
whole=$1
small=$2
model=$3
shift 3
for tier in generic avx2 avx512vnni; do
  want=$(LINNET_CPU=$tier "$whole" "$model")
  got=$(LINNET_CPU=$tier "$small" "$model") || { echo "$model, $tier: $got"; exit 1; }
  [ "$got" = "$want" ] || { printf '%s, %s:\n%s\nand of the whole library\n%s\n' "$model" $tier "$got" "$want"; exit 1; }
done
echo "$want"
for other in "$@"; do
  if got=$("$small" "${other#*=}"); then echo "$other runs, which it should not"; exit 1; fi
  echo "$got"
  case $got in
    *"${other%%=*}"*"left out of this build"*) ;;
    *) echo "the message names no ${other%%=*} that is left out"; exit 1 ;;
  esac
done
