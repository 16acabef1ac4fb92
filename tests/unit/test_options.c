/* Option strings against a table: what they set, and what each mistake is told.
 * SPDX-License-Identifier: Apache-2.0 */
#include "failed.h"

#include "core/options.h"

#include <stdio.h>

#define TEN       "1234567890"
#define LONG      TEN TEN TEN TEN TEN TEN "1234"          /* 64 bytes: one too many for a key */
#define VERY_LONG LONG LONG LONG LONG LONG LONG LONG LONG /* 512: one too many for a value */

enum { METRIC, M, EF_SEARCH, THREADS, SEED };

static const vrec_option options[] = {
    [METRIC] = { "metric", "metric_type, space", "choice", "L2", "L2, IP, cosine", "index", "" },
    [M] = { "m", "", "int", "32", "2..512", "index", "" },
    [EF_SEARCH] = { "ef_search", "efSearch", "int", "none", "1..16384", "query", "" },
    [THREADS] = { "threads", "n_jobs", "int", "-1", "-1..256", "query", "" },
    [SEED] = { "seed", "", "uint", "1234567890987654321", "0..18446744073709551615", "index", "" },
};

enum { COUNT = sizeof options / sizeof options[0] };

static const vr_option_table table = { .backend = "demo", .options = options, .count = COUNT };

static const int64_t defaults[COUNT] = { 0, 32, 0, -1, 1234567890987654321 };

static vr_options parsed(const char *text)
{
    vr_options o;
    vrec_error err = { .message = "" };
    vr_options_init(&o, &table);
    if (vr_options_parse(&o, text, &err) != VREC_OK)
        fail_msg("\"%s\": %s", text ? text : "(NULL)", err.message);
    return o;
}

/* Also that nothing has changed, not even by what was right before the mistake. */
static void assert_refused(const char *text, const char *says)
{
    vr_options before, after;
    vrec_error err = { .message = "" };
    memset(&before, 0, sizeof before);
    vr_options_init(&before, &table);
    before.value[M] = 77;
    after = before;
    assert_failed(vr_options_parse(&after, text, &err), &err, VREC_INVALID, says);
    assert_memory_equal(after.value, before.value, sizeof after.value);
    assert_memory_equal(after.given, before.given, sizeof after.given);
    assert_int_equal(vr_options_parse(&after, text, NULL), VREC_INVALID);
}

/* ---- What is right ---- */

static void defaults_come_from_the_table(void **state)
{
    static const char *const nothing[] = { NULL, "" };
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        vr_options o = parsed(nothing[n]);
        assert_ptr_equal(o.table, &table);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(o.value[i], defaults[i]);
            assert_false(o.given[i]);
        }
    }
}

static void strings_set_options(void **state)
{
    static const struct {
        const char *text;
        size_t option;
        int64_t value;
    } cases[] = {
        { "metric=IP", METRIC, 1 },
        { "metric=cosine", METRIC, 2 },
        { "metric=ip", METRIC, 1 },
        { "metric=CoSiNe", METRIC, 2 },
        { "metric=\"IP\"", METRIC, 1 },
        { "metric_type=IP", METRIC, 1 },
        { "space=IP", METRIC, 1 },
        { "m=2", M, 2 },
        { "m=512", M, 512 },
        { "m=007", M, 7 },
        { "m=\"16\"", M, 16 },
        { "ef_search=1", EF_SEARCH, 1 },
        { "efSearch=16384", EF_SEARCH, 16384 },
        { "threads=-1", THREADS, -1 },
        { "n_jobs=0", THREADS, 0 },
        { "seed=0", SEED, 0 },
        { "seed=9223372036854775807", SEED, INT64_MAX },
        { "seed=9223372036854775808", SEED, INT64_MIN },
        { "seed=18446744073709551615", SEED, -1 },
    };
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        vr_options o = parsed(cases[c].text);
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(o.value[i], i == cases[c].option ? cases[c].value : defaults[i]);
            assert_int_equal(o.given[i], i == cases[c].option);
        }
    }
}

static void strings_set_many_options(void **state)
{
    vr_options o = parsed("threads=2,metric=\"cosine\",seed=5,m=\"3\",efSearch=9");
    static const int64_t values[COUNT] = { 2, 3, 9, 2, 5 };
    (void)state;
    assert_memory_equal(o.value, values, sizeof values);
    for (size_t i = 0; i < COUNT; i++)
        assert_true(o.given[i]);
}

static void later_calls_add_to_earlier_ones(void **state)
{
    vr_options o = parsed("m=4,metric=IP");
    (void)state;
    assert_int_equal(vr_options_parse(&o, "m=5", NULL), VREC_OK);
    assert_int_equal(vr_options_set(&o, "n_jobs", "3", NULL), VREC_OK);
    assert_int_equal(o.value[M], 5);
    assert_int_equal(o.value[METRIC], 1);
    assert_int_equal(o.value[THREADS], 3);
}

static void none_means_unset(void **state)
{
    static const char *const nones[] = { "none", "NONE", "None" };
    (void)state;
    for (size_t n = 0; n < 3; n++) {
        vr_options o = parsed("metric=IP,m=9,ef_search=9,threads=9,seed=9");
        for (size_t i = 0; i < COUNT; i++) {
            assert_int_equal(vr_options_set(&o, options[i].key, nones[n], NULL), VREC_OK);
            assert_int_equal(o.value[i], defaults[i]);
            assert_false(o.given[i]);
        }
    }
    assert_int_equal(parsed("m=\"none\",seed=none").value[M], 32);
}

/* ---- What is wrong ---- */

static void unknown_keys_name_the_nearest(void **state)
{
    (void)state;
    assert_refused("metrik=L2", "demo has no option \"metrik\"; did you mean \"metric\"?");
    assert_refused("m=3,treads=2", "\"treads\"; did you mean \"threads\"?");
    assert_refused("METRIC=L2", "\"METRIC\"; did you mean \"metric\"?");
    assert_refused("EfSearch=3", "\"EfSearch\"; did you mean \"ef_search\"?");
    assert_refused("n=3", "\"n\"; did you mean \"m\"?");
    assert_refused(" m=3", "\" m\"; did you mean \"m\"?");
}

static void values_out_of_place(void **state)
{
    static const char *const numbers[] = { "1",
                                           "513",
                                           "-2",
                                           "+3",
                                           " 3",
                                           "3 ",
                                           "3x",
                                           "x",
                                           "-",
                                           "--3",
                                           "3.0",
                                           "1e2",
                                           "0x10",
                                           "99999999999999999999",
                                           "-99999999999999999999",
                                           "L2" };
    static const char *const seeds[] = { "-1", "18446744073709551616", "+1", " 1", "1x", "x", "" };
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char text[64], says[96];
        snprintf(text, sizeof text, "m=%s", numbers[i]);
        snprintf(says, sizeof says, "demo: m is \"%s\"; it takes 2..512", numbers[i]);
        assert_refused(text, says);
    }
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        vr_options o = parsed(NULL);
        vrec_error err = { .message = "" };
        assert_failed(vr_options_set(&o, "seed", seeds[i], &err), &err, VREC_INVALID, "demo: seed is");
    }
    assert_refused("metric=L3", "demo: metric is \"L3\"; it takes one of L2, IP, cosine");
    assert_refused("metric=L", "metric is \"L\"");
    assert_refused("metric=\"L2, IP\"", "metric is \"L2, IP\"");
    assert_refused("metric=\"\"", "metric is \"\"");
    assert_refused("m=\"\"", "m is \"\"");
}

static void given_twice(void **state)
{
    (void)state;
    assert_refused("m=3,m=3", "demo: m is given twice (last as \"m\")");
    assert_refused("metric=L2,m=3,space=L2", "demo: metric is given twice (last as \"space\")");
    assert_refused("efSearch=3,ef_search=none", "demo: ef_search is given twice (last as \"ef_search\")");
}

static void malformed_strings(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { "m", "demo: options are key=value,key=value; \"m\" is not" },
        { "m=3,metric", "\"metric\" is not" },
        { "m,metric=L2", "\"m,metric=L2\" is not" },
        { "=3", "\"=3\" is not" },
        { ",m=3", "\",m=3\" is not" },
        { "m=3,,seed=1", "\",seed=1\" is not" },
        { "m=3,", "the options end in a comma" },
        { ",", "\",\" is not" },
        { "=", "\"=\" is not" },
        { LONG "=3", "is not" },
        { "m=", "the value of m is empty, too long or badly quoted" },
        { "m=,seed=1", "the value of m is empty" },
        { "m=3=4", "badly quoted" },
        { "m=\"3", "badly quoted" },
        { "m=\"", "badly quoted" },
        { "m=\"3\"4", "badly quoted" },
        { "m=3\"", "badly quoted" },
        { "m=" VERY_LONG, "too long" },
        { "m=\"" VERY_LONG "\"", "too long" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_refused(cases[i].text, cases[i].says);
}

/* Whatever is cut off or put in, the answer is yes or a sentence. */
static void any_bytes_are_survived(void **state)
{
    static const char good[] = "threads=2,metric=\"cosine\",seed=5,m=\"3\",efSearch=9";
    (void)state;
    for (size_t i = 0; i < sizeof good; i++)
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof good];
            vr_options o;
            vrec_error err = { .message = "" };
            memcpy(text, good, sizeof good);
            text[i] = (char)byte;
            text[sizeof good - 1] = '\0';
            vr_options_init(&o, &table);
            assert_true(vr_options_parse(&o, text, &err) == VREC_OK || strlen(err.message) > 0);
        }
}

static void setting_one(void **state)
{
    vr_options o = parsed("m=4");
    vrec_error err = { .message = "" };
    (void)state;
    assert_failed(vr_options_set(&o, NULL, "3", &err), &err, VREC_INVALID, "NULL");
    assert_failed(vr_options_set(&o, "m", NULL, &err), &err, VREC_INVALID, "NULL");
    assert_failed(vr_options_set(&o, "", "3", &err), &err, VREC_INVALID, "demo has no option \"\"");
    assert_failed(vr_options_set(&o, "m", "1", &err), &err, VREC_INVALID, "m is \"1\"");
    assert_failed(vr_options_set(&o, "m", LONG, &err), &err, VREC_INVALID, "m is \"" TEN);
    assert_int_equal(o.value[M], 4);
}

/* ---- One query's options ---- */

static void a_query_overrides_only_what_is_its_own(void **state)
{
    vr_options o = parsed("m=4,threads=8");
    vrec_error err = { .message = "" };
    (void)state;
    assert_int_equal(vr_options_override(&o, "efSearch=64,n_jobs=none", NULL), VREC_OK);
    assert_int_equal(o.value[EF_SEARCH], 64);
    assert_int_equal(o.value[THREADS], -1);
    assert_int_equal(vr_options_override(&o, NULL, NULL), VREC_OK);
    assert_failed(vr_options_override(&o, "ef_search=5,m=5", &err), &err, VREC_INVALID,
                  "demo: m can't be set for one query; set it on the builder");
    assert_int_equal(o.value[EF_SEARCH], 64);
    assert_int_equal(o.value[M], 4);
}

/* ---- Lists and names ---- */

static void lists_are_cut_at_commas(void **state)
{
    char item[VR_OPTION_TEXT];
    (void)state;
    assert_true(vr_list_item("L2, IP,cosine", 0, item));
    assert_string_equal(item, "L2");
    assert_true(vr_list_item("L2, IP,cosine", 1, item));
    assert_string_equal(item, "IP");
    assert_true(vr_list_item("L2, IP,cosine", 2, item));
    assert_string_equal(item, "cosine");
    assert_false(vr_list_item("L2, IP,cosine", 3, item));
    assert_false(vr_list_item("", 0, item));
    assert_true(vr_list_item(LONG, 0, item));
    assert_int_equal(strlen(item), VR_OPTION_TEXT - 1);
}

static const char *name_at(const void *names, size_t i)
{
    return ((const char *const *)names)[i];
}

static void the_nearest_name(void **state)
{
    static const char *const names[] = { "annoy", "faiss", "milvus", LONG LONG };
    static const struct {
        const char *text;
        size_t nearest;
    } cases[] = { { "annoy", 0 }, { "FAISS", 1 }, { "fais", 1 },   { "faizz", 1 },      { "mlivus", 2 },
                  { "mil", 2 },   { "any", 0 },   { LONG TEN, 3 }, { LONG LONG TEN, 3 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(vr_nearest(cases[i].text, name_at, names, 4), cases[i].nearest);
    assert_true(vr_nearest("", name_at, names, 4) < 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_come_from_the_table),
        cmocka_unit_test(strings_set_options),
        cmocka_unit_test(strings_set_many_options),
        cmocka_unit_test(later_calls_add_to_earlier_ones),
        cmocka_unit_test(none_means_unset),
        cmocka_unit_test(unknown_keys_name_the_nearest),
        cmocka_unit_test(values_out_of_place),
        cmocka_unit_test(given_twice),
        cmocka_unit_test(malformed_strings),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(setting_one),
        cmocka_unit_test(a_query_overrides_only_what_is_its_own),
        cmocka_unit_test(lists_are_cut_at_commas),
        cmocka_unit_test(the_nearest_name),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
