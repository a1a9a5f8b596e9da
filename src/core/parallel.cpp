// The threads of parallel regions; see the header.

#include "core/parallel.h"

#include <unistd.h>

namespace vecx {
namespace {

// All under `mutex`. There is one region at a time.
struct Crew {
    pthread_mutex_t mutex;
    pthread_cond_t begins, ends;
    pid_t process;  // whose threads they are: a fork has none of them
    int hired;      // threads that there are, beside the callers
    bool busy;
    bool open;  // more may still join
    unsigned long region;
    int wanted, joined, working;
    void (*run)(void *context, int thread) noexcept;
    void *context;
};
Crew crew = {PTHREAD_MUTEX_INITIALIZER,
             PTHREAD_COND_INITIALIZER,
             PTHREAD_COND_INITIALIZER,
             0,
             0,
             false,
             false,
             0,
             0,
             0,
             0,
             nullptr,
             nullptr};

void *Work(void *) {
    unsigned long done = 0;
    pthread_mutex_lock(&crew.mutex);
    for (;;) {
        while (!crew.open || crew.region == done || crew.joined == crew.wanted)
            pthread_cond_wait(&crew.begins, &crew.mutex);
        done = crew.region;
        const int thread = ++crew.joined;
        crew.working++;
        const auto run = crew.run;
        void *const context = crew.context;
        pthread_mutex_unlock(&crew.mutex);
        run(context, thread);
        pthread_mutex_lock(&crew.mutex);
        if (--crew.working == 0) pthread_cond_signal(&crew.ends);
    }
    return nullptr;
}

// As many as there are, if no more can be had.
void Hire(int threads) {
    while (crew.hired < threads) {
        pthread_attr_t attributes;
        if (pthread_attr_init(&attributes) != 0) return;
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        pthread_t thread;
        const bool made = pthread_create(&thread, &attributes, Work, nullptr) == 0;
        pthread_attr_destroy(&attributes);
        if (!made) return;
        crew.hired++;
    }
}

// False if another region is under way, of another thread or around this one.
bool Begin(int threads, void (*run)(void *, int) noexcept, void *context) {
    pthread_mutex_lock(&crew.mutex);
    if (crew.process != getpid()) {
        crew.process = getpid();
        crew.hired = 0;
        crew.busy = false;
        pthread_cond_init(&crew.begins, nullptr);
        pthread_cond_init(&crew.ends, nullptr);
    }
    const bool begins = !crew.busy;
    if (begins) {
        Hire(threads - 1);
        crew.busy = crew.open = true;
        crew.region++;
        crew.wanted = threads - 1;
        crew.joined = crew.working = 0;
        crew.run = run;
        crew.context = context;
        for (int i = 1; i < threads; i++) pthread_cond_signal(&crew.begins);
    }
    pthread_mutex_unlock(&crew.mutex);
    return begins;
}

void End() {
    pthread_mutex_lock(&crew.mutex);
    crew.open = false;
    while (crew.working > 0) pthread_cond_wait(&crew.ends, &crew.mutex);
    crew.busy = false;
    pthread_mutex_unlock(&crew.mutex);
}

}  // namespace

void RunTogether(int threads, void (*run)(void *context, int thread) noexcept, void *context) {
    const SignalBlock block;
    const bool together = Begin(threads, run, context);
    run(context, 0);
    if (together) End();
}

}  // namespace vecx
