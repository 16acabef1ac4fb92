/* Protocol Buffers by hand, for bulk data: numbers of 7 bits a byte, and nested messages with their length
 * in front. Field numbers are below 16, so that a field's tag is one byte.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_WIRE_H
#define VR_MILVUS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VR_WIRE_NUMBER = 0, VR_WIRE_FIXED64 = 1, VR_WIRE_NESTED = 2, VR_WIRE_FIXED32 = 5 };

static inline size_t vr_varint_size(uint64_t value)
{
    size_t size = 1;
    for (; value >= 0x80; value >>= 7)
        size++;
    return size;
}

/* What a text, bytes or message of length bytes takes as a field. */
static inline size_t vr_nested_size(size_t length)
{
    return 1 + vr_varint_size(length) + length;
}

/* Each returns where the next field goes. */

static inline uint8_t *vr_put_varint(uint8_t *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *p++ = (uint8_t)(value | 0x80);
    *p++ = (uint8_t)value;
    return p;
}

static inline uint8_t *vr_put_number(uint8_t *p, unsigned field, uint64_t value)
{
    *p++ = (uint8_t)(field << 3 | VR_WIRE_NUMBER);
    return vr_put_varint(p, value);
}

/* The tag and length of what the caller writes next. */
static inline uint8_t *vr_put_nested(uint8_t *p, unsigned field, size_t length)
{
    *p++ = (uint8_t)(field << 3 | VR_WIRE_NESTED);
    return vr_put_varint(p, length);
}

static inline uint8_t *vr_put_text(uint8_t *p, unsigned field, const char *text)
{
    size_t length = strlen(text);
    p = vr_put_nested(p, field, length);
    memcpy(p, text, length);
    return p + length;
}

#endif
