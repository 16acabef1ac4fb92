/* Text from outside in messages: one printable line of UTF-8, whatever it was, and the reason stands.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"

#include "base/error.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ZH "\xe5\x90\x91\xe9\x87\x8f" /* two characters of three bytes */

static char line[600];

__attribute__((format(printf, 2, 3))) static const char *format(size_t room, const char *text, ...)
{
    va_list args;
    memset(line, '~', sizeof line);
    va_start(args, text);
    vr_text_format(line, room, text, args);
    va_end(args);
    assert_int_equal(line[room], '~');
    return line;
}

static void what_is_printable_stays(void **state)
{
    (void)state;
    static const char *const texts[] = { "",
                                         "items.ann",
                                         "a b\\n%s",
                                         "caf\xc3\xa9",
                                         ZH ".npy",
                                         "\xf0\x9f\x98\x80",
                                         "\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xb4" };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_string_equal(format(100, "%s", texts[i]), texts[i]);
}

static void what_is_not_is_written_out(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        { "a\nvrec: sound", "a\\nvrec: sound" },
        { "\t\r\a\b\v\f", "\\t\\r\\a\\b\\v\\f" },
        { "\x1b[2J\x7f\x01", "\\x1b[2J\\x7f\\x01" },
        { "\xc2\x9b", "\\u009b" }, /* a C1 control */
        { "\xe2\x80\xae"
          "cod.exe",
          "\\u202ecod.exe" }, /* right to left */
        { "\xe2\x80\xa8\xef\xbb\xbf", "\\u2028\\ufeff" },
        { "caf\xe9.npy", "caf\\xe9.npy" }, /* Latin-1 */
        { "caf\xe9", "caf\\xe9" },
        { "\x9b\xff\xc0\xaf", "\\x9b\\xff\\xc0\\xaf" }, /* no UTF-8, too long */
        { "\xed\xa0\x80\xf4\x90\x80\x80", "\\xed\\xa0\\x80\\xf4\\x90\\x80\\x80" },
        { "\xe5\x90", "\\xe5\\x90" },
        { "\xf3\xa0\x81\x81", "\\U000e0041" },
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_string_equal(format(100, "%s", texts[i][0]), texts[i][1]);
        assert_string_equal(format(100, "%s", texts[i][1]), texts[i][1]);
    }
}

static void conversions(void **state)
{
    (void)state;
    assert_string_equal(format(200, "%d %u %zu %ld %lld %llu %08x %c%c %g %.1f 100%% %s|%.3s|%.*s|%-4d|",
                               -1, 2u, (size_t)3, -4L, -5LL, 6ULL, 0x7fu, 'x', '\n', 0.5, 1.25, "s", "abcd",
                               2, "efg", 7),
                        "-1 2 3 -4 -5 6 0000007f x\\n 0.5 1.2 100% s|abc|ef|7   |");
    assert_string_equal(format(200, "%zu %llu", SIZE_MAX, 18446744073709551615ULL),
                        "18446744073709551615 18446744073709551615");
    assert_string_equal(format(100, "%.4s|", ZH), "\xe5\x90\x91|"); /* cut at a character */
    assert_string_equal(format(100, "%.3s|", ZH), "\xe5\x90\x91|");
    assert_string_equal(format(100, "%.9s|", ZH), ZH "|");
    assert_string_equal(format(1, "%s", "abc"), "");
    assert_string_equal(format(4, "abcdef"), "abc");
    assert_string_equal(format(6, ZH),
                        "\xe5\x90\x91"); /* a room too small for a format ends with a character */
}

static void copies_end_with_a_character(void **state)
{
    (void)state;
    static const char text[] = "ab" ZH "c";
    static const size_t fits[] = { 0, 1, 2, 2, 2, 5, 5, 5, 8, 9 };
    for (size_t room = 1; room <= 10; room++) {
        memset(line, '~', sizeof line);
        vr_text_fit(line, room, text, strlen(text));
        assert_int_equal(strlen(line), fits[room - 1]);
        assert_memory_equal(line, text, strlen(line));
    }
    vr_text_fit(line, sizeof line, "a\nb\r\tc\x1b", 7);
    assert_string_equal(line, "a b  c\x1b");
}

/* A long name is shortened in its middle; what is said of it is whole, as is every shorter name. */
static void long_names(void **state)
{
    (void)state;
    char path[5000];
    for (size_t length = 0; length < 4990; length = length < 600 ? length + 1 : length + 311) {
        for (size_t i = 0; i < length; i++)
            path[i] = "/folder"[i % 7];
        strcpy(path + length, ".ann");
        const char *said = format(504, "opening %s for %s: %s", path, "a short name", "No such file");
        assert_true(strncmp(said, "opening ", 8) == 0);
        assert_non_null(strstr(said, ".ann for a short name: No such file"));
        assert_true(strlen(said) < 504);
        if (length < 450)
            assert_non_null(strstr(said, path));
        else if (length > 500)
            assert_true(strlen(said) > 490 && strstr(said, "\xe2\x80\xa6") != NULL);
    }
}

static void long_names_of_what_is_not_ascii(void **state)
{
    (void)state;
    char path[1000];
    static const char *const characters[] = { "\xe9", "\n", "\xe5\x90\x91", "\xf0\x9f\x98\x80",
                                              "\xe2\x80\xae" };
    for (size_t c = 0; c < 5; c++)
        for (size_t room = 1; room < 504; room++) {
            path[0] = '\0';
            while (strlen(path) + 5 < sizeof path)
                strcat(path, characters[c]);
            const char *said = format(room, "%s: %s", path, "why");
            assert_true(strlen(said) < room);
            assert_int_equal(vr_text_cut(said, strlen(said)), strlen(said));
            if (room > 20)
                assert_string_equal(said + strlen(said) - 5, ": why");
        }
}

static void an_errors_reason_stands(void **state)
{
    (void)state;
    char path[4096];
    vrec_error err;
    memset(path, 'p', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(vr_fail_errno(&err, ENOENT, "opening %s", path), VREC_IO);
    assert_non_null(strstr(err.message, "p: No such file or directory"));
    assert_int_equal(err.system_error, ENOENT);
    assert_true(strlen(err.message) < sizeof err.message);
    vr_fail_errno(&err, 99999, "opening %s", "x\n");
    assert_true(strncmp(err.message, "opening x\\n: ", 13) == 0 && strlen(err.message) > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_printable_stays),
        cmocka_unit_test(what_is_not_is_written_out),
        cmocka_unit_test(conversions),
        cmocka_unit_test(copies_end_with_a_character),
        cmocka_unit_test(long_names),
        cmocka_unit_test(long_names_of_what_is_not_ascii),
        cmocka_unit_test(an_errors_reason_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
