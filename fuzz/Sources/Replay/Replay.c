// Runs a fuzz target over files, without libFuzzer: each argument is a file or a directory of files; with
// no argument the input comes from standard input, as AFL++ gives it. What does not hold traps.
//
// With -sweep=SECONDS in front the files are where to begin: each run is one of them with changes that
// chance (-seed=N) chooses, as many as the time allows. Blind, but many times as fast as a fuzzer that
// watches. The input that traps is kept in the file that -keep=FILE names.

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int replay_main(int argc, char **argv);
// The names under which each target looks for its main: see Package.swift.
#define ALIAS(target) int target##_main(int, char **) __attribute__((alias("replay_main")));
ALIASES
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Longer inputs are cut here.
enum { input_size_max = 1 << 20 };

// A sweep's inputs, and how much of the longest it takes.
enum { sweep_size_max = 1024, sweep_input_count_max = 1 << 16, sweep_changes_max = 4 };

struct input {
    uint8_t *data;
    size_t size;
};

static struct {
    struct input *inputs;
    size_t input_count;
    // The input in hand, for the handler of signals.
    uint8_t data[sweep_size_max];
    size_t size;
    const char *keep;
    uint64_t random;
} sweep;

static void keep_input(int number) {
    int file = open(sweep.keep, O_CREAT | O_TRUNC | O_WRONLY, 0644);
    if (file >= 0) {
        ssize_t written = write(file, sweep.data, sweep.size);
        (void)written;
        close(file);
    }
    signal(number, SIG_DFL);
    raise(number);
}

// xorshift64*: the sequence is the seed's.
static uint64_t next_random(void) {
    sweep.random ^= sweep.random >> 12;
    sweep.random ^= sweep.random << 25;
    sweep.random ^= sweep.random >> 27;
    return sweep.random * 0x2545F4914F6CDD1DULL >> 16;
}

static size_t below(size_t limit) { return next_random() % limit; }

// One change to the input in hand: a bit, a byte, a piece less, a piece twice, a piece of another input.
static void change(void) {
    static const uint8_t telling[] = {0x00, 0x01, 0x7F, 0x80, 0xEC, 0xF7, 0xF8, 0xF9, 0xFA, 0xFB, 0xFC, 0xFF};
    size_t at = sweep.size > 0 ? below(sweep.size) : 0;
    size_t rest = sweep.size - at;
    size_t room = sweep_size_max - sweep.size;
    switch (sweep.size > 0 ? below(6) : 5) {
    case 0: sweep.data[at] ^= (uint8_t)(1 << below(8)); return;
    case 1: sweep.data[at] = (uint8_t)next_random(); return;
    case 2: sweep.data[at] = telling[below(sizeof telling)]; return;
    case 3: {
        size_t size = 1 + below(rest < 16 ? rest : 16);
        memmove(sweep.data + at, sweep.data + at + size, rest - size);
        sweep.size -= size;
        return;
    }
    case 4: {
        size_t size = 1 + below(rest < 16 ? rest : 16);
        if (size > room) { return; }
        memmove(sweep.data + at + size, sweep.data + at, rest);
        sweep.size += size;
        return;
    }
    default: {
        const struct input *other = &sweep.inputs[below(sweep.input_count)];
        if (other->size == 0) { return; }
        size_t from = below(other->size);
        size_t size = 1 + below(other->size - from);
        if (size > sweep_size_max - at) { size = sweep_size_max - at; }
        memcpy(sweep.data + at, other->data + from, size);
        if (at + size > sweep.size) { sweep.size = at + size; }
    }
    }
}

static int run_sweep(long seconds) {
    if (sweep.input_count == 0) {
        fprintf(stderr, "a sweep needs files to begin with\n");
        return 2;
    }
    const int numbers[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGVTALRM};
    for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) {
        signal(numbers[index], keep_input);
    }
    time_t end = time(NULL) + seconds;
    uint64_t count = 0;
    while (time(NULL) < end) {
        // This many runs take a few seconds of the processor at most, unless one hangs.
        const struct itimerval limit = {.it_value = {.tv_sec = 60}};
        setitimer(ITIMER_VIRTUAL, &limit, NULL);
        for (int round = 0; round < 1024; round++, count++) {
            const struct input *base = &sweep.inputs[below(sweep.input_count)];
            sweep.size = base->size;
            memcpy(sweep.data, base->data, base->size);
            for (size_t left = 1 + below(sweep_changes_max); left > 0; left--) { change(); }
            LLVMFuzzerTestOneInput(sweep.data, sweep.size);
        }
    }
    printf("%llu\n", (unsigned long long)count);
    return 0;
}

static int run(FILE *file, const char *name) {
    uint8_t *data = malloc(input_size_max);
    if (data == NULL) { return 1; }
    size_t size = fread(data, 1, input_size_max, file);
    if (ferror(file)) {
        perror(name);
        free(data);
        return 1;
    }
    // A copy of just this size: AddressSanitizer sees what reads beyond it.
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL) {
        free(data);
        return 1;
    }
    memcpy(exact, data, size);
    free(data);
    if (sweep.inputs != NULL) {
        if (size > sweep_size_max) { size = sweep_size_max; }
        if (sweep.input_count < sweep_input_count_max) {
            sweep.inputs[sweep.input_count++] = (struct input){exact, size};
        }
        return 0;
    }
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 0;
}

static int run_path(const char *path, int *count);

static int run_directory(const char *path, int *count) {
    struct dirent **entries;
    int entry_count = scandir(path, &entries, NULL, alphasort);
    if (entry_count < 0) {
        perror(path);
        return 1;
    }
    int failed = 0;
    for (int index = 0; index < entry_count; index++) {
        char *inner = NULL;
        if (entries[index]->d_name[0] != '.') {
            if (asprintf(&inner, "%s/%s", path, entries[index]->d_name) < 0) { abort(); }
            failed |= run_path(inner, count);
            free(inner);
        }
        free(entries[index]);
    }
    free(entries);
    return failed;
}

static int run_path(const char *path, int *count) {
    struct stat status;
    if (stat(path, &status) != 0) {
        perror(path);
        return 1;
    }
    if (S_ISDIR(status.st_mode)) { return run_directory(path, count); }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    int failed = run(file, path);
    fclose(file);
    if (!failed) { *count += 1; }
    return failed;
}

int replay_main(int argc, char **argv) {
    if (argc < 2) { return run(stdin, "standard input"); }
    int count = 0, failed = 0, first = 1;
    long seconds = 0;
    sweep.random = 1;
    sweep.keep = "sweep-crash";
    for (; first < argc && argv[first][0] == '-'; first++) {
        const char *value = strchr(argv[first], '=');
        if (value != NULL && strncmp(argv[first], "-sweep=", 7) == 0) {
            seconds = atol(value + 1);
        } else if (value != NULL && strncmp(argv[first], "-seed=", 6) == 0) {
            sweep.random = strtoull(value + 1, NULL, 10) | 1;  // never 0, which would stay 0
        } else if (value != NULL && strncmp(argv[first], "-keep=", 6) == 0) {
            sweep.keep = value + 1;
        } else {
            fprintf(stderr, "[-sweep=SECONDS [-seed=N] [-keep=FILE]] [PATH...]\n");
            return 2;
        }
    }
    if (seconds > 0) { sweep.inputs = calloc(sweep_input_count_max, sizeof *sweep.inputs); }
    for (int index = first; index < argc; index++) { failed |= run_path(argv[index], &count); }
    if (sweep.inputs != NULL) { return failed ? failed : run_sweep(seconds); }
    fprintf(stderr, "%d inputs, nothing wrong with them\n", count);
    return failed;
}
