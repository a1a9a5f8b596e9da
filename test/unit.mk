# Unit tests of src/core, without PostgreSQL on the include path: `make -f test/unit.mk FLAVOUR=...`
# plain: warnings as errors; asan: address and undefined-behaviour sanitizers; neon: for 64-bit ARM by a
# cross compiler. Each test/unit/NAME_test.cpp becomes a program build/unit/FLAVOUR/NAME_test. Called by
# test/check.

FLAVOUR ?= plain
out := build/unit/$(FLAVOUR)
core := $(sort $(wildcard src/core/*.cpp))
tests := $(sort $(wildcard test/unit/*_test.cpp))
core_objects := $(patsubst %.cpp,$(out)/%.o,$(core))
programs := $(patsubst test/unit/%.cpp,$(out)/%,$(tests))

CXX = g++
FLAGS = -std=c++20 -O2 -g -fno-math-errno -pthread -fvisibility=hidden -Wall -Wextra -Wno-sign-compare \
	-Wno-unused-parameter -Werror -MMD -MP -Isrc
ifeq ($(FLAVOUR),asan)
FLAGS += -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
LIBS = -lgtest_main -lgtest -lpthread

ifeq ($(FLAVOUR),neon)
# Debian has GoogleTest's sources, not its libraries, for another architecture.
CXX = aarch64-linux-gnu-g++
GTEST = /usr/src/googletest/googletest
core_objects += $(out)/gtest-all.o $(out)/gtest_main.o
FLAGS += -isystem $(GTEST)/include
LIBS = -static -lpthread
endif

.SECONDARY:
all: $(programs)

$(out)/%_test: $(out)/test/unit/%_test.o $(core_objects)
	$(CXX) $(FLAGS) -o $@ $^ $(LIBS)

$(out)/kernels_bench: $(out)/test/bench/kernels_bench.o $(core_objects)
	$(CXX) $(FLAGS) -o $@ $^ -lbenchmark -lpthread

$(out)/%.o: %.cpp test/unit.mk
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -c -o $@ $<

$(out)/gtest%.o: $(GTEST)/src/gtest%.cc
	@mkdir -p $(@D)
	$(CXX) $(FLAGS) -w -I$(GTEST) -c -o $@ $<

-include $(core_objects:.o=.d) $(patsubst %.cpp,$(out)/%.d,$(tests))
