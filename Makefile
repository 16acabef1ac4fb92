# The front door: make help says what there is. Everything made goes to BUILD; what is missing is installed from
# Debian's packages.

BUILD ?= build
PREFIX ?= /usr/local
RELEASE = $(BUILD)/release

.PHONY: all help demo check test bench bench-serving fuzz dist wheels test-wheels install uninstall clean

# The library, the command and the examples.
all:
	@scripts/configure $(BUILD)
	@ninja -C $(RELEASE) --quiet >$(BUILD)/make.log || { cat $(BUILD)/make.log; exit 1; }

# What can be made, as the comments here say.
help:
	@awk '/^# /{text = substr($$0, 3)} /^$$/{text = ""} /^[a-z-]+:/{if (text) \
		printf "make %-14s %s\n", substr($$1, 1, length($$1) - 1), text; text = ""}' Makefile

# The main job on real input: which packages should this Debian package depend on?
demo: all
	@$(RELEASE)/examples/recommend examples/debian $(BUILD)

# What is worth waiting for at every change: rooms, format, the tests of seconds. Two minutes once all is built.
check:
	@scripts/test $(BUILD) short

# Every test there is, in every build that matters; about 40 minutes on two cores.
test:
	@scripts/test $(BUILD)

# vrec against faiss-cpu and annoy, in turn, on the same data; minutes.
BENCH ?= all
bench: all
	@scripts/need g++ python3-dev
	@command -v npm >/dev/null || scripts/need npm
	@scripts/venv $(BUILD)/bench-venv bench/requirements.txt
	@$(BUILD)/bench-venv/$(INSTALL_PACKAGE)
	@VREC_BIN=$(RELEASE)/cli/vrec $(BUILD)/bench-venv/bin/python bench/run.py $(BENCH)

# vrec.serving against torch_rechub.serving, in turn, on the same tensors; minutes.
bench-serving:
	@scripts/need gcc g++ libc6-dev python3-dev python3-torch python3-sklearn python3-pandas
	@command -v npm >/dev/null || scripts/need npm
	@scripts/venv $(BUILD)/serving-venv bench/requirements-serving.txt --system-site-packages
	@$(BUILD)/serving-venv/$(INSTALL_PACKAGE)
	@$(BUILD)/serving-venv/bin/python bench/serving.py

# As it stands in this tree.
INSTALL_PACKAGE = bin/pip install --quiet --force-reinstall --no-deps --no-cache-dir --disable-pip-version-check .

# Every fuzz target for FUZZ_SECONDS each.
FUZZ_SECONDS ?= 600
fuzz:
	@scripts/fuzz $(BUILD) $(FUZZ_SECONDS)

# A tarball of what is committed, with its checksum.
dist:
	@scripts/dist $(BUILD)

# Wheels for PyPI: Linux with glibc, x86-64 and aarch64.
wheels:
	@scripts/wheels $(BUILD)

# What is given to others, where it claims to run: wheels, Debian packages. Many minutes, hundreds of megabytes.
test-wheels:
	@scripts/test $(BUILD) packages

# PREFIX must be an absolute path; DESTDIR is put before it.
install: all
	@meson configure $(RELEASE) -Dprefix=$(PREFIX) && ninja -C $(RELEASE) >/dev/null
	@meson install -C $(RELEASE) --quiet --no-rebuild
	@[ -n "$(DESTDIR)" ] || ! command -v ldconfig >/dev/null || ldconfig 2>/dev/null || true
	@echo "installed to $(DESTDIR)$(PREFIX)"

# Removes what the last install from this tree put there, and nothing else.
uninstall:
	@[ -f $(RELEASE)/build.ninja ] || { echo "nothing was built here, so nothing was installed from here" >&2; exit 1; }
	@ninja -C $(RELEASE) --quiet uninstall >$(BUILD)/uninstall.log || { cat $(BUILD)/uninstall.log; exit 1; }
	@grep '^Deleted:' $(BUILD)/uninstall.log

# All that was made.
clean:
	rm -rf $(BUILD)
