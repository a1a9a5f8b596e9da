// Threads: the only place that starts them.
//
// A region runs `body(i)` for all i on up to `threads` threads, the caller among them, and returns
// when all are done. Bodies never call PostgreSQL, never throw and never jump. While threads can be
// created, signals are blocked in the caller: the new threads inherit that, so PostgreSQL's
// handlers run on its own thread only. Regions are to be short (some 50 ms); the caller looks for
// interrupts in between.

#pragma once

#include <omp.h>
#include <pthread.h>
#include <signal.h>

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

// body(i, thread): thread counts from 0.
template <class Body>
void ParallelFor(ptrdiff_t n, int threads, Body body) {
    static_assert(noexcept(body(ptrdiff_t{}, 0)));
    if (threads <= 1 || n <= 1) {
        for (ptrdiff_t i = 0; i < n; i++) body(i, 0);
        return;
    }
    const SignalBlock block;
#pragma omp parallel num_threads(threads)
    {
        const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic, 1)
        for (ptrdiff_t i = 0; i < n; i++) body(i, thread);
    }
}

}  // namespace vecx
