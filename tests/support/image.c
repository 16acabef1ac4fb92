/* SPDX-License-Identifier: Apache-2.0 */
#include "support/image.h"

#include "support/faiss_sample.h"
#include "support/folder.h"

void put(image *to, const void *bytes, size_t size)
{
    assert_true(to->size + size <= sizeof to->bytes);
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

void put_u32(image *to, uint32_t value)
{
    put(to, &value, sizeof value);
}

void put_u64(image *to, uint64_t value)
{
    put(to, &value, sizeof value);
}

vrec_status open_bytes(const void *bytes, size_t size, const char *options, vrec_indexer **out,
                       vrec_error *err)
{
    vrec_error ours, mapped_err = { 0 };
    vrec_indexer *mapped;
    char text[256];
    err = err ? err : &ours;
    *err = (vrec_error){ 0 };
    write_file("a.index", bytes, size);
    snprintf(text, sizeof text, "%s%sload=map", options ? options : "", options && *options ? "," : "");
    vrec_status status = open_index("a.index", options, NULL, out, err);
    assert_int_equal(open_index("a.index", text, NULL, &mapped, &mapped_err), status);
    assert_string_equal(mapped_err.message, err->message);
    vrec_indexer_free(mapped);
    return status;
}

vrec_indexer *open_image(const image *file, const char *options)
{
    vrec_error err;
    vrec_indexer *indexer;
    if (open_bytes(file->bytes, file->size, options, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return indexer;
}
