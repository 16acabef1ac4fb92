/* FAISS files put together by hand, and opened. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_IMAGE_H
#define VR_TESTS_SUPPORT_IMAGE_H

#include "vrec/vrec.h"

#include <stddef.h>
#include <stdint.h>

typedef struct image {
    uint8_t bytes[1024];
    size_t size;
} image;

/* Each puts a value behind the last; fails the test if there is no room. */
void put(image *to, const void *bytes, size_t size);
void put_u32(image *to, uint32_t value);
void put_u64(image *to, uint64_t value);

/* Opens bytes as the file a.index, read. Mapped they must open, too, or be refused in the same words. */
vrec_status open_bytes(const void *bytes, size_t size, const char *options, vrec_indexer **out,
                       vrec_error *err);

/* The same of an image; fails the test if it fails. */
vrec_indexer *open_image(const image *file, const char *options);

#endif
