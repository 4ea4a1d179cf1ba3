#!/bin/sh
# usage: same.sh WHOLE SMALL MODEL... [NAME=MODEL]...   A library of chosen operators gives the bits of the whole one on
# the models it is made for, in every tier; models that need what it lacks are refused with a message that names it: NAME
# is what the message of each must hold. WHOLE and SMALL are run_model, linked to either.
set -eu
whole=$1
small=$2
shift 2
for model in "$@"; do
  case $model in
    *=*)
      if got=$("$small" "${model#*=}"); then echo "$model runs, which it should not"; exit 1; fi
      echo "$got"
      case $got in
        *"${model%%=*}"*"left out of this build"*) ;;
        *) echo "the message names no ${model%%=*} that is left out"; exit 1 ;;
      esac
      continue ;;
  esac
  for tier in generic avx2 avx512vnni; do
    want=$(LINNET_CPU=$tier "$whole" "$model") || { echo "$model, $tier: $want"; exit 1; }
    got=$(LINNET_CPU=$tier "$small" "$model") || { echo "$model, $tier: $got"; exit 1; }
    [ "$got" = "$want" ] && continue
    # Floats of the two may differ where the small one lacks the tier: then they are those of the best that it has.
    [ $tier = avx512vnni ] && [ "$got" = "$(LINNET_CPU=avx2 "$whole" "$model")" ] && continue
    printf '%s, %s:\n%s\nand of the whole library\n%s\n' "$model" $tier "$got" "$want"
    exit 1
  done
  echo "$want"
done
