/* SPDX-License-Identifier: Apache-2.0 */
#include "support/random.h"

uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static uint64_t own_state = 1;

uint64_t draw(void)
{
    return next_random(&own_state);
}

size_t draw_below(size_t limit)
{
    return (size_t)(draw() % limit);
}

float draw_real(void)
{
    return (float)(draw() >> 40) * 0x1p-23f - 1.0f;
}
