/* Annoy's random numbers: Marsaglia's 64-bit KISS. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_RANDOM_H
#define VR_ANNOY_RANDOM_H

#include <stdint.h>

typedef struct vr_kiss {
    uint64_t x, y, z, c;
} vr_kiss;

static inline vr_kiss vr_kiss_seed(uint64_t seed)
{
    return (vr_kiss){ .x = seed, .y = 362436362436362436, .z = 1066149217761810, .c = 123456123456123456 };
}

static inline uint64_t vr_kiss_draw(vr_kiss *random)
{
    random->z = 6906969069 * random->z + 1234567;
    random->y ^= random->y << 13;
    random->y ^= random->y >> 17;
    random->y ^= random->y << 43;
    uint64_t t = (random->x << 58) + random->c;
    random->c = random->x >> 6;
    random->x += t;
    random->c += random->x < t;
    return random->x + random->y + random->z;
}

/* A number below n. */
static inline uint32_t vr_kiss_index(vr_kiss *random, uint32_t n)
{
    return (uint32_t)(vr_kiss_draw(random) % n);
}

static inline uint8_t vr_kiss_flip(vr_kiss *random)
{
    return vr_kiss_draw(random) & 1;
}

#endif
