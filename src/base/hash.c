/* Stripes of 32 bytes go to four lanes, 8 bytes to each; at the end the lanes are mixed, and what is left
 * of the bytes is added. https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md has the whole of
 * it. SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/bytes.h"

#include <string.h>

#define PRIME1 UINT64_C(0x9e3779b185ebca87)
#define PRIME2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME3 UINT64_C(0x165667b19e3779f9)
#define PRIME4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME5 UINT64_C(0x27d4eb2f165667c5)

enum { STRIPE = 32, LANES = 4 };

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t add_to_lane(uint64_t lane, uint64_t value)
{
    return rotate(lane + value * PRIME2, 31) * PRIME1;
}

static void add_stripes(uint64_t lanes[LANES], const uint8_t *bytes, size_t stripes)
{
    uint64_t a = lanes[0], b = lanes[1], c = lanes[2], d = lanes[3];
    for (; stripes > 0; stripes--, bytes += STRIPE) {
        a = add_to_lane(a, vr_get_u64(bytes));
        b = add_to_lane(b, vr_get_u64(bytes + 8));
        c = add_to_lane(c, vr_get_u64(bytes + 16));
        d = add_to_lane(d, vr_get_u64(bytes + 24));
    }
    lanes[0] = a;
    lanes[1] = b;
    lanes[2] = c;
    lanes[3] = d;
}

void vr_hash_start(vr_hash *hash, uint64_t seed)
{
    *hash =
        (vr_hash){ .lanes = { seed + PRIME1 + PRIME2, seed + PRIME2, seed, seed - PRIME1 }, .seed = seed };
}

void vr_hash_add(vr_hash *hash, const void *bytes, size_t length)
{
    const uint8_t *from = bytes;
    size_t waiting = hash->length % STRIPE;
    hash->length += length;
    if (waiting + length < STRIPE) {
        if (length > 0)
            memcpy(hash->waiting + waiting, from, length);
        return;
    }
    if (waiting > 0) {
        size_t missing = STRIPE - waiting;
        memcpy(hash->waiting + waiting, from, missing);
        add_stripes(hash->lanes, hash->waiting, 1);
        from += missing;
        length -= missing;
    }
    add_stripes(hash->lanes, from, length / STRIPE);
    if (length % STRIPE > 0)
        memcpy(hash->waiting, from + length / STRIPE * STRIPE, length % STRIPE);
}

static uint64_t mix_lanes(const uint64_t lanes[LANES])
{
    uint64_t sum = rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (size_t i = 0; i < LANES; i++)
        sum = (sum ^ add_to_lane(0, lanes[i])) * PRIME1 + PRIME4;
    return sum;
}

uint64_t vr_hash_end(const vr_hash *hash)
{
    const uint8_t *rest = hash->waiting;
    size_t left = hash->length % STRIPE;
    uint64_t sum = (hash->length < STRIPE ? hash->seed + PRIME5 : mix_lanes(hash->lanes)) + hash->length;
    for (; left >= 8; left -= 8, rest += 8)
        sum = rotate(sum ^ add_to_lane(0, vr_get_u64(rest)), 27) * PRIME1 + PRIME4;
    if (left >= 4) {
        sum = rotate(sum ^ vr_get_u32(rest) * PRIME1, 23) * PRIME2 + PRIME3;
        rest += 4;
        left -= 4;
    }
    for (; left > 0; left--, rest++)
        sum = rotate(sum ^ *rest * PRIME5, 11) * PRIME1;
    sum = (sum ^ sum >> 33) * PRIME2;
    sum = (sum ^ sum >> 29) * PRIME3;
    return sum ^ sum >> 32;
}

uint64_t vr_hash_of(const void *bytes, size_t length, uint64_t seed)
{
    vr_hash hash;
    vr_hash_start(&hash, seed);
    vr_hash_add(&hash, bytes, length);
    return vr_hash_end(&hash);
}
