// A disk that can be cut off: preloaded into ternd, it writes down all that the process does to the
// database's files, so that disk.py can tell afterwards what a disk would have kept at any moment.
//
// The calls themselves go through to the file system unchanged. Files are known by device and inode,
// never by descriptor: threads may have descriptor tables of their own. A record is written after the
// call it is about and before the caller hears of it, so a process that is killed in between has at most
// done something that it was never told of. What came before a sync began, and only that, is what the
// sync made durable.
//
// Faults that can be switched on while the process runs are in a shared page (struct control).
//
// Environment: TERN_DISK_DIRECTORY, whose files store.sqlite* are followed, not the -shm, which is
// shared memory; TERN_DISK_LOG, where records go; TERN_DISK_CONTROL, the shared page (may be missing).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILE_COUNT_MAX = 256, DIRECTORY = 0 };

// The kinds of records; disk.py knows the same.
enum {
    OPENED = 1,      // file; data: its name
    CREATED,         // file; data: its name. Not durable before the directory is
    WRITTEN,         // file, offset; data: what
    TRUNCATED,       // file, offset: its new size
    SYNCED,          // file, offset: the number of the last record before the sync began
    SYNC_FAILED,     // file, offset: the same
    UNLINKED,        // data: the name
    MAPPED_WRITABLE, // file: written to behind our back, nothing can be told
};

struct record {
    uint32_t magic, kind;
    uint64_t number, file, offset, size;
};

// What the scripts may change at any time.
struct control {
    uint32_t failing_syncs; // so many syncs of database files fail with EIO
    uint32_t sync_delay_us; // each sync takes so much longer
    uint32_t failed_syncs;  // how many have failed
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char directory[PATH_MAX];
static int log_descriptor = -1;
static uint64_t record_count;
static struct { dev_t device; ino_t inode; } files[FILE_COUNT_MAX];
static uint64_t file_count = 1; // 0 is the directory
static struct control no_control, *control = &no_control;

// The disk cannot be trusted from here on: better no answer than a wrong one.
static void give_up(const char *what) {
    fprintf(stderr, "disk.c: %s: %s\n", what, strerror(errno));
    abort();
}

// The next definition of a function, found once.
#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real && !(real = (__typeof__(&name))dlsym(RTLD_NEXT, #name))) give_up(#name)

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TERN_DISK_DIRECTORY"), *log = getenv("TERN_DISK_LOG");
    if (!path || !log) return;
    if (!realpath(path, directory)) give_up(path);
    struct stat facts;
    if (stat(directory, &facts) != 0) give_up(directory);
    files[DIRECTORY].device = facts.st_dev;
    files[DIRECTORY].inode = facts.st_ino;
    // High, out of the way of a process that closes what it does not know.
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) give_up(log);
    log_descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 900);
    if (log_descriptor < 0) log_descriptor = descriptor; else syscall(SYS_close, descriptor);
    const char *page = getenv("TERN_DISK_CONTROL");
    if (!page) return;
    descriptor = (int)syscall(SYS_openat, AT_FDCWD, page, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) give_up(page);
    void *mapped = (void *)syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED) give_up(page);
    control = mapped;
    syscall(SYS_close, descriptor);
}

// Appends a record. The caller holds the lock.
static uint64_t note(uint32_t kind, uint64_t file, uint64_t offset, const void *data, size_t size) {
    struct record record = {0x4B534944, kind, ++record_count, file, offset, size};
    struct iovec parts[2] = {{&record, sizeof record}, {(void *)data, size}};
    if (syscall(SYS_writev, log_descriptor, parts, size ? 2 : 1) != (long)(sizeof record + size))
        give_up("the log");
    return record.number;
}

// The number of a followed file; -1 for any other. The caller holds the lock.
static int64_t number_of(int descriptor) {
    struct stat facts;
    if (log_descriptor < 0 || fstat(descriptor, &facts) != 0) return -1;
    for (uint64_t file = 0; file < file_count; file++)
        if (files[file].inode == facts.st_ino && files[file].device == facts.st_dev) return (int64_t)file;
    return -1;
}

// The name within the directory of a file that is to be followed; NULL for any other.
static const char *followed_name(const char *path, char *resolved) {
    if (log_descriptor < 0 || !path) return NULL;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    if (strncmp(name, "store.sqlite", 12) != 0) return NULL;
    size_t size = strlen(name);
    if (size >= 4 && strcmp(name + size - 4, "-shm") == 0) return NULL;
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return realpath(parent, resolved) && strcmp(resolved, directory) == 0 ? name : NULL;
}

static void forget(const char *path) {
    struct stat facts;
    if (stat(path, &facts) != 0) return;
    for (uint64_t file = 1; file < file_count; file++)
        if (files[file].inode == facts.st_ino && files[file].device == facts.st_dev) files[file].inode = 0;
}

static int open_followed(int (*call)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    char resolved[PATH_MAX];
    const char *name = followed_name(path, resolved);
    if (!name) return call(path, flags, mode);
    pthread_mutex_lock(&lock);
    struct stat facts;
    int is_new = stat(path, &facts) != 0;
    if (!is_new && flags & O_TRUNC) give_up("O_TRUNC");
    int descriptor = call(path, flags, mode), saved = errno;
    if (descriptor >= 0 && number_of(descriptor) < 0) {
        if (file_count == FILE_COUNT_MAX || fstat(descriptor, &facts) != 0) give_up("files");
        files[file_count].device = facts.st_dev;
        files[file_count].inode = facts.st_ino;
        note(is_new ? CREATED : OPENED, file_count++, 0, name, strlen(name));
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return descriptor;
}

#define OPEN_WITH(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list); \
        return open_followed(real, path, flags, mode); \
    }

OPEN_WITH(open)
OPEN_WITH(open64)

static ssize_t write_followed(int descriptor, const void *data, size_t size, off_t offset, int is_at) {
    pthread_mutex_lock(&lock);
    int64_t file = number_of(descriptor);
    if (file > 0 && !is_at) offset = lseek(descriptor, 0, SEEK_CUR);
    if (file < 0) pthread_mutex_unlock(&lock); // nobody else's writes wait for each other
    ssize_t count = syscall(is_at ? SYS_pwrite64 : SYS_write, descriptor, data, size, offset);
    int saved = errno;
    if (file < 0) return count;
    if (count > 0) note(WRITTEN, (uint64_t)file, (uint64_t)offset, data, (size_t)count);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return count;
}

ssize_t write(int descriptor, const void *data, size_t size) {
    return write_followed(descriptor, data, size, 0, 0);
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    return write_followed(descriptor, data, size, offset, 1);
}

ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return write_followed(descriptor, data, size, offset, 1);
}

static int truncate_followed(int descriptor, off_t size) {
    pthread_mutex_lock(&lock);
    int64_t file = number_of(descriptor);
    int code = (int)syscall(SYS_ftruncate, descriptor, size), saved = errno;
    if (code == 0 && file > 0) note(TRUNCATED, (uint64_t)file, (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    errno = saved;
    return code;
}

int ftruncate(int descriptor, off_t size) { return truncate_followed(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { return truncate_followed(descriptor, size); }

// What must not be used on a followed file: nothing here would see it.
#define REFUSED(result, name, parameters, arguments) \
    result name parameters { \
        REAL(name); \
        pthread_mutex_lock(&lock); \
        int64_t file = number_of(descriptor); \
        pthread_mutex_unlock(&lock); \
        if (file > 0) give_up(#name); \
        return real arguments; \
    }

REFUSED(int, fallocate, (int descriptor, int mode, off_t offset, off_t size), (descriptor, mode, offset, size))
REFUSED(int, posix_fallocate, (int descriptor, off_t offset, off_t size), (descriptor, offset, size))
REFUSED(int, posix_fallocate64, (int descriptor, off64_t offset, off64_t size), (descriptor, offset, size))
REFUSED(ssize_t, writev, (int descriptor, const struct iovec *parts, int count), (descriptor, parts, count))
REFUSED(ssize_t, pwritev, (int descriptor, const struct iovec *parts, int count, off_t offset),
    (descriptor, parts, count, offset))

static int sync_followed(long call, int descriptor) {
    pthread_mutex_lock(&lock);
    int64_t file = number_of(descriptor);
    uint64_t before = record_count;
    int fails = 0;
    if (file > 0 && control->failing_syncs > 0) {
        control->failing_syncs--;
        control->failed_syncs++;
        fails = 1;
    }
    pthread_mutex_unlock(&lock);
    if (file >= 0 && control->sync_delay_us > 0) usleep(control->sync_delay_us);
    // Others may write meanwhile: those writes are not part of this sync.
    int code = fails ? -1 : (int)syscall(call, descriptor), saved = fails ? EIO : errno;
    if (file >= 0) {
        pthread_mutex_lock(&lock);
        note(code == 0 ? SYNCED : SYNC_FAILED, (uint64_t)file, before, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    errno = saved;
    return code;
}

int fsync(int descriptor) { return sync_followed(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return sync_followed(SYS_fdatasync, descriptor); }

int unlink(const char *path) {
    char resolved[PATH_MAX];
    const char *name = followed_name(path, resolved);
    if (!name) return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    pthread_mutex_lock(&lock);
    forget(path);
    int code = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0), saved = errno;
    if (code == 0) note(UNLINKED, DIRECTORY, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    errno = saved;
    return code;
}

int rename(const char *from, const char *to) {
    char resolved[PATH_MAX];
    if (followed_name(from, resolved) || followed_name(to, resolved)) give_up("rename");
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void *map_followed(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    if (descriptor >= 0 && protection & PROT_WRITE && flags & MAP_SHARED) {
        pthread_mutex_lock(&lock);
        int64_t file = number_of(descriptor);
        if (file > 0) note(MAPPED_WRITABLE, (uint64_t)file, 0, NULL, 0);
        pthread_mutex_unlock(&lock);
    }
    return (void *)syscall(SYS_mmap, at, size, protection, flags, descriptor, offset);
}

void *mmap(void *at, size_t size, int protection, int flags, int descriptor, off_t offset) {
    return map_followed(at, size, protection, flags, descriptor, offset);
}

void *mmap64(void *at, size_t size, int protection, int flags, int descriptor, off64_t offset) {
    return map_followed(at, size, protection, flags, descriptor, offset);
}
