/* Little-endian values in a byte stream, at any alignment. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_BYTES_H
#define VR_BASE_BYTES_H

#include <stdint.h>

/* Whole arrays are copied as they stand in a file. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "vrec needs a little-endian machine");

/* Values of arrays that are used where they stand in a mapped file, also at odd addresses. A plain float *
 * or uint32_t * may point to them only for kernels, and for functions that copy bytes. */
typedef float vr_stored_f32 __attribute__((aligned(1)));
typedef uint32_t vr_stored_u32 __attribute__((aligned(1)));

static inline uint32_t vr_get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t vr_get_u64(const uint8_t *p)
{
    return (uint64_t)vr_get_u32(p) | (uint64_t)vr_get_u32(p + 4) << 32;
}

static inline void vr_put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline void vr_put_u64(uint8_t *p, uint64_t v)
{
    vr_put_u32(p, (uint32_t)v);
    vr_put_u32(p + 4, (uint32_t)(v >> 32));
}

#endif
