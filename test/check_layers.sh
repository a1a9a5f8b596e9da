#!/usr/bin/env bash
# Checks what the compiler does not: who includes whom, no owning types where an ereport may jump over
# them, one way to PostgreSQL's headers, one version number, nothing but our names exported. One line
# a rule. Called by test/check: test/check_layers.sh [FILE.so...]; --self-test plants one violation of
# each rule in a copy and wants it found.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=../tools/common.sh
. "$(dirname "$0")/../tools/common.sh"

tree=${VECX_LAYERS_TREE:-$vecx_top}

# The table of docs/architecture.md: a folder, and the folders that it may include.
allowed='
core: core
gpu: core gpu
pg: core pg
store: core pg store
types: core pg types
am: core gpu pg store types am
planner: core pg am planner
'
folders='core|gpu|pg|store|types|am|planner'

# PostgreSQL's version may be asked for in these only.
version_owners='src/(pg/|am/am\.cpp|am/cost\.cpp|am/[a-z]+/scan\.cpp|store/(page|stream|bulk)\.cpp|planner/explain\.cpp|vecx\.cpp)'

code() { find src gpu -type f \( -name '*.cpp' -o -name '*.h' -o -name '*.cu' \) 2>/dev/null | sort; }

# Each rule prints its violations, file and line first.
rule_includes_follow_the_layers() {
    code | xargs grep -nE "^ *# *include *\"($folders)/" | sed 's|^src/||' |
        awk -F'[/:"]' -v table="$allowed" '
            BEGIN { n = split(table, rows, "\n"); for (i = 1; i <= n; i++) if (split(rows[i], r, ":") == 2) ok[r[1]] = r[2] " " }
            $1 in ok { split($0, part, "\""); to = part[2]; sub("/.*", "", to)
                       if (!index(ok[$1], " " to " ")) print }'
    # The two index families know nothing of each other.
    code | xargs grep -nE '^ *# *include *"am/(ivf|hnsw)/' |
        awk -F: '{ split($1, own, "/"); split($0, part, "\""); split(part[2], to, "/")
                   if (own[2] == "am" && own[3] ~ /^(ivf|hnsw)$/ && own[3] != to[2]) print }'
}

rule_includes_start_at_src_and_postgresql_comes_through_pg_pg_h() {
    code | grep -vxE 'src/pg/(pg|compat)\.h' | xargs grep -nE '^ *# *include *"' |
        grep -vE "include *\"($folders)/"
    code | grep -vx 'src/pg/pg.h' |
        xargs grep -nE '^ *# *include *<(postgres|fmgr|access|catalog|commands|executor|lib|libpq|nodes|optimizer|parser|storage|utils|server|postgresql)[./]'
}

rule_core_does_not_know_postgresql() {
    code | grep '^src/core/' |
        xargs grep -nE '\b(ereport|elog|palloc|pfree|Datum|MemoryContext|CHECK_FOR_INTERRUPTS)\b' |
        grep -vE ':[0-9]+: *(//|\*)'
}

rule_no_owner_where_an_error_may_jump() {
    code | grep -E '^src/(store|types|am|planner)/' |
        xargs grep -nE '\bstd::(basic_string|string|vector|deque|list|map|set|unordered_[a-z]+|unique_ptr|shared_ptr|function|lock_guard|unique_lock|scoped_lock|thread|jthread|any|ostringstream|stringstream)\b|\bstd::pmr::[a-z_]+<' |
        grep -vE ':[0-9]+: *//'
}

rule_no_pg_try() {
    code | xargs grep -nE '\bPG_(TRY|CATCH|FINALLY)\b' | grep -vE ':[0-9]+: *//'
}

rule_exceptions_are_caught_in_core_and_the_guard_only() {
    code | grep -vE '^(src/core/|src/pg/guard\.(h|cpp)|gpu/)' | xargs grep -nE '\bcatch *\('
}

rule_postgresql_version_is_asked_in_few_files() {
    code | grep -vE "^$version_owners" | xargs grep -nE '\bPG_VERSION_NUM\b|\bPG_MAJORVERSION'
}

rule_threads_live_in_core_parallel_h() {
    code | grep -vE '^(src/core/parallel\.(h|cpp)|gpu/)' |
        xargs grep -nE '# *pragma +omp|\bomp_[a-z_]+\(|\bpthread_create\b|\bstd::(jthread|thread)\b'
}

rule_no_flag_that_ties_the_binary_to_this_cpu() {
    find . \( -name Makefile -o -name '*.mk' -o -path './tools/*' -o -path './test/unit/*' \) -type f \
        ! -path './build/*' ! -path './demo/*' -print0 |
        xargs -0r grep -nE -- '-march=|-mcpu=|-mtune=native|-ffast-math|-Ofast|-mavx|-mfma' |
        grep -vE ':[0-9]+: *(#|//)'
}

rule_one_version_number() {
    local version
    version=$(sed -nE 's/^(VECX_)?VERSION *:?= *([0-9.]+)$/\2/p' Makefile)
    [ -n "$version" ] || echo "Makefile: no VERSION = x.y.z"
    grep -qx "default_version = '$version'" vecx.control || echo "vecx.control: default_version is not $version"
    [ -f "sql/vecx--$version.sql" ] || echo "sql/vecx--$version.sql: no such file"
    [ "$(sed -nE 's/^## ([0-9.]+) .*/\1/p' CHANGELOG.md 2>/dev/null | head -n 1)" = "$version" ] ||
        echo "CHANGELOG.md: the newest entry is not $version"
    [ "$(grep -oE '"version": *"[0-9.]+"' META.json 2>/dev/null | grep -v '"1\.0\.0"' | sort -u)" = "\"version\": \"$version\"" ] ||
        echo "META.json: version is not $version everywhere"
}

rule_tests_do_not_bear_the_name_of_a_script() {
    local script
    for script in sql/*.sql; do
        [ ! -e "test/$script" ] || echo "test/$script: pg_regress would read $script instead"
    done
}

rule_every_test_has_its_answer() {
    local test name
    for test in test/sql/*.sql; do
        name=$(basename "$test" .sql)
        [ ! -e "$test" ] || [ -e "expected/$name.out" ] || echo "expected/$name.out: missing"
    done
    for test in expected/*.out; do
        name=$(basename "$test" .out)
        [ ! -e "$test" ] || [ -e "test/sql/${name%_[0-9]}.sql" ] || [ -e "test/sql/$name.sql" ] ||
            echo "$test: answers no test"
    done
}

rule_only_our_names_are_exported() {
    local object
    for object in "${objects[@]}"; do
        nm -D --defined-only "$object" | awk '{ print $NF }' | sed 's/@.*//' |
            grep -vE '^(Pg_magic_func|_PG_init|pg_finfo_vecx_[a-z0-9_]+|vecx_[a-z0-9_]+)$' |
            sed "s|^|$object: |"
    done
}

run_rules() {
    local rule found passed=0 failed=0
    for rule in $(declare -F | sed -nE 's/^declare -f (rule_)/\1/p'); do
        found=$("$rule") || true  # grep that finds nothing says 1
        if [ -z "$found" ]; then
            passed=$((passed + 1))
            echo "ok $rule"
        else
            failed=$((failed + 1))
            printf 'not ok %s\n%s\n' "$rule" "$found"
        fi
    done
    echo "layers: $passed passed, $failed failed"
    [ "$failed" = 0 ]
}

# A small tree that keeps every rule, then one change a rule that breaks it.
plant() {
    mkdir -p src/core src/pg src/types src/am/ivf src/am/hnsw sql test/sql expected
    echo '#include "core/a.h"' >src/core/a.cpp
    printf '#include "postgres.h"\n' >src/pg/pg.h
    echo '#include "pg/pg.h"' >src/types/a.cpp
    echo '#include "am/hnsw/a.h"' >src/am/hnsw/a.cpp
    echo 'VERSION = 0.1.0' >Makefile
    echo "default_version = '0.1.0'" >vecx.control
    echo '## 0.1.0 (unreleased)' >CHANGELOG.md
    echo '"version": "0.1.0"' >META.json
    touch sql/vecx--0.1.0.sql test/sql/a.sql expected/a.out
}

self_test() {
    local here failed=0 passed=0 line
    here=$(mktemp -d)
    # shellcheck disable=SC2064
    trap "rm -rf '$here'" EXIT
    try() {
        local name=$1 change=$2 out status=0
        rm -rf "${here:?}/t"
        mkdir "$here/t"
        (cd "$here/t" && plant && eval "$change")
        out=$(VECX_LAYERS_TREE=$here/t "$0" ${3:+"$here/t/$3"}) || status=$?
        line=$(grep '^not ok' <<<"$out") || line=
        if [ "$line" = "${name:+not ok rule_$name}" ] && { [ -z "$name" ] || [ "$status" != 0 ]; }; then
            passed=$((passed + 1))
            echo "ok finds ${name:-nothing wrong in a tree that keeps the rules}"
        else
            failed=$((failed + 1))
            printf 'not ok planted: %s (%s)\n%s\n' "$name" "$change" "$out"
        fi
    }
    try '' true
    try includes_follow_the_layers "echo '#include \"pg/pg.h\"' >>src/core/a.cpp"
    try includes_follow_the_layers "echo '#include \"store/page.h\"' >>src/types/a.cpp"
    try includes_follow_the_layers "echo '#include \"am/ivf/a.h\"' >>src/am/hnsw/a.cpp"
    try includes_start_at_src_and_postgresql_comes_through_pg_pg_h "echo '#include \"utils/array.h\"' >>src/types/a.cpp"
    try includes_start_at_src_and_postgresql_comes_through_pg_pg_h "echo '#include <utils/array.h>' >>src/types/a.cpp"
    try core_does_not_know_postgresql "echo 'void *p = palloc(1);' >>src/core/a.cpp"
    try no_owner_where_an_error_may_jump "echo 'std::vector<int> v;' >>src/types/a.cpp"
    try no_pg_try "echo 'PG_TRY();' >>src/types/a.cpp"
    try exceptions_are_caught_in_core_and_the_guard_only "echo 'catch (...)' >>src/types/a.cpp"
    try postgresql_version_is_asked_in_few_files "echo '#if PG_VERSION_NUM > 1' >>src/types/a.cpp"
    try threads_live_in_core_parallel_h "echo 'pthread_create(&t, 0, f, 0);' >>src/core/a.cpp"
    try no_flag_that_ties_the_binary_to_this_cpu "echo 'CXXFLAGS = -march=native' >>Makefile"
    try one_version_number "echo \"default_version = '0.2.0'\" >vecx.control"
    try one_version_number "echo '## 0.0.9 (unreleased)' >CHANGELOG.md"
    try tests_do_not_bear_the_name_of_a_script "touch sql/a.sql"
    try every_test_has_its_answer "rm expected/a.out"
    if command -v cc >/dev/null; then
        try only_our_names_are_exported \
            "echo 'int stray; int vecx_a; int _PG_init;' | cc -shared -fPIC -x c -o bad.so -" bad.so
        try '' "echo 'int vecx_a; int _PG_init; int pg_finfo_vecx_a;' | cc -shared -fPIC -x c -o good.so -" good.so
    fi
    echo "layers self-test: $passed passed, $failed failed"
    [ "$failed" = 0 ]
}

if [ "${1:-}" = --self-test ]; then
    self_test
else
    objects=("$@")
    cd "$tree"
    run_rules
fi
