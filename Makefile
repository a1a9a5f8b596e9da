# vecx: a PGXS module in C++20. `make help` lists the targets.

EXTENSION = vecx
VECX_VERSION = 0.1.0
MODULE_big = vecx

# Also builds in a folder of its own: make -f ../vecx/Makefile
srcdir := $(patsubst %/,%,$(dir $(firstword $(MAKEFILE_LIST))))

.DEFAULT_GOAL := all

include $(srcdir)/test/test.mk

# These need no PostgreSQL; the targets of test.mk install it.
ifeq ($(test_goals_asked)$(filter help,$(MAKECMDGOALS)),)

# Names without srcdir, which PGXS sets anew: make finds the sources through VPATH.
SOURCES := $(sort $(wildcard $(addprefix $(srcdir)/src/,*.cpp */*.cpp */*/*.cpp)))
OBJS := $(patsubst $(srcdir)/%.cpp,%.o,$(SOURCES))
DATA = sql/vecx--$(VECX_VERSION).sql

include $(srcdir)/test/regress.mk

# Bitcode for JIT inlining gains nothing, since kernels are called through pointers, and PGXS would
# compile every file a second time, without the flags below.
override with_llvm = no

# Clang vectorizes unasked. Where PostgreSQL was built by GCC, its headers and flags name what only
# GCC knows.
is_clang = $(findstring clang,$(shell $(CXX) --version))

# OPTFLAGS is for users with wishes of their own. Never -march: one binary serves every CPU, the
# kernels choose at run time.
OPTFLAGS = -O2 -ftree-vectorize $(if $(is_clang),,-fvect-cost-model=dynamic)
WARNINGS = -Wall -Wextra -Wno-register -Wno-volatile -Wno-sign-compare -Wno-unused-parameter \
	$(if $(is_clang),-Wno-unknown-warning-option -Wno-deprecated-volatile -Wno-ignored-attributes)
CORE_CXXFLAGS = -std=c++20 $(OPTFLAGS) -fno-math-errno -pthread -fPIC -fvisibility=hidden -MMD -MP \
	$(WARNINGS) -I$(srcdir)/src
PG_CXXFLAGS = $(CORE_CXXFLAGS) '-DPGDLLEXPORT=__attribute__((visibility("default")))' \
	-DVECX_VERSION='"$(VECX_VERSION)"'
EXTRA_CLEAN += $(OBJS:.o=.d) build

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(PGXS),)
$(error no PostgreSQL to build against: $(PG_CONFIG) does not run. Install the server headers, for instance by tools/install-deps, or say PG_CONFIG=/path/to/pg_config)
endif
include $(PGXS)

# Linked as C++; exports what vecx.map lists and nothing of libstdc++.
override COMPILER = $(CXX) $(CXXFLAGS)
SHLIB_LINK += -pthread -Wl,--version-script=$(srcdir)/vecx.map
$(shlib): $(srcdir)/vecx.map

# The core is compiled without a PostgreSQL include path, so that the compiler guards the layer.
CORE_OBJS = $(filter src/core/%,$(OBJS))
$(CORE_OBJS): %.o: %.cpp
	$(CXX) $(CORE_CXXFLAGS) -g $(COPT) -c -o $@ $<

# A VPATH build starts in an empty folder.
$(shell mkdir -p $(sort $(dir $(OBJS))))

-include $(OBJS:.o=.d)

endif

ALIAS_DIR = $(DESTDIR)$(datadir)/extension

install-vector-alias: ## install the extension "vector" as an alias of vecx, for pgvector clients
	@if [ -e '$(ALIAS_DIR)/vector.control' ] && ! grep -q "requires = 'vecx'" '$(ALIAS_DIR)/vector.control'; then \
		echo "$(ALIAS_DIR)/vector.control is there and not from vecx: pgvector stays as it is" >&2; exit 1; fi
	$(MKDIR_P) '$(ALIAS_DIR)'
	$(INSTALL_DATA) $(srcdir)/sql/alias/vector.control $(srcdir)/sql/alias/vector--0.8.6.sql '$(ALIAS_DIR)/'

help: ## list the targets
	@printf '  %-28s %s\n' 'make' 'build; PG_CONFIG=... chooses the PostgreSQL' \
		'sudo make install' 'install into that PostgreSQL' \
		'make installcheck' 'test the installed vecx on a running server, as a superuser' \
		'make clean' 'remove what was built'
	@sed -nE 's/^([a-z-]+( [a-z-]+)*):.*## (.*)/\1\t\3/p' $(srcdir)/Makefile $(srcdir)/test/test.mk | \
		awk -F'\t' '{ printf "  make %-23s %s\n", $$1, $$2 }'

.PHONY: install-vector-alias help
