// A library to preload into a server, which notes what a loss of power may undo: every write to a
// regular file below $UNSYNCED_ROOT, with what stood there before, and every sync of a file, in the
// order in which they come, in the file $UNSYNCED_JOURNAL. lose_power.py reads it and undoes some
// of the writes that no sync followed, as a disk does that reorders and drops what it was not made
// to keep (as SQLite tests its own crashes: sqlite.org/testing.html).
//
// A write is noted before it is made, a sync after it has returned, with the length of the journal
// at its begin: so a write counts as synced only if it was noted before the sync began.
//
// An entry: u32 size of what follows it, u32 kind, u64 device, u64 inode, u64 offset, u64 before
// (length of the file; of a sync, of the journal), u64 bytes; then what stood at `offset`, as much
// of `bytes` as the file had.

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

enum Kind : uint32_t { kWrite = 1, kSync = 2, kGone = 3 };

struct Entry {
    uint32_t size, kind;
    uint64_t device, inode, offset, before, bytes;
};

template <class Function>
Function *Next(const char *name) {
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

// Opened by each process for itself, on its first entry.
int journal = -1;
pid_t journal_of = 0;

int Journal() {
    const pid_t pid = getpid();
    if (journal_of == pid) return journal;
    journal_of = pid;
    const char *path = getenv("UNSYNCED_JOURNAL");
    journal = path == nullptr
                  ? -1
                  : static_cast<int>(syscall(SYS_openat, AT_FDCWD, path,
                                             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    return journal;
}

void Append(const Entry &entry, const void *old, size_t old_bytes) {
    Entry sized = entry;
    sized.size = static_cast<uint32_t>(sizeof(Entry) - sizeof(uint32_t) + old_bytes);
    const iovec parts[] = {{&sized, sizeof(sized)}, {const_cast<void *>(old), old_bytes}};
    // One system call: entries of several processes do not mix.
    if (syscall(SYS_writev, Journal(), parts, old_bytes > 0 ? 2 : 1) < 0) abort();
}

bool IsNoted(int file, struct stat *status) {
    static const char *root = getenv("UNSYNCED_ROOT");
    if (root == nullptr || Journal() < 0 || file == journal) return false;
    if (fstat(file, status) != 0 || !S_ISREG(status->st_mode)) return false;
    char link[64], path[4096];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    const ssize_t length = readlink(link, path, sizeof(path) - 1);
    return length > 0 && strncmp(path, root, strlen(root)) == 0;
}

Entry EntryOf(Kind kind, const struct stat &status) {
    return {0, kind, status.st_dev, status.st_ino, 0, static_cast<uint64_t>(status.st_size), 0};
}

void NoteWrite(int file, off_t offset, size_t bytes) {
    const int error = errno;
    struct stat status;
    if (bytes > 0 && IsNoted(file, &status)) {
        if (offset < 0) offset = lseek(file, 0, SEEK_CUR);
        Entry entry = EntryOf(kWrite, status);
        entry.offset = static_cast<uint64_t>(offset);
        entry.bytes = bytes;
        const uint64_t had = entry.before > entry.offset ? entry.before - entry.offset : 0;
        const size_t old_bytes = had < bytes ? had : bytes;
        char *old = static_cast<char *>(malloc(old_bytes + 1));
        if (old == nullptr) abort();
        // The file may have been opened for writing alone.
        char link[64];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
        const int reader =
            static_cast<int>(syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC));
        size_t done = 0;
        while (reader >= 0 && done < old_bytes) {
            const ssize_t got = pread(reader, old + done, old_bytes - done,
                                      static_cast<off_t>(entry.offset + done));
            if (got <= 0) break;
            done += static_cast<size_t>(got);
        }
        if (reader >= 0) close(reader);
        if (done == old_bytes) Append(entry, old, old_bytes);
        free(old);
    }
    errno = error;
}

template <class Sync>
int NoteSync(int file, Sync sync) {
    struct stat status, size;
    const bool noted = IsNoted(file, &status);
    if (noted) fstat(journal, &size);
    const int result = sync(file);
    if (!noted || result != 0) return result;
    Entry entry = EntryOf(kSync, status);
    entry.before = static_cast<uint64_t>(size.st_size);
    Append(entry, nullptr, 0);
    return result;
}

// Its inode may become another file's.
void NoteGone(const char *path) {
    const int error = errno;
    struct stat status;
    if (Journal() >= 0 && lstat(path, &status) == 0 && S_ISREG(status.st_mode) &&
        status.st_nlink == 1)
        Append(EntryOf(kGone, status), nullptr, 0);
    errno = error;
}

size_t BytesOf(const iovec *parts, int count) {
    size_t bytes = 0;
    for (int i = 0; i < count; i++) bytes += parts[i].iov_len;
    return bytes;
}

}  // namespace

extern "C" {

ssize_t write(int file, const void *bytes, size_t count) {
    static auto next = Next<ssize_t(int, const void *, size_t)>("write");
    NoteWrite(file, -1, count);
    return next(file, bytes, count);
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t offset) {
    static auto next = Next<ssize_t(int, const void *, size_t, off_t)>("pwrite");
    NoteWrite(file, offset, count);
    return next(file, bytes, count, offset);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t offset) {
    static auto next = Next<ssize_t(int, const void *, size_t, off64_t)>("pwrite64");
    NoteWrite(file, offset, count);
    return next(file, bytes, count, offset);
}

ssize_t pwritev(int file, const iovec *parts, int count, off_t offset) {
    static auto next = Next<ssize_t(int, const iovec *, int, off_t)>("pwritev");
    NoteWrite(file, offset, BytesOf(parts, count));
    return next(file, parts, count, offset);
}

ssize_t pwritev64(int file, const iovec *parts, int count, off64_t offset) {
    static auto next = Next<ssize_t(int, const iovec *, int, off64_t)>("pwritev64");
    NoteWrite(file, offset, BytesOf(parts, count));
    return next(file, parts, count, offset);
}

int fsync(int file) {
    static auto next = Next<int(int)>("fsync");
    return NoteSync(file, next);
}

int fdatasync(int file) {
    static auto next = Next<int(int)>("fdatasync");
    return NoteSync(file, next);
}

int unlink(const char *path) {
    static auto next = Next<int(const char *)>("unlink");
    NoteGone(path);
    return next(path);
}

int rename(const char *from, const char *to) {
    static auto next = Next<int(const char *, const char *)>("rename");
    NoteGone(to);
    return next(from, to);
}

}  // extern "C"
