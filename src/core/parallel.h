// Threads: the only place that starts them.
//
// A region runs `body(i)` for all i on up to `threads` threads, the caller among them, and returns
// when all are done. Bodies never call PostgreSQL, never throw and never jump. While threads can be
// created, signals are blocked in the caller: the new threads inherit that, so PostgreSQL's
// handlers run on its own thread only. Regions are to be short (some 50 ms); the caller looks for
// interrupts in between.
//
// Threads are kept for the next region. Who waits sleeps: where others want the CPU, too, waiting
// by spinning, as OpenMP's libraries do, takes it from those who are waited for.

#pragma once

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstddef>
#include <initializer_list>

namespace vecx {

// Blocks what PostgreSQL handles by signal handlers; faults stay deadly.
class SignalBlock {
  public:
    SignalBlock() {
        sigset_t blocked;
        sigfillset(&blocked);
        for (int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP})
            sigdelset(&blocked, fault);
        pthread_sigmask(SIG_BLOCK, &blocked, &before_);
    }
    ~SignalBlock() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalBlock(const SignalBlock &) = delete;
    SignalBlock &operator=(const SignalBlock &) = delete;

  private:
    sigset_t before_;
};

// Calls run(context, thread) on the caller, as thread 0, and meanwhile on up to `threads` - 1
// others. It may be fewer: those that come too late to help are not waited for.
void RunTogether(int threads, void (*run)(void *context, int thread) noexcept, void *context);

// body(i, thread): thread counts from 0.
template <class Body>
void ParallelFor(ptrdiff_t n, int threads, Body body) {
    static_assert(noexcept(body(ptrdiff_t{}, 0)));
    if (threads <= 1 || n <= 1) {
        for (ptrdiff_t i = 0; i < n; i++) body(i, 0);
        return;
    }
    struct Region {
        Body *body;
        ptrdiff_t n;
        std::atomic<ptrdiff_t> next;
    } region = {&body, n, 0};
    RunTogether(
        threads,
        [](void *context, int thread) noexcept {
            auto *of = static_cast<Region *>(context);
            for (ptrdiff_t i; (i = of->next.fetch_add(1, std::memory_order_relaxed)) < of->n;)
                (*of->body)(i, thread);
        },
        &region);
}

}  // namespace vecx
