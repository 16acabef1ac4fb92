/* The Mersenne Twister (Matsumoto, Nishimura 1998), from which FAISS draws its random numbers.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_TWISTER_H
#define VR_CORE_TWISTER_H

#include <stddef.h>
#include <stdint.h>

enum { VR_TWISTER_WORDS = 624 };

typedef struct vr_twister {
    uint32_t words[VR_TWISTER_WORDS];
    size_t next;
} vr_twister;

/* A seed below 2^32 is FAISS's seed of the same number; larger ones give streams that FAISS can't have. */
void vr_twister_seed(vr_twister *t, uint64_t seed);

uint32_t vr_twister_draw(vr_twister *t);

/* From 0 to 1, both possible, as FAISS rounds it. */
float vr_twister_draw_float(vr_twister *t);

/* The first taken of the numbers 0 to before count in FAISS's random order, for which all of them are put
 * into out; count < 2^32. */
void vr_twister_shuffle(uint64_t seed, size_t count, size_t taken, uint32_t *out);

#endif
