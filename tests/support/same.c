/* SPDX-License-Identifier: Apache-2.0 */
#include "support/same.h"

#include "support/folder.h"

char *file_content(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    char *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

void assert_same(const vrec_indexer *a, const vrec_indexer *b)
{
    size_t sizes[2], i = 0;
    assert_int_equal(vrec_save(a, "a.index", NULL, NULL), VREC_OK);
    assert_int_equal(vrec_save(b, "b.index", NULL, NULL), VREC_OK);
    char *one = file_content("a.index", &sizes[0]), *other = file_content("b.index", &sizes[1]);
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(one, other, sizes[0]);
    free(one);
    free(other);
    for (; vrec_info(a, i) && vrec_info(b, i); i++) {
        assert_string_equal(vrec_info(a, i)->text, vrec_info(b, i)->text);
        assert_int_equal(vrec_info(a, i)->integer, vrec_info(b, i)->integer);
    }
    assert_true(!vrec_info(a, i) && !vrec_info(b, i));
    assert_int_equal(vrec_rows(a), vrec_rows(b));
}
