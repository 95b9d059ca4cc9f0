// What glibc's allocator has given out and not got back.
#ifndef C_HEAP_H
#define C_HEAP_H

#include <stdint.h>

/// Bytes in blocks that are in use, their headers included (mallinfo2).
uint64_t heap_in_use(void);

#endif
