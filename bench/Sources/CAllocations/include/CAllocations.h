// Counts what a program allocates: linking this target replaces malloc and its relatives with wrappers
// that call glibc's own, and count while they are told to. Counts are the calling thread's.
#ifndef C_ALLOCATIONS_H
#define C_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

/// What one thread has allocated while it counted.
struct Allocations {
    /// Blocks asked for; a realloc counts as one.
    uint64_t count;
    /// Bytes now held beyond those held before, as glibc rounds them.
    int64_t size;
    /// The most bytes held so far.
    int64_t peak;
};

/// Begins or ends the calling thread's counting; counts begin at zero.
void allocations_count(bool on);

/// The calling thread's counts.
struct Allocations allocations_now(void);

#endif
