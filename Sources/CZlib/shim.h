/* zlib, with the macros that Swift cannot import as functions. */
#ifndef TERN_CZLIB_SHIM_H
#define TERN_CZLIB_SHIM_H

#include <zlib.h>

static inline int tern_deflateInit2(z_stream *stream, int level, int windowBits, int memLevel) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, memLevel, Z_DEFAULT_STRATEGY);
}

static inline int tern_inflateInit2(z_stream *stream, int windowBits) {
    return inflateInit2(stream, windowBits);
}

#endif
