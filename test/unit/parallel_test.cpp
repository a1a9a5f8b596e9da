// Parallel regions: every number once, threads that no signal reaches, and the caller's mask as it
// was. Bodies that may throw do not compile: static_assert in ParallelFor.

#include "core/parallel.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <type_traits>
#include <vector>

namespace vecx {
namespace {

sigset_t CurrentMask() {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return mask;
}

// What PostgreSQL handles by handlers that only its own thread may run.
constexpr int kHandled[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGALRM,
                            SIGUSR1, SIGUSR2, SIGCHLD, SIGPIPE, SIGURG};
constexpr int kFaults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

void ExpectSameMask(const sigset_t &a, const sigset_t &b) {
    for (int signal = 1; signal < 32; signal++)
        EXPECT_EQ(sigismember(&a, signal), sigismember(&b, signal)) << signal;
}

TEST(ParallelTest, EveryNumberOnce) {
    for (int threads : {0, 1, 2, 3, 8})
        for (ptrdiff_t n : {0, 1, 2, 3, 7, 100, 10000}) {
            std::vector<std::atomic<int>> times(n);
            std::atomic<int> bad_threads = 0;
            ParallelFor(n, threads, [&](ptrdiff_t i, int thread) noexcept {
                times[i]++;
                if (thread < 0 || thread >= std::max(threads, 1)) bad_threads++;
            });
            EXPECT_EQ(bad_threads, 0) << threads << " threads";
            for (ptrdiff_t i = 0; i < n; i++)
                ASSERT_EQ(times[i], 1) << i << " of " << n << ", " << threads << " threads";
        }
}

TEST(ParallelTest, OneOrNothingStaysOnTheCaller) {
    const auto caller = std::this_thread::get_id();
    int calls = 0;
    const auto body = [&](ptrdiff_t, int thread) noexcept {
        calls++;
        EXPECT_EQ(thread, 0);
        EXPECT_EQ(std::this_thread::get_id(), caller);
    };
    ParallelFor(0, 4, body);
    ParallelFor(-1, 4, body);
    EXPECT_EQ(calls, 0);
    ParallelFor(1, 4, body);
    EXPECT_EQ(calls, 1);
    ParallelFor(5, 1, body);
    EXPECT_EQ(calls, 6);
}

// What the builder keeps per thread must not be shared.
TEST(ParallelTest, ThreadsKeepTheirNumber) {
    constexpr int kThreads = 3;
    std::atomic<int> inside[kThreads] = {};
    std::atomic<int> collisions = 0;
    ParallelFor(1000, kThreads, [&](ptrdiff_t, int thread) noexcept {
        if (inside[thread].fetch_add(1) != 0) collisions++;
        inside[thread].fetch_sub(1);
    });
    EXPECT_EQ(collisions, 0);
}

// Waits until all threads are in the region, so that each of them does a part.
TEST(ParallelTest, SignalsAreBlockedOnAllThreads) {
    constexpr int kThreads = 3;
    for (int repeat = 0; repeat < 3; repeat++) {  // later regions use the threads of the first
        sigset_t masks[kThreads];
        std::atomic<int> arrived = 0;
        ParallelFor(kThreads, kThreads, [&](ptrdiff_t, int thread) noexcept {
            masks[thread] = CurrentMask();
            arrived++;
            while (arrived < kThreads) std::this_thread::yield();
        });
        for (const sigset_t &mask : masks) {
            for (int signal : kHandled) EXPECT_EQ(sigismember(&mask, signal), 1) << signal;
            for (int signal : kFaults) EXPECT_EQ(sigismember(&mask, signal), 0) << signal;
        }
    }
}

TEST(ParallelTest, MaskOfTheCallerIsRestored) {
    const sigset_t before = CurrentMask();
    ParallelFor(10, 2, [](ptrdiff_t, int) noexcept {});
    ExpectSameMask(CurrentMask(), before);

    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigaddset(&blocked, SIGTRAP);
    pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
    ParallelFor(10, 2, [](ptrdiff_t, int) noexcept {});
    ExpectSameMask(CurrentMask(), blocked);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

pthread_t handled_by;
volatile sig_atomic_t handled = 0;

// A signal to the process in the middle of a region is handled after it, by the caller.
TEST(ParallelTest, SignalsWaitForTheCaller) {
    struct sigaction action = {}, old;
    action.sa_handler = [](int) {
        handled_by = pthread_self();
        handled = handled + 1;
    };
    ASSERT_EQ(sigaction(SIGUSR1, &action, &old), 0);
    for (int repeat = 1; repeat <= 5; repeat++) {
        std::atomic<int> early = 0;
        std::atomic<int> arrived = 0;
        ParallelFor(2, 2, [&](ptrdiff_t i, int) noexcept {
            arrived++;
            while (arrived < 2) std::this_thread::yield();
            if (i == 0) kill(getpid(), SIGUSR1);
            std::this_thread::sleep_for(std::chrono::milliseconds(5));
            if (handled != repeat - 1) early++;
        });
        EXPECT_EQ(early, 0);
        EXPECT_EQ(handled, repeat);
        EXPECT_TRUE(pthread_equal(handled_by, pthread_self()));
    }
    sigaction(SIGUSR1, &old, nullptr);
}

// One within another, or beside another, runs on its caller alone.
TEST(ParallelTest, OneRegionAtATime) {
    std::atomic<int> times = 0;
    ParallelFor(8, 3, [&](ptrdiff_t, int) noexcept {
        ParallelFor(10, 3, [&](ptrdiff_t, int) noexcept { times++; });
    });
    EXPECT_EQ(times, 80);
    std::thread other([&] {
        for (int i = 0; i < 200; i++) ParallelFor(10, 3, [&](ptrdiff_t, int) noexcept { times++; });
    });
    for (int i = 0; i < 200; i++) ParallelFor(10, 3, [&](ptrdiff_t, int) noexcept { times++; });
    other.join();
    EXPECT_EQ(times, 4080);
}

// The threads of the parent are not those of its child.
TEST(ParallelTest, AfterFork) {
    ParallelFor(10, 3, [](ptrdiff_t, int) noexcept {});
    const pid_t child = fork();
    if (child == 0) {
        std::atomic<int> arrived = 0;
        ParallelFor(3, 3, [&](ptrdiff_t, int) noexcept {
            arrived++;
            while (arrived < 3) std::this_thread::yield();
        });
        _exit(arrived == 3 ? 0 : 1);
    }
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST(ParallelTest, BlockNests) {
    const sigset_t before = CurrentMask();
    {
        const SignalBlock outer;
        {
            const SignalBlock inner;
            const sigset_t mask = CurrentMask();
            EXPECT_EQ(sigismember(&mask, SIGINT), 1);
        }
        const sigset_t mask = CurrentMask();
        EXPECT_EQ(sigismember(&mask, SIGINT), 1);
        EXPECT_EQ(sigismember(&mask, SIGSEGV), 0);
    }
    ExpectSameMask(CurrentMask(), before);
}

static_assert(!std::is_copy_constructible_v<SignalBlock> &&
              !std::is_copy_assignable_v<SignalBlock>);

}  // namespace
}  // namespace vecx
