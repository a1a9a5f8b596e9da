# What `make installcheck` runs: every test/sql/*.sql, answers in expected/; isolation specs, if any.
# Included by the Makefile before PGXS; test/regress runs it on a private server.

REGRESS = $(sort $(patsubst $(srcdir)/test/sql/%.sql,%,$(wildcard $(srcdir)/test/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(srcdir)/test --load-extension=$(EXTENSION)

# From PostgreSQL 16 on, answers to isolation specs are not looked for beside the specs.
# The specs pause_* want a build with pause points, which is told by VECX_PAUSE_POINTS=1.
ISOLATION_SPECS := $(wildcard $(srcdir)/test/isolation/specs/*.spec)
ifeq ($(VECX_PAUSE_POINTS),)
ISOLATION_SPECS := $(filter-out $(wildcard $(srcdir)/test/isolation/specs/pause_*.spec),$(ISOLATION_SPECS))
endif
ifneq ($(ISOLATION_SPECS),)
ISOLATION := $(sort $(basename $(notdir $(ISOLATION_SPECS))))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation --load-extension=$(EXTENSION) \
	$(if $(filter 15,$(MAJORVERSION)),,--expecteddir=$(srcdir)/test/isolation)
endif

# pg_regress looks for answers in ./expected, which a VPATH build does not have. (A rule for `expected`
# itself would never run: make finds that of the source.)
ifneq ($(srcdir),.)
REGRESS_PREP = link-answers
.PHONY: link-answers
link-answers:
	[ -e expected ] || ln -s '$(abspath $(srcdir))/expected' expected
EXTRA_CLEAN += expected
endif
