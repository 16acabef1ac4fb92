/* What one core of this machine can do: float32 multiply-adds per second, and bytes read in sequence from
 * memory. Compiled anew for every instruction set (-mavx2 -mfma, -mavx512f...), and so needs no dispatch.
 * Prints "GFLOP/s GB/s", the best of many short runs.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#if defined(__AVX512F__)
enum { VECTOR = 64 };
#elif defined(__AVX__)
enum { VECTOR = 32 };
#else
enum { VECTOR = 16 };
#endif

enum {
    CHAINS = 12, /* enough to hide the latency of four cycles at two or three instructions in each */
    STEPS = 4000000,
    RUNS = 60,
    PAGE = 2 << 20,
    BYTES = 512 << 20 /* far more than any cache */
};

typedef float floats __attribute__((vector_size(VECTOR)));
typedef uint64_t words __attribute__((vector_size(VECTOR)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* The compiler must believe that a value is changed and used here, and so can't drop its computation. */
static void keep(void *value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
}

static double multiply_adds(void)
{
    floats sum[CHAINS] = { { 0 } }, factor = { 0 }, term = { 0 };
    keep(&factor);
    keep(&term);
    double start = now();
    for (int i = 0; i < STEPS; i++)
        for (int c = 0; c < CHAINS; c++)
            sum[c] = sum[c] * factor + term;
    double seconds = now() - start;
    keep(sum);
    return 2.0 * STEPS * CHAINS * (VECTOR / sizeof(float)) / seconds;
}

static double read_all(const words *memory)
{
    words sum[8] = { { 0 } };
    double start = now();
    for (size_t i = 0; i < BYTES / VECTOR; i += 8)
        for (size_t j = 0; j < 8; j++)
            sum[j] ^= memory[i + j];
    double seconds = now() - start;
    keep(sum);
    return BYTES / seconds;
}

int main(void)
{
    double flops = 0, bytes = 0;
    words *memory = aligned_alloc(PAGE, BYTES);
    if (!memory)
        return fprintf(stderr, "limits: no memory for %d bytes\n", BYTES), 1;
    madvise(memory, BYTES, MADV_HUGEPAGE); /* worth it where it works, no loss where it doesn't */
    memset(memory, 1, BYTES);
    for (int i = 0; i < RUNS; i++) {
        double f = multiply_adds(), b = read_all(memory);
        flops = f > flops ? f : flops;
        bytes = b > bytes ? b : bytes;
    }
    printf("%.1f %.1f\n", flops * 1e-9, bytes * 1e-9);
    free(memory);
    return 0;
}
