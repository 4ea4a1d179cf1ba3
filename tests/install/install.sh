#!/bin/sh
# usage: install.sh BUILD SOURCE CC   installs the build into a fresh prefix and builds examples/classify.c from there, by
# pkg-config against the shared and the static library and through the CMake package; runs it on a model.
set -eu
build=$1
source=$2
cc=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" > "$work/log" || { cat "$work/log"; exit 1; }
pc=$(find "$work/prefix" -name linnet.pc)
lib=$(dirname "$(dirname "$pc")")
[ "$(wc -l < "$source/examples/classify.c")" -lt 60 ] || { echo "examples/classify.c has 60 lines or more"; exit 1; }

# The .pc file names the prefix it was configured for; --define-variable moves it to ours.
flags() { PKG_CONFIG_PATH=$(dirname "$pc") pkg-config --define-variable=prefix="$work/prefix" "$@" linnet; }
if command -v pkg-config > /dev/null 2>&1; then
  $cc $(flags --cflags) "$source/examples/classify.c" $(flags --libs) -Wl,-rpath,"$lib" -o "$work/shared"
else
  $cc -I"$work/prefix/include" "$source/examples/classify.c" -L"$lib" -llinnet -Wl,-rpath,"$lib" -o "$work/shared"
fi
$cc -I"$work/prefix/include" "$source/examples/classify.c" "$lib/liblinnet.a" -lm -lpthread -o "$work/static"

mkdir "$work/package"
cat > "$work/package/CMakeLists.txt" << EOF
cmake_minimum_required(VERSION 3.16)
project(classify C)
find_package(linnet 0.1 REQUIRED)
add_executable(classify $source/examples/classify.c)
target_link_libraries(classify linnet::linnet)
EOF
cmake -S "$work/package" -B "$work/package/build" -DCMAKE_PREFIX_PATH="$work/prefix" > "$work/log" || { cat "$work/log"; exit 1; }
cmake --build "$work/package/build" > "$work/log" || { cat "$work/log"; exit 1; }

head -c 784 /dev/zero > "$work/input.bin"
want=$("$work/static" "$source/models/fashion_mnist.tflite" "$work/input.bin")
case $want in
  class*score*) ;;
  *) echo "unexpected answer: $want"; exit 1 ;;
esac
for program in "$work/shared" "$work/package/build/classify"; do
  got=$("$program" "$source/models/fashion_mnist.tflite" "$work/input.bin")
  [ "$got" = "$want" ] || { echo "$program says '$got', the static program '$want'"; exit 1; }
done
if "$work/static" "$work/input.bin" "$work/input.bin" 2> "$work/error"; then echo "a bad model was taken"; exit 1; fi
grep -q "input.bin" "$work/error"
"$work/prefix/bin/linnet" version > /dev/null
echo "installed copy: $want"
