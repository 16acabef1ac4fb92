/* Names and their lines, and the hash that the table of them stands on. SPDX-License-Identifier: Apache-2.0
 */
#include "base/hash.h"
#include "base/memory.h"
#include "core/names.h"
#include "support/failed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const vr_lines given = { .before = "names: ", .subject = "names" };
static const vr_lines in_file = { .before = "", .subject = "", .above = 1 };

static vrec_status make(const char *text, size_t size, size_t rows, const vr_lines *lines, vr_names **out,
                        vrec_error *err)
{
    char *copy = vr_alloc(size + 1, 1);
    assert_non_null(copy);
    memcpy(copy, text, size);
    return vr_names_make(copy, size, rows, lines, out, err);
}

static void hashes_are_those_of_xxh64(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t seed, hash;
    } known[] = {
        { "", 0, 0xef46db3751d8e999 },
        { "a", 0, 0xd24ec4f1a98c6e5b },
        { "abc", 0, 0x44bc2cf5ad770999 },
        { "Nobody inspects the spammish repetition", 0, 0xfbcea83c8a378bf1 },
        { "The quick brown fox jumps over the lazy dog", 0, 0x0b242d361fda71bc },
        { "xxhash", 20141025, 0xb559b98d844e0635 },
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_int_equal(vr_hash_of(known[i].text, strlen(known[i].text), known[i].seed), known[i].hash);
    uint8_t bytes[200];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37);
    for (size_t cut = 0; cut <= sizeof bytes; cut++) /* added in three parts */
        for (size_t step = 0; step < 40 && cut + step <= sizeof bytes; step += 13) {
            vr_hash hash;
            vr_hash_start(&hash, 7);
            vr_hash_add(&hash, bytes, cut);
            vr_hash_add(&hash, bytes + cut, step);
            vr_hash_add(&hash, bytes + cut + step, sizeof bytes - cut - step);
            assert_int_equal(vr_hash_end(&hash), vr_hash_of(bytes, sizeof bytes, 7));
        }
}

static void names_lead_to_rows_and_back(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    char *text = malloc(MANY * 16), name[16];
    size_t size = 0;
    vr_names *names;
    assert_non_null(text);
    for (size_t i = 0; i < MANY; i++)
        size += (size_t)sprintf(text + size, "n\xc3\xa4me %zu\n", i * 7919 % MANY);
    for (size_t end = 0; end < 2; end++) { /* also without the last newline */
        assert_int_equal(make(text, size - end, MANY, &given, &names, NULL), VREC_OK);
        for (size_t i = 0; i < MANY; i++) {
            sprintf(name, "n\xc3\xa4me %zu", i * 7919 % MANY);
            assert_string_equal(vr_name_of(names, i), name);
            assert_int_equal(vr_names_find(names, name), i);
        }
        assert_int_equal(vr_names_find(names, "n\xc3\xa4me"), MANY);
        assert_int_equal(vr_names_find(names, ""), MANY);
        vr_names_free(names);
    }
    free(text);
}

static void wrong_lines_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t size; /* 0: of the text */
        const char *says;
        int64_t row;
    } cases[] = {
        { "a\nb\nc\nd\n", 0, "line 4 is one too many, since there are 3 items", 3 },
        { "a\nb\nc\n\n", 0, "line 4 is one too many", 3 },
        { "a\nb\n", 0, "there are 2 lines, but 3 items", -1 },
        { "", 0, "there are 0 lines, but 3 items", -1 },
        { "a\n\nc\n", 0, "line 2 is empty", 1 },
        { "\n\n\n", 0, "line 1 is empty", 0 },
        { "a\nb\r\nc\r\n", 0, "line 2 ends with CR LF", 1 },
        { "a\n\r\nc", 0, "line 2 ends with CR LF", 1 },
        { "a\nb\na", 0, "line 3 is \"a\", as is line 1", 2 },
        { "a\nb\nb\n", 0, "line 3 is \"b\", as is line 2", 2 },
        { "a\nb\x80\nc\n", 0, "line 2 is no UTF-8: byte 0x80, number 2 of it", 1 },
        { "a\nbbbbbbbbb\xc3\nc\n", 0, "line 2 is no UTF-8: byte 0xc3, number 10 of it", 1 },
        { "a\n\xed\xa0\x80\nc\n", 0, "line 2 is no UTF-8: byte 0xed, number 1 of it", 1 },
        { "a\nb\nc\xff", 0, "line 3 is no UTF-8", 2 },
        { "a\0b\nb\nc\n", 8, "line 1 holds a NUL byte", 0 },
        { "\xef\xbb\xbf"
          "a\nb\nc\n",
          0, "line 1 begins with a byte order mark", 0 },
    };
    vr_names *names;
    vrec_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = cases[i].size > 0 ? cases[i].size : strlen(cases[i].text);
        assert_failed(make(cases[i].text, size, 3, &given, &names, &err), &err, VREC_INVALID,
                      cases[i].says);
        assert_null(names);
        assert_int_equal(err.row, cases[i].row);
        assert_string_equal(err.subject, "names");
        assert_non_null(strstr(err.message, "names: "));
    }
    assert_failed(make("a\nb\n\n", 5, 3, &in_file, &names, &err), &err, VREC_CORRUPT, "line 4 is empty");
    assert_failed(make("a\nb\na\n", 6, 3, &in_file, &names, &err), &err, VREC_CORRUPT,
                  "line 4 is \"a\", as is line 2");
}

static void numbers_are_read_as_they_are_written(void **state)
{
    (void)state;
    static const char *const wrong[] = { "1\n2\n+3\n",  "1\n2\n03\n", "1\n2\n3 \n",
                                         "1\n2\n\n",    "1\n2\n-0\n", "1\n2\n9223372036854775808\n",
                                         "1\n2\n3.0\n", "1\n2\n3\r\n" };
    static const char right[] = "0\n-9223372036854775808\n9223372036854775807\n";
    int64_t ids[3];
    vrec_error err;
    assert_int_equal(vr_lines_to_ids(right, sizeof right - 1, 3, &in_file, ids, &err), VREC_OK);
    assert_true(ids[0] == 0 && ids[1] == INT64_MIN && ids[2] == INT64_MAX);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_failed(vr_lines_to_ids(wrong[i], strlen(wrong[i]), 3, &in_file, ids, &err), &err,
                      VREC_CORRUPT, "line 4 is no whole number of 64 bits");
    assert_failed(vr_lines_to_ids("1\n-1\n3\n", 7, 3, &in_file, ids, &err), &err, VREC_CORRUPT, "is -1");
    assert_failed(vr_lines_to_ids("1\n3\n3\n", 6, 3, &in_file, ids, &err), &err, VREC_CORRUPT,
                  "both have the id 3");
    assert_failed(vr_lines_to_ids("1\n3\n", 4, 3, &in_file, ids, &err), &err, VREC_CORRUPT,
                  "there are 2 lines, but 3 items");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_those_of_xxh64),
        cmocka_unit_test(names_lead_to_rows_and_back),
        cmocka_unit_test(wrong_lines_are_named),
        cmocka_unit_test(numbers_are_read_as_they_are_written),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
