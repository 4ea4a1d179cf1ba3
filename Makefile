# One command each. CMake does the work; this file is the way in. V=1 shows the compiler's command lines.
BUILD ?= build
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CMAKE_FLAGS ?=
SHARED ?= ../shared
SECONDS ?= 60
PYTHON = $(if $(wildcard $(BUILD)/venv/bin/python),$(abspath $(BUILD)/venv/bin/python),python3)

.PHONY: all demo fashion test proofs check cross-aarch64 instructions asan tsan fuzz bench dashboard dashboard-picture size wheel install generic format clean help

all: need-build
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=Release $(CMAKE_FLAGS) > $(BUILD).log 2>&1 || { cat $(BUILD).log; rm -f $(BUILD).log; exit 1; }
	@rm -f $(BUILD).log
	@cmake --build $(BUILD) -j $(JOBS)

help:
	@echo "make            build $(BUILD)/linnet and the libraries"
	@echo "make demo       classify the sample pictures with the model that ships"
	@echo "make fashion    train the model that ships, from the data set Fashion-MNIST: a quarter of an hour"
	@echo "make test       every test (installs what they need when run as root)"
	@echo "make proofs     of these, other projects' own tests against our libraries"
	@echo "make check      the short tier: two minutes"
	@echo "make cross-aarch64  the library and the tool for 64-bit Arm, in $(BUILD)/aarch64 (docs/aarch64.md)"
	@echo "make instructions  of one inference of several models on 64-bit Arm, tier by tier, counted in an emulator"
	@echo "make asan       every test under the address and undefined-behaviour sanitizers"
	@echo "make tsan       many sessions on one model, and the thread pool, under the thread sanitizer"
	@echo "make fuzz       mutated models, then each libFuzzer target for SECONDS (60) or all for TOTAL together,"
	@echo "                under the sanitizers (SEED=, COUNT=, TARGETS=)"
	@echo "make bench      timings beside the peers that are installed, into bench/results (BENCH_FLAGS=), and the dashboard"
	@echo "make dashboard  the page docs/dashboard/index.html from bench/results"
	@echo "make size       bytes of the whole library, stripped, and of one for MODEL alone, and whether they keep their limits"
	@echo "make wheel      the Python package as a wheel, in $(BUILD)/wheel"
	@echo "make install    into PREFIX (default /usr/local)"

.PHONY: need-build need-test need-cross need-python
need-build:
	@mkdir -p $(dir $(abspath $(BUILD)))
	@sh scripts/need.sh build
need-test: need-build
	@sh scripts/need.sh io test
need-cross: need-build
	@sh scripts/need.sh cross
need-python:
	@sh scripts/python.sh $(BUILD)/venv

demo:
	@sh scripts/need.sh build io
	@$(MAKE) --no-print-directory all > $(BUILD).demo.log 2>&1 || { cat $(BUILD).demo.log; exit 1; }
	@rm -f $(BUILD).demo.log
	@sh scripts/demo.sh $(BUILD)/linnet

fashion:
	@sh scripts/need.sh build io
	@$(MAKE) --no-print-directory all
	@sh examples/fashion/train.sh $(BUILD)/linnet

# The tests' own build stands beside the plain one, so that `make` never needs what only tests need.
test: need-test need-cross need-python
	@cmake -S . -B $(BUILD)/tests -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DLINNET_WERROR=ON \
	  -DPython3_EXECUTABLE=$(PYTHON) $(CMAKE_FLAGS) > /dev/null
	@cmake --build $(BUILD)/tests -j $(JOBS) -- --no-print-directory
	@cmake -S . -B $(BUILD)/asan -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DLINNET_SANITIZE=ON > /dev/null
	@cmake --build $(BUILD)/asan -j $(JOBS) --target $(SANITIZED_TARGETS) -- --no-print-directory
	@cd $(BUILD)/asan && ctest --output-on-failure -j $(JOBS) -R '$(SANITIZED_TESTS)'
	@$(MAKE) --no-print-directory tsan
	@cd $(BUILD)/tests && ctest --output-on-failure -j $(JOBS)

# Of `make test`, the proofs alone: the Rust crate tflitec against our TfLite C library, the Python package in three
# environments.
proofs: need-test need-python
	@cmake -S . -B $(BUILD)/tests -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DPython3_EXECUTABLE=$(PYTHON) > /dev/null
	@cmake --build $(BUILD)/tests -j $(JOBS) -- --no-print-directory
	@cd $(BUILD)/tests && ctest --output-on-failure -L proof

# What `make test` runs under the sanitizers as well; `make asan` runs everything so.
SANITIZED_TARGETS = run_cases test_fuzz_mutate test_format_damage test_format_refuse test_format_vulnerabilities \
  test_runtime_session test_runtime_failing_memory test_ops_checkpoint fuzz_replays test_import_emit test_import_keras \
  test_import_onnx test_import_savedmodel test_import_stablehlo
SANITIZED_TESTS = ^(ops\.cases\.(generic|avx512bf16)|ops\.checkpoint|fuzz\.mutate|fuzz\.replay_.*|format\.(damage|refuse|vulnerabilities)|runtime\.(session|failing_memory)|import\.(emit|keras|onnx|savedmodel|stablehlo))$$

check: need-test
	@cmake -S . -B $(BUILD)/tests -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DLINNET_WERROR=ON \
	  -DPython3_EXECUTABLE=$(PYTHON) $(CMAKE_FLAGS) > /dev/null
	@cmake --build $(BUILD)/tests -j $(JOBS)
	@cd $(BUILD)/tests && ctest --output-on-failure -j $(JOBS) -LE long

# With Debian's cross compiler. `ctest -L aarch64` in $(BUILD)/tests builds and runs the tests of it under qemu-user.
cross-aarch64: need-cross
	@cmake -S . -B $(BUILD)/aarch64 -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DCMAKE_BUILD_TYPE=Release -DLINNET_IO=OFF \
	  $(CMAKE_FLAGS) > /dev/null
	@cmake --build $(BUILD)/aarch64 -j $(JOBS)

instructions: cross-aarch64
	@python3 scripts/instructions.py --linnet $(BUILD)/aarch64/linnet --shared $(SHARED)

asan: need-test
	@cmake -S . -B $(BUILD)/asan -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DLINNET_SANITIZE=ON \
	  -DPython3_EXECUTABLE=$(PYTHON) > /dev/null
	@cmake --build $(BUILD)/asan -j $(JOBS) -- --no-print-directory
	@cd $(BUILD)/asan && ctest --output-on-failure -j $(JOBS) -LE 'speed|proof'

tsan: need-test
	@cmake -S . -B $(BUILD)/tsan -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DLINNET_TSAN=ON > /dev/null
	@cmake --build $(BUILD)/tsan -j $(JOBS) --target test_runtime_threads test_runtime_api test_base_pool -- --no-print-directory
	@cd $(BUILD)/tsan && ctest --output-on-failure -R '^(runtime\.(threads|api)|base\.pool)$$'

fuzz: need-test
	@cmake -S . -B $(BUILD)/asan -DCMAKE_BUILD_TYPE=Release -DLINNET_TESTS=ON -DLINNET_SANITIZE=ON > /dev/null
	@cmake --build $(BUILD)/asan -j $(JOBS) --target test_fuzz_mutate -- --no-print-directory
	@$(BUILD)/asan/tests/test_fuzz_mutate $(SEED) $(COUNT)
	@sh scripts/need.sh fuzz
	@cmake -S . -B $(BUILD)/fuzz -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Fuzz -DCMAKE_C_FLAGS_FUZZ=-O1 \
	  -DCMAKE_C_FLAGS=-Wno-pass-failed -DLINNET_TESTS=ON -DLINNET_SANITIZE=ON -DLINNET_FUZZ=ON > /dev/null
	@cmake --build $(BUILD)/fuzz -j $(JOBS) --target fuzz_programs -- --no-print-directory
	@sh scripts/fuzz.sh $(BUILD)/fuzz $(if $(TOTAL),total:$(TOTAL),$(SECONDS)) $(TARGETS)

bench: all
	@sh scripts/python.sh $(BUILD)/venv-bench scripts/requirements-bench.txt
	@$$([ -x $(BUILD)/venv-bench/bin/python ] && echo $(BUILD)/venv-bench/bin/python || echo python3) scripts/bench.py \
	  --linnet $(BUILD)/linnet --library $(BUILD)/liblinnet.so --threads 1,2 --results bench/results $(BENCH_FLAGS)
	@$(MAKE) --no-print-directory dashboard

# Needs nothing but bench/results and npm's packages; where these cannot be had the page stays away.
dashboard:
	@sh scripts/need.sh dashboard
	@sh scripts/dashboard.sh $(BUILD) || [ $$? = 77 ]

# The README's picture of it.
dashboard-picture: dashboard
	@sh scripts/need.sh browser
	@$$(command -v chromium || command -v chromium-browser || command -v google-chrome) --headless --no-sandbox --disable-gpu \
	  --hide-scrollbars --virtual-time-budget=4000 --window-size=1280,1500 --screenshot=docs/dashboard.png \
	  file://$(CURDIR)/docs/dashboard/index.html > /dev/null 2>&1
	@ls -l docs/dashboard.png

# The whole library, and one with nothing but what a model needs: with plain C kernels alone, and with AVX2 (on an x86).
MODEL ?= $(SHARED)/models/tiny_kws_int8.tflite
SMALL_LIMIT ?= 150000
size: need-build
	@[ -f $(MODEL) ] || { echo "no $(MODEL): make size MODEL=FILE"; exit 1; }
	@cmake -S . -B $(BUILD)/size -DCMAKE_BUILD_TYPE=Release $(CMAKE_FLAGS) \
	  -DLINNET_SELECT="small_generic=$(abspath $(MODEL))=TIERS=generic;small=$(abspath $(MODEL))" > /dev/null
	@cmake --build $(BUILD)/size -j $(JOBS) --target linnet_shared small small_generic > $(BUILD)/size/log || \
	  { cat $(BUILD)/size/log; exit 1; }
	@sh scripts/library_size.sh 3000000 $(BUILD)/size/liblinnet.so "the whole library: the optimizer, the builder and gradients too"
	@sh scripts/library_size.sh $(SMALL_LIMIT) $(BUILD)/size/libsmall.so "for $(notdir $(MODEL)) alone: plain C, AVX2 on an x86"
	@sh scripts/library_size.sh $(SMALL_LIMIT) $(BUILD)/size/libsmall_generic.so "for $(notdir $(MODEL)) alone: plain C"

wheel:
	@sh scripts/need.sh build python
	@sh scripts/wheel.sh $(BUILD)/wheel

install: all
	@cmake --install $(BUILD) $(if $(PREFIX),--prefix $(PREFIX))

generic:
	@cmake --preset generic > /dev/null && cmake --build build/generic -j $(JOBS)

format:
	@git ls-files '*.c' '*.h' '*.inc' | xargs $$(command -v clang-format-14 || command -v clang-format) -i

clean:
	@rm -rf $(BUILD)
