/* Which table this machine can run, and which it should. SPDX-License-Identifier: Apache-2.0 */
#include "simd/simd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
static int has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static int has_avx512(void)
{
    __builtin_cpu_init();
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

#if defined(__aarch64__)
static int always(void)
{
    return 1;
} /* NEON is part of the architecture */
#endif

static const struct {
    const vr_simd *table;
    int (*runs_here)(void);
} tiers[] = {
    { &vr_simd_scalar, NULL },
#if defined(__x86_64__)
    { &vr_simd_avx2, has_avx2 },
    { &vr_simd_avx512, has_avx512 },
#endif
#if defined(__aarch64__)
    { &vr_simd_neon, always },
#endif
};

const vr_simd *vr_simd_at(size_t i)
{
    for (size_t t = 0; t < sizeof tiers / sizeof tiers[0]; t++)
        if ((!tiers[t].runs_here || tiers[t].runs_here()) && i-- == 0)
            return tiers[t].table;
    return NULL;
}

static const vr_simd *choose(void)
{
    const char *wish = getenv("VREC_CPU");
    const vr_simd *best = &vr_simd_scalar, *table;
    for (size_t i = 0; (table = vr_simd_at(i)); i++) {
        if (wish && strcmp(wish, table->name) == 0)
            return table;
        best = table;
    }
    return best;
}

const vr_simd *vr_simd_get(void)
{
    static _Atomic(const vr_simd *) chosen;
    const vr_simd *table = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!table) {
        table = choose(); /* every thread that comes here finds the same */
        atomic_store_explicit(&chosen, table, memory_order_release);
    }
    return table;
}
