#!/bin/sh
# The crate tflitec 0.7.0 with its xnnpack feature, built against our headers and library, passes its own tests:
# rust.sh LIBRARY SOURCE_DIR WORK_DIR. Needs cargo, libclang (for its bindgen) and crates.io or what cargo keeps of it.
set -eu
library=$1
source=$2
work=$3

install() { # install PACKAGE...: as root on Debian; whatever stays missing shows below
  [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null || return 0
  echo "installing $*"
  { apt-get update -qq; DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; } > /dev/null 2>&1 || true
}
has_libclang() {
  { ldconfig -p; ls /usr/lib/llvm-*/lib; } 2> /dev/null | grep -q 'libclang[-.0-9]*\.so'
}
# The crates ask for a newer Rust than Debian's own: the one that its browsers are built with.
command -v cargo > /dev/null || install cargo-web rustc-web
command -v cargo > /dev/null || { echo "skipped: no cargo"; exit 77; }
has_libclang || install libclang-dev
has_libclang || { echo "skipped: no libclang"; exit 77; }
pkg-config --exists openssl 2> /dev/null || install libssl-dev pkg-config # a build dependency fetches with it
mkdir -p "$work/fetch/src"
: > "$work/fetch/src/lib.rs"
cat > "$work/fetch/Cargo.toml" << 'TOML'
[package]
name = "fetch"
version = "0.0.0"
edition = "2021"
[dependencies]
tflitec = { version = "=0.7.0", features = ["xnnpack"] }
[workspace]
TOML
(cd "$work/fetch" && cargo fetch --quiet) || { echo "skipped: crates.io cannot be reached"; exit 77; }
crate=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name 'tflitec-0.7.0' | head -n 1)
[ -n "$crate" ] || { echo "the crate was fetched, but is not where cargo keeps it"; exit 1; }
rm -rf "$work/crate"
cp -R "$crate" "$work/crate"
cp "$work/fetch/Cargo.lock" "$work/crate/Cargo.lock"
TFLITEC_PREBUILT_PATH=$library
TFLITEC_HEADER_DIR=$source/include
LD_LIBRARY_PATH=$(dirname "$library")
export TFLITEC_PREBUILT_PATH TFLITEC_HEADER_DIR LD_LIBRARY_PATH
cd "$work/crate"
CARGO_TARGET_DIR=$work/target cargo test --features xnnpack 2>&1 | tail -n 60 | tee "$work/log"
grep -q '^test result: ok' "$work/log" && ! grep -q '^test result: FAILED' "$work/log"
