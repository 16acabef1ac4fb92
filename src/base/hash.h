/* XXH64, the checksum that xxh64sum prints: as fast as memory with plain arithmetic, on any processor.
 * It finds what chance does to bytes, and not what somebody does who means it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_HASH_H
#define VR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A hash that is under way. */
typedef struct vr_hash {
    uint64_t lanes[4], seed, length;
    uint8_t waiting[32]; /* bytes that fill no stripe yet: length % 32 of them */
} vr_hash;

void vr_hash_start(vr_hash *hash, uint64_t seed);
void vr_hash_add(vr_hash *hash, const void *bytes, size_t length);
uint64_t vr_hash_end(const vr_hash *hash);

/* All at once. */
uint64_t vr_hash_of(const void *bytes, size_t length, uint64_t seed);

#endif
