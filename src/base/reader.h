/* A cursor over a file, or over bytes in memory such as a mapped file: from front to back, and never past
 * what is there.
 *
 * A file says itself how long its arrays are, and it may lie. So whatever is read is first compared with
 * the bytes that remain, and so is the length of an array before anybody takes memory for it. A large array
 * isn't read by the cursor: it hands out a span, which says where the array stands, and walks on. Once all
 * of the file is known to make sense, its spans are copied, by several threads if need be, or used where
 * they are if the file is mapped.
 *
 * what names the thing that is read, for the message: "the header".
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_READER_H
#define VR_BASE_READER_H

#include "base/file.h"

typedef struct vr_reader {
    const char *path;      /* what messages call it; borrowed */
    const vr_input *input; /* the file; NULL: all of it is in memory, at bytes */
    const uint8_t *bytes;
    uint64_t size;
    uint64_t at; /* the byte that is next */
} vr_reader;

/* count elements of size bytes each, packed, from byte at on: within the file, and within what a size_t can
 * count. Elements stand at any alignment. */
typedef struct vr_span {
    uint64_t at;
    size_t count, size;
} vr_span;

static inline vr_reader vr_reader_of_file(const vr_input *input)
{
    return (vr_reader){ .path = input->path, .input = input, .size = input->size };
}

static inline vr_reader vr_reader_of_bytes(const char *path, const void *bytes, size_t size)
{
    return (vr_reader){ .path = path, .bytes = bytes, .size = size };
}

static inline uint64_t vr_reader_left(const vr_reader *reader)
{
    return reader->size - reader->at;
}

/* Each moves past what it has read. VREC_CORRUPT if fewer bytes are left; then nothing is moved. */
vrec_status vr_reader_bytes(vr_reader *reader, void *out, size_t length, const char *what, vrec_error *err);
vrec_status vr_reader_u8(vr_reader *reader, uint8_t *out, const char *what, vrec_error *err);
vrec_status vr_reader_u32(vr_reader *reader, uint32_t *out, const char *what, vrec_error *err);
vrec_status vr_reader_u64(vr_reader *reader, uint64_t *out, const char *what, vrec_error *err);

/* Hands out the span of count elements that begins here, and moves past it. */
vrec_status vr_reader_span(vr_reader *reader, uint64_t count, size_t size, const char *what, vr_span *out,
                           vrec_error *err);

/* Copies count elements of a span, from element first on. Doesn't look at where the cursor is: any number
 * of threads may copy from one reader. */
vrec_status vr_reader_copy(const vr_reader *reader, const vr_span *span, size_t first, size_t count,
                           void *out, vrec_error *err);

/* The span where it stands, if the reader's bytes are in memory; else NULL. */
const uint8_t *vr_reader_point(const vr_reader *reader, const vr_span *span);

#endif
