/* Which table this machine can run, and which it should. SPDX-License-Identifier: Apache-2.0 */
#include "simd/simd.h"

#include "base/system.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__x86_64__)
/* By the processor's own word; not every compiler's runtime library has what __builtin_cpu_supports()
 * wants. */
static int has(unsigned leaf_1_ecx, unsigned leaf_7_ebx, unsigned leaf_7_ecx, unsigned leaf_7_edx,
               unsigned states)
{
    unsigned a, b, c, d, saved, upper;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & bit_OSXSAVE) == 0 || (c & leaf_1_ecx) != leaf_1_ecx)
        return 0;
    /* Which registers the system saves when it goes from one thread to another: without that, no use. */
    __asm__("xgetbv" : "=a"(saved), "=d"(upper) : "c"(0));
    return (saved & states) == states && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (b & leaf_7_ebx) == leaf_7_ebx && (c & leaf_7_ecx) == leaf_7_ecx &&
           (d & leaf_7_edx) == leaf_7_edx;
}

enum { XMM_YMM = 0x06, XMM_YMM_ZMM = 0xe6, TILES = 0x60000 };

static int has_avx2(void)
{
    return has(bit_AVX | bit_FMA, bit_AVX2, 0, 0, XMM_YMM);
}

static int has_avx512(void)
{
    return has_avx2() &&
           has(0, bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL, bit_AVX512VNNI, 0, XMM_YMM_ZMM);
}

#if defined(VR_AMX)
static int has_amx(void)
{
    enum { AMX_TILE = 1 << 24, AMX_INT8 = 1 << 25 };
    return has_avx512() && has(0, 0, 0, AMX_TILE | AMX_INT8, XMM_YMM_ZMM | TILES) && vr_permit_tiles();
}
#endif
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
    { &vr_simd_avx2, has_avx2 }, { &vr_simd_avx512, has_avx512 },
#if defined(VR_AMX)
    { &vr_simd_amx, has_amx },
#endif
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
    if (table)
        return table;
    /* Threads that come here together may find different tables: whether tiles are permitted depends on the
     * stacks for signals that there are at the moment. The first one's choice is everybody's, since what
     * one table has laid out another can't read. */
    const vr_simd *found = choose();
    if (atomic_compare_exchange_strong_explicit(&chosen, &table, found, memory_order_acq_rel,
                                                memory_order_acquire))
        return found;
    return table;
}
