/* SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include "base/bytes.h"

#include <string.h>

static vrec_status read_at(const vr_reader *reader, uint64_t at, void *out, size_t length, vrec_error *err)
{
    if (reader->input)
        return vr_input_read(reader->input, at, out, length, err);
    if (length > 0)
        memcpy(out, reader->bytes + at, length);
    return VREC_OK;
}

vrec_status vr_reader_bytes(vr_reader *reader, void *out, size_t length, const char *what, vrec_error *err)
{
    if (length > vr_reader_left(reader))
        return vr_fail_at(err, VREC_CORRUPT, vr_at_byte(reader->at),
                          "%s: cut short: %s, %zu bytes from byte %llu on, goes past its end at byte %llu",
                          reader->path, what, length, (unsigned long long)reader->at,
                          (unsigned long long)reader->size);
    vrec_status status = read_at(reader, reader->at, out, length, err);
    if (status == VREC_OK)
        reader->at += length;
    return status;
}

vrec_status vr_reader_u8(vr_reader *reader, uint8_t *out, const char *what, vrec_error *err)
{
    return vr_reader_bytes(reader, out, 1, what, err);
}

vrec_status vr_reader_u32(vr_reader *reader, uint32_t *out, const char *what, vrec_error *err)
{
    uint8_t bytes[4];
    vrec_status status = vr_reader_bytes(reader, bytes, sizeof bytes, what, err);
    if (status == VREC_OK)
        *out = vr_get_u32(bytes);
    return status;
}

vrec_status vr_reader_u64(vr_reader *reader, uint64_t *out, const char *what, vrec_error *err)
{
    uint8_t bytes[8];
    vrec_status status = vr_reader_bytes(reader, bytes, sizeof bytes, what, err);
    if (status == VREC_OK)
        *out = vr_get_u64(bytes);
    return status;
}

vrec_status vr_reader_span(vr_reader *reader, uint64_t count, size_t size, const char *what, vr_span *out,
                           vrec_error *err)
{
    uint64_t left = vr_reader_left(reader);
    if (count > left / size)
        return vr_fail_at(
            err, VREC_CORRUPT, vr_at_byte(reader->at),
            "%s: cut short: from byte %llu on %s should have %llu elements of %zu bytes, but the "
            "file ends at byte %llu",
            reader->path, (unsigned long long)reader->at, what, (unsigned long long)count, size,
            (unsigned long long)reader->size);
    if (count > SIZE_MAX / size)
        return vr_fail_at(err, VREC_UNSUPPORTED, vr_at_byte(reader->at),
                          "%s: %s, at byte %llu, is larger than the address space", reader->path, what,
                          (unsigned long long)reader->at);
    *out = (vr_span){ .at = reader->at, .count = (size_t)count, .size = size };
    reader->at += count * size;
    return VREC_OK;
}

vrec_status vr_reader_copy(const vr_reader *reader, const vr_span *span, size_t first, size_t count,
                           void *out, vrec_error *err)
{
    return read_at(reader, span->at + (uint64_t)first * span->size, out, count * span->size, err);
}

const uint8_t *vr_reader_point(const vr_reader *reader, const vr_span *span)
{
    return reader->input ? NULL : reader->bytes + span->at;
}
