# The two commands of a newcomer are `make demo` and `make test`; each installs what it needs (scripts/setup).

JOBS ?= $(shell nproc)
CACHE := $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/redis-rebalance
export JOBS

.PHONY: build demo demo-incident test test-full e2e bench lint format manifests image asan tsan mutants clean

build: ## the program: build/redis-rebalance
	@scripts/setup build
	@scripts/build build redis-rebalance

demo: ## a real cluster with real memory limits, rebalanced before your eyes
	@scripts/setup test
	@scripts/demo

demo-incident: ## the same cluster over-full: what redis-cli does to it, and what this program does
	@scripts/setup test
	@scripts/demo --incident

test: ## every kind of test in short form: 20 minutes or less on 2 cores
	@scripts/test short

test-full: ## the long seeds, soaks and matrices as well
	@scripts/test full

e2e: ## the image and the chart on a real Kubernetes node of its own, with real Redis pods and their limits; wants root
	@scripts/setup test
	@scripts/build build e2e_tests
	@ctest --test-dir build --label-regex '^e2e$$' --verbose --no-tests=error

bench: ## against redis-cli, and the planner's own benchmarks
	@scripts/setup test
	@scripts/bench

lint: ## formatting, clang-tidy, shell scripts, who includes what
	@scripts/setup lint
	@scripts/lint

format:
	@scripts/setup lint
	@git ls-files -z -co --exclude-standard '*.h' '*.cpp' | xargs -0 clang-format-19 -i

manifests: ## what is generated from crds/, the chart and the .lua files
	@scripts/kube-tools helm
	@scripts/manifests

image: ## the container image, from Debian's packages alone
	@scripts/image

asan tsan: ## the unit tests under sanitizers: AddressSanitizer with UBSan, ThreadSanitizer
	@scripts/setup test
	@scripts/sanitized $@

mutants: ## takes one guard after the other out of decide: for each a test has to fail (docs/decide.md)
	@scripts/setup test
	@scripts/mutants

clean:
	rm -rf build build-asan build-tsan build-fuzz build-mutants
