/* What compressing costs: CPU time and bytes for each level, by size class, with contexts as Deflater and
 * Inflater have them. In this directory:
 *     ./train_preset.py --dump > /tmp/stanzas.hex
 *     cc -O2 deflate_cost.c -o /tmp/deflate_cost -lz
 *     /tmp/deflate_cost preset-1.hex /tmp/stanzas.hex
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

enum { SIZE_MAX_ = 65536, COUNT_MAX = 20000, ROUNDS = 5 };

static struct payload {
    unsigned char *bytes;
    size_t size;
} payloads[COUNT_MAX];
static const size_t edges[] = {0, 24, 32, 48, 64, 96, 128, 256, 512, SIZE_MAX_};
static size_t allocated;

static void *count_alloc(void *opaque, unsigned items, unsigned size) {
    (void)opaque;
    allocated += (size_t)items * size;
    return malloc((size_t)items * size);
}

static void count_free(void *opaque, void *address) {
    (void)opaque;
    free(address);
}

static size_t from_hex(const char *text, unsigned char *bytes) {
    size_t size = 0;
    unsigned byte;
    while (sscanf(text + 2 * size, "%2x", &byte) == 1) bytes[size++] = (unsigned char)byte;
    return size;
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static unsigned char preset[4096], out[2 * SIZE_MAX_], back[2 * SIZE_MAX_];
static size_t preset_size;

/* One frame; the compressed size, or 0 if it is not smaller. */
static size_t deflate_one(z_stream *s, int is_preset, const struct payload *p) {
    deflateReset(s);
    if (is_preset) deflateSetDictionary(s, preset, (uInt)preset_size);
    s->next_in = p->bytes;
    s->avail_in = (uInt)p->size;
    s->next_out = out;
    s->avail_out = (uInt)p->size - 1;
    return deflate(s, Z_FINISH) == Z_STREAM_END ? p->size - 1 - s->avail_out : 0;
}

static void measure(int is_preset, int level, int bits, int memory, size_t count) {
    z_stream s = {.zalloc = count_alloc, .zfree = count_free};
    z_stream r = {.zalloc = count_alloc, .zfree = count_free};
    allocated = 0;
    deflateInit2(&s, level, Z_DEFLATED, is_preset ? -bits : bits, memory, Z_DEFAULT_STRATEGY);
    size_t deflate_size = allocated;
    allocated = 0;
    inflateInit2(&r, is_preset ? -15 : 15);
    printf("%s, level %d, window 2^%d, memory level %d: %zu bytes", is_preset ? "preset" : "zlib",
           level, bits, memory, deflate_size);
    char rows[8192] = "";
    for (size_t e = 0; e + 1 < sizeof edges / sizeof *edges; e++) {
        size_t frames = 0, plain = 0, kept = 0;
        double spent = 0, inflating = 0;
        for (size_t i = 0; i < count; i++) {
            struct payload *p = &payloads[i];
            if (p->size < edges[e] || p->size >= edges[e + 1]) continue;
            size_t size = 0;
            double start = now_us();
            for (int k = 0; k < ROUNDS; k++) size = deflate_one(&s, is_preset, p);
            spent += (now_us() - start) / ROUNDS;
            frames++;
            plain += p->size;
            kept += size ? size : p->size;
            if (!size) continue;
            start = now_us();
            for (int k = 0; k < ROUNDS; k++) {
                inflateReset(&r);
                if (is_preset) inflateSetDictionary(&r, preset, (uInt)preset_size);
                r.next_in = out;
                r.avail_in = (uInt)size;
                r.next_out = back;
                r.avail_out = sizeof back;
                if (inflate(&r, Z_NO_FLUSH) != Z_STREAM_END) abort();
            }
            inflating += (now_us() - start) / ROUNDS;
        }
        if (!frames) continue;
        char row[160];
        snprintf(row, sizeof row, "  %5zu-%-5zu %6.1f -> %6.1f bytes  %5.1f us  %5.2f us  %6.2f bytes/us\n",
                 edges[e], edges[e + 1] - 1, (double)plain / frames, (double)kept / frames,
                 spent / frames, inflating / frames, (double)(plain - kept) / spent);
        strcat(rows, row);
    }
    printf(", inflate %zu bytes\n%s", allocated, rows);
    deflateEnd(&s);
    inflateEnd(&r);
}

int main(int argc, char **argv) {
    static char line[4 * SIZE_MAX_];
    FILE *dictionary = argc == 3 ? fopen(argv[1], "r") : NULL;
    FILE *stanzas = argc == 3 ? fopen(argv[2], "r") : NULL;
    if (!dictionary || !stanzas) return 64;
    while (fgets(line, sizeof line, dictionary)) preset_size += from_hex(line, preset + preset_size);
    size_t count = 0;
    while (count < COUNT_MAX && fgets(line, sizeof line, stanzas)) {
        payloads[count].bytes = malloc(strlen(line) / 2 + 1);
        payloads[count].size = from_hex(line, payloads[count].bytes);
        count++;
    }
    printf("zlib %s, %zu stanzas; bytes before and after, deflate, inflate, saved for the time\n",
           zlibVersion(), count);
    for (int level = 1; level <= 6; level++) measure(1, level, 13, 5, count);
    measure(1, 9, 13, 5, count);
    measure(1, 6, 12, 4, count);
    measure(1, 6, 15, 8, count);
    measure(0, 1, 15, 8, count);
    measure(0, 6, 15, 8, count);
    return 0;
}
