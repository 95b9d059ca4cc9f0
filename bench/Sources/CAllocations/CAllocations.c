// The wrappers: glibc exports its allocator under these names as well, so no look-up at run time is
// needed and nothing can recurse.

#define _GNU_SOURCE
#include "CAllocations.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *block);

static _Thread_local struct Allocations counts;
static _Thread_local bool counting;

static void *taken(void *block) {
    if (counting && block) {
        counts.count += 1;
        counts.size += (int64_t)malloc_usable_size(block);
        if (counts.size > counts.peak) counts.peak = counts.size;
    }
    return block;
}

void *malloc(size_t size) { return taken(__libc_malloc(size)); }

void *calloc(size_t count, size_t size) { return taken(__libc_calloc(count, size)); }

void *realloc(void *block, size_t size) {
    int64_t before = counting && block ? (int64_t)malloc_usable_size(block) : 0;
    void *grown = __libc_realloc(block, size);
    if (grown || size == 0) counts.size -= before;
    return taken(grown);
}

void *memalign(size_t alignment, size_t size) { return taken(__libc_memalign(alignment, size)); }

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *fresh = memalign(alignment, size);
    if (!fresh) return ENOMEM;
    *block = fresh;
    return 0;
}

void *valloc(size_t size) { return memalign((size_t)sysconf(_SC_PAGESIZE), size); }

void free(void *block) {
    if (counting && block) counts.size -= (int64_t)malloc_usable_size(block);
    __libc_free(block);
}

struct Allocations allocations_now(void) { return counts; }

void allocations_count(bool on) {
    if (on) counts = (struct Allocations){0};
    counting = on;
}
