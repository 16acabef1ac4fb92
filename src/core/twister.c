/* SPDX-License-Identifier: Apache-2.0 */
#include "core/twister.h"

enum { WORDS = VR_TWISTER_WORDS, AHEAD = 397 };

void vr_twister_seed(vr_twister *t, uint64_t seed)
{
    t->words[0] = (uint32_t)seed ^ (uint32_t)(seed >> 32) * 0x9e3779b1u;
    for (uint32_t i = 1; i < WORDS; i++)
        t->words[i] = 1812433253u * (t->words[i - 1] ^ t->words[i - 1] >> 30) + i;
    t->next = WORDS;
}

static void twist(vr_twister *t)
{
    for (size_t i = 0; i < WORDS; i++) {
        uint32_t both = (t->words[i] & 0x80000000u) | (t->words[(i + 1) % WORDS] & 0x7fffffffu);
        t->words[i] = t->words[(i + AHEAD) % WORDS] ^ both >> 1 ^ (both & 1 ? 0x9908b0dfu : 0);
    }
    t->next = 0;
}

uint32_t vr_twister_draw(vr_twister *t)
{
    if (t->next == WORDS)
        twist(t);
    uint32_t y = t->words[t->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

float vr_twister_draw_float(vr_twister *t)
{
    return (float)vr_twister_draw(t) / (float)UINT32_MAX;
}

void vr_twister_shuffle(uint64_t seed, size_t count, size_t taken, uint32_t *out)
{
    vr_twister t;
    vr_twister_seed(&t, seed);
    for (size_t i = 0; i < count; i++)
        out[i] = (uint32_t)i;
    for (size_t i = 0; i < taken && i + 1 < count; i++) {
        size_t other = i + vr_twister_draw(&t) % (count - i);
        uint32_t number = out[i];
        out[i] = out[other];
        out[other] = number;
    }
}
