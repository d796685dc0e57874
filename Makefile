# Two commands matter: `make run` and `make test`. Each sets up what it needs.
#
#   make run     the main job on a synthetic road: camera agent, detector, simulated firmware
#   make test    the everyday suite on both engines
#   make prove   the long tier; writes docs/proof/
#   make lint    ruff, mypy --strict, stubtest, clang-format
#   make bench   the measured tables, beside their peers; PEERS=1 for the heavy ones too
#   make schema  accepts what was appended to the link's messages
#   make train   the embedded model anew, from rendered scenes
#   make sanitize  the native code's tests under ASan and UBSan
#   make native  the kernels' own tests: here, under sanitizers, and on ARM under qemu
#   make arm     wheels for 64- and 32-bit ARM, cross-built; their kernels, codec, detections under qemu
#   make fuzz    libFuzzer over kernels, heads, NMS, tracking and link; FUZZ_RUNS executions each
#   make mutants  plants mistakes in the link's C, MUTANTS of them by SEED; tests must notice each
#   make hil     the tests with a device in the loop, beside the plugins of other rigs
#   make soak    an hour on a noisy line, under QEMU; writes docs/proof/
#   make smp     smpclient through the link
#   make npu     the way to an NPU, on the plug-in of a real vendor
#   make size    what the link costs a Cortex-M4: flash and RAM, by the compiler's own tools
#   make system  installs, as root, the Debian packages that some tests need
#   make clean   removes what the others made

PYTHON ?= python3
# tflite-runtime has wheels up to Python 3.11 only; its half of the suite runs where one is found.
PYTHON_TFLITE ?= $(firstword $(foreach p,python3.11 python3.10 $(PYTHON),$(shell \
	$(p) -c 'import sys; print("$(p)" if (3, 10) <= sys.version_info < (3, 12) else "")' 2>/dev/null)))
OUT ?= out/run
DURATION ?= 30

NATIVE := $(shell find csrc firmware_bridge edgecore -name '*.c' -o -name '*.h' -o -name '*.inc' \
	-o -name '*.cpp' -o -name '*.pyx' -o -name '*.pxd' | grep -v '\(firmware_bridge\|edgecore\)/_.*\.c$$')
C_FILES := $(shell find csrc tests examples -name '*.c' -o -name '*.h' -o -name '*.cpp' -o -name '*.inc')
.NOTPARALLEL:

# Tests start Python hundreds of times, which would compile the package as often.
unexport PYTHONDONTWRITEBYTECODE

# Compilers other than the system's own, that the native code is also held against, the emulators
# for what they make, what unpacks Debian for them, the fuzzer's runtime, and Wireshark, which reads
# recordings.
SYSTEM_PACKAGES := ccache clang libclang-rt-dev gcc-arm-none-eabi libnewlib-arm-none-eabi \
	g++-aarch64-linux-gnu g++-arm-linux-gnueabihf qemu-user-static mmdebstrap qemu-system-arm tshark

PIP := -m pip install --quiet --disable-pip-version-check

.PHONY: run ready test test-litert test-tflite prove prove-tflite prove-fuzz prove-mutants lint format \
	schema bench train asan sanitize native arm fuzz mutants hil soak npu smp size system clean

run: .venv/ready
	.venv/bin/edgecore run --out $(OUT) --duration $(DURATION)

test: test-litert test-tflite

# What the two halves of the suite need; they share what is built in place.
ready: .venv/ready .venv/tools
ifneq ($(PYTHON_TFLITE),)
ready: .venv-tflite/ready
endif

# Many tests wait for other processes: a worker for each processor, each with whole stretches of files.
WORKERS := -n logical --maxprocesses 8 --dist worksteal

test-litert: .venv/ready .venv/tools
	.venv/bin/python -m pytest $(WORKERS) $(PYTEST_ARGS)

ifeq ($(PYTHON_TFLITE),)
test-tflite:
	@echo "skipped: the tflite-runtime half of the suite; it needs Python 3.10 or 3.11:"
	@echo "    apt-get install python3.11 python3.11-venv && make test PYTHON_TFLITE=python3.11"
else
test-tflite: .venv-tflite/ready
	.venv-tflite/bin/python -m pytest $(WORKERS) --ignore=tests/hil -m "not slow and not once" $(PYTEST_ARGS)
endif

prove: .venv/ready .venv/tools prove-fuzz prove-mutants
	.venv/bin/python -m pytest -m slow $(PYTEST_ARGS)
ifneq ($(PYTHON_TFLITE),)
prove: prove-tflite
endif

prove-tflite: .venv-tflite/ready
	.venv-tflite/bin/python -m pytest -m slow tests/runtime $(PYTEST_ARGS)

prove-fuzz: .venv/ready .venv/tools
	$(MAKE) -C tests/fuzz run FUZZ_RUNS=1000000
	.venv/bin/python -m tests.fuzz.report

MUTATE = .venv/bin/python setup.py -q build_ext --inplace && \
	.venv/bin/python -m tests.mutation.run --count $(MUTANTS) --seed $(SEED)

prove-mutants: MUTANTS = 500
prove-mutants: .venv/ready .venv/tools
	$(MUTATE) --write

lint: .venv/ready .venv/tools
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python -m mypy.stubtest --mypy-config-file pyproject.toml edgecore._native edgecore._ring firmware_bridge._carrier firmware_bridge._codec firmware_bridge._link firmware_bridge._bulk firmware_bridge._sim firmware_bridge._noise
	.venv/bin/clang-format --dry-run --Werror $(C_FILES)

format: .venv/tools
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	.venv/bin/clang-format -i $(C_FILES)

schema: .venv/ready
	.venv/bin/python -m firmware_bridge.evolution tests/vectors/schema.json --accept

# PEERS=1 adds the heavy peers (torch and what builds on it) in an environment of their own.
BENCH_ENV := $(if $(PEERS),.venv-bench,.venv)

bench: $(BENCH_ENV)/bench
	BOARD=$(BOARD) $(BENCH_ENV)/bin/python -m pytest bench --override-ini python_files='bench_*.py' \
		--override-ini timeout=1800 --benchmark-only --benchmark-quiet $(PYTEST_ARGS)

.venv/bench: .venv/ready .venv/tools
	.venv/bin/python $(PIP) --group bench
	touch $@

# Ultralytics asks for the OpenCV that needs a display; the headless one is laid over it.
.venv-bench/bench: pyproject.toml setup.py $(NATIVE) | .venv-bench/bin/python
	.venv-bench/bin/python $(PIP) --no-build-isolation --editable '.[litert]'
	.venv-bench/bin/python $(PIP) --group test --group bench --group peers
	.venv-bench/bin/python $(PIP) --force-reinstall --no-deps opencv-python-headless
	touch $@

# Scenes are rendered once into build/training and kept; the model is the same for the same machine.
train: .venv-train/ready
	.venv-train/bin/python -m edgecore.synthetic.training --out edgecore/model/road.tflite
	.venv-train/bin/python -m edgecore.synthetic.training.evaluate

asan: .venv/ready
	EDGECORE_SANITIZE=1 .venv/bin/python setup.py -q build --build-base build/asan --build-lib build/asan/lib

# The native code's tests under AddressSanitizer and UndefinedBehaviorSanitizer, in a build of its own;
# without our plugin, which pytest would import, and edgecore with it, from where it is installed.
# From that build's folder: there `python -m firmware_bridge.sim` is of that build, too. Left out is what
# has nothing of that build: C that tests compile by themselves, and firmware under QEMU; and counts of a
# heap that is the sanitizer's.
NOT_OF_IT := link/test_core link/test_hmac link/test_qemu link/test_sha256 link/test_size \
	link/test_starved_device link/test_update_qemu vision/test_allocations
sanitize: asan .venv/tools
	cd build/asan/lib && PYTHONPATH=$(CURDIR)/build/asan/lib \
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
	$(CURDIR)/.venv/bin/pytest -c $(CURDIR)/pyproject.toml -p no:edgecore.testing \
		--override-ini pythonpath='build/asan/lib .' $(WORKERS) \
		$(addprefix $(CURDIR)/tests/,vision link ring) -k 'not mps2' \
		$(NOT_OF_IT:%=--ignore=$(CURDIR)/tests/%.py) $(PYTEST_ARGS)

# smpclient through the link; it lies over .venv.
smp: .venv/ready .venv/tools .venv/smp/ready
	PYTHONPATH=$(CURDIR)/.venv/smp .venv/bin/python -m pytest tests/link/test_smp.py $(PYTEST_ARGS)

# Random cases of each kind on each machine.
NATIVE_COUNT ?= 1000

native:
	$(MAKE) -C tests/native native sanitize aarch64 armhf COUNT=$(NATIVE_COUNT)

ARM ?= arm64 armhf
arm: .venv/ready .venv/tools
	for arch in $(ARM); do $(MAKE) -C tests/arm test ARCH=$$arch || exit; done

# Executions a target; what is found anew stays in build/fuzz.
FUZZ_RUNS ?= 20000

fuzz:
	$(MAKE) -C tests/fuzz run FUZZ_RUNS=$(FUZZ_RUNS)

# Mistakes planted, and which ones.
MUTANTS ?= 100
SEED ?= 1

mutants: .venv/ready .venv/tools
	$(MUTATE)

# pytest-embedded and labgrid both define a fixture `target`: a run has one of them. They lie over .venv.
hil: RIGS := $(CURDIR)/.venv/rigs
hil: .venv/ready .venv/tools .venv/rigs/ready
	EDGECORE_RIGS=$(RIGS) PYTHONPATH=$(RIGS) .venv/bin/python -m pytest -p no:labgrid \
		--override-ini filterwarnings=default tests/hil $(PYTEST_ARGS)

# How long the device is held on a noisy line, s; from an hour on it is worth a page in docs/proof.
# Its watchdog is patient: a busy host keeps the emulator itself waiting for seconds now and then.
SOAK_S ?= 3600

soak: .venv/ready .venv/tools
	mkdir -p build
	.venv/bin/python -m firmware_bridge.testing.image mps2-an386 build/soak.elf --define EC_WATCHDOG_ROUND_S=60u
	.venv/bin/python -m pytest tests/hil/suite/test_soak.py --edge-soak $(SOAK_S) \
		--edge-target "qemu:mps2-an386?image=build/soak.elf" $(PYTEST_ARGS)

# Intel's plug-in for LiteRT, with the OpenVINO that it was built with, compiling for the CPU: the two
# wheels of the extra lie over .venv.
npu: .venv/ready .venv/tools .venv/npu/ready
	PYTHONPATH=$(CURDIR)/.venv/npu .venv/bin/python -m pytest tests/runtime/test_npu.py $(PYTEST_ARGS)

size: .venv/ready
	.venv/bin/python -m bench.firmware_size

APT := apt-get -qq -o Acquire::Retries=10

system:
	$(APT) update
	DEBIAN_FRONTEND=noninteractive $(APT) install -y --no-install-recommends $(SYSTEM_PACKAGES)

.venv/ready: pyproject.toml setup.py $(NATIVE) | .venv/bin/python
	.venv/bin/python $(PIP) --no-build-isolation --editable '.[litert]'
	touch $@

.venv-tflite/ready: pyproject.toml setup.py $(NATIVE) | .venv-tflite/bin/python
	.venv-tflite/bin/python $(PIP) --no-build-isolation --editable '.[tflite]'
	.venv-tflite/bin/python $(PIP) --group test
	touch $@

.venv-train/ready: pyproject.toml setup.py $(NATIVE) | .venv-train/bin/python
	.venv-train/bin/python $(PIP) --no-build-isolation --editable '.[litert,train]'
	touch $@

# What an extra asks for, in a folder of its own.
LAID_OVER = sed -n 's/^$(1) = \[\(.*\)\].*/\1/p' pyproject.toml | tr -d , | \
	xargs .venv/bin/python $(PIP) --upgrade --target $(@D)

.venv/rigs/ready: pyproject.toml | .venv/ready
	.venv/bin/python $(PIP) --upgrade --target $(@D) --group rigs
	touch $@

.venv/smp/ready: pyproject.toml | .venv/ready
	$(call LAID_OVER,smp)
	touch $@

.venv/npu/ready: pyproject.toml | .venv/ready
	$(call LAID_OVER,npu-intel) --no-deps
	touch $@

.venv/tools: pyproject.toml | .venv/bin/python
	.venv/bin/python $(PIP) --group test --group lint
	touch $@

.venv/bin/python: | check-tools
	$(PYTHON) -m venv .venv
	$@ $(PIP) --upgrade pip
	$@ $(PIP) --group build

.venv-tflite/bin/python: | check-tools
	$(PYTHON_TFLITE) -m venv .venv-tflite
	$@ $(PIP) --upgrade pip
	$@ $(PIP) --group build

.venv-train/bin/python: | check-tools
	$(PYTHON) -m venv .venv-train
	$@ $(PIP) --upgrade pip
	$@ $(PIP) --group build

.venv-bench/bin/python: | check-tools
	$(PYTHON) -m venv .venv-bench
	$@ $(PIP) --upgrade pip
	$@ $(PIP) --group build

.PHONY: check-tools
check-tools:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "missing: Python 3.10 or newer (tried '$(PYTHON)'; name another with make PYTHON=...)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "missing: Python's venv module: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig as s; sys.exit(not os.path.exists(s.get_path("include") + "/Python.h"))' || { \
		echo "missing: Python's headers: apt-get install python3-dev"; exit 1; }
	@for tool in cc c++; do command -v $$tool >/dev/null || { \
		echo "missing: $$tool, a C and C++17 compiler: apt-get install build-essential"; exit 1; }; done

clean:
	rm -rf .venv .venv-tflite .venv-train .venv-bench build out dist *.egg-info firmware_bridge/_*.c edgecore/_ring.c
	find edgecore firmware_bridge -name '*.so' -delete
