# The targets that test and show vecx. Included by the Makefile in place of PGXS when one of them is
# asked for, since they install PostgreSQL where there is none, and PGXS has a `check` of its own.

TEST_GOALS = demo demo-stop check check-long unit layers fuzz bench-kernels format-check
test_goals_asked := $(filter $(TEST_GOALS),$(MAKECMDGOALS))

ifneq ($(test_goals_asked),)
.PHONY: $(TEST_GOALS)

demo: ## install what is needed, build, load 60,000 images, index and search them; KEEP=1 leaves the server running, IMAGE=n chooses the query
	$(srcdir)/tools/demo

demo-stop: ## stop the server of the demo
	$(srcdir)/tools/private-server -d $(srcdir)/demo stop

check: ## install what is needed, run every test
	$(srcdir)/test/check

check-long: ## the same with 20 minutes of fuzzing for each target, 1,000 crashes, 5,000 damaged indexes, longer loads, the whole table of recall
	FUZZ_SECONDS=1200 COPY_MESSAGES=5000000 VECX_CRASH_CYCLES=1000 VECX_POWER_CYCLES=250 VECX_POINTS=50 VECX_CANCELS=2000 VECX_STANDBY_SECONDS=300 VECX_CONCURRENT_SECONDS=120 \
		VECX_LOAD_SECONDS=600 VECX_FLIPS=5000 VECX_MEMORY_ROWS=100000 VECX_RECALL_TABLE=1 $(srcdir)/test/check

unit layers: ## one suite of `make check`
	$(srcdir)/test/check $@

format-check: ## is the code as clang-format would write it
	$(srcdir)/test/check format

fuzz: ## libFuzzer on the parsers and decoders, 60 seconds each, or FUZZ_SECONDS=n
	$(srcdir)/test/check fuzz copy-binary

bench-kernels: ## time the distance kernels; BENCH_FLAGS=--benchmark_filter=... picks some
	cd $(srcdir) && tools/install-deps check && $(MAKE) -f test/unit.mk build/unit/plain/kernels_bench && \
		build/unit/plain/kernels_bench $(BENCH_FLAGS)

# Goals of PGXS asked for in the same breath.
ifneq ($(filter-out $(TEST_GOALS),$(MAKECMDGOALS)),)
$(filter-out $(TEST_GOALS),$(MAKECMDGOALS)):
	$(MAKE) -f $(firstword $(MAKEFILE_LIST)) $@
endif
endif
