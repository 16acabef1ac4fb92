/* Option strings against a table: what they set, and what each mistake is told.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"

#include "core/options.h"

#include <stdio.h>

#define TEN       "1234567890"
#define LONG      TEN TEN TEN TEN TEN TEN "1234"          /* 64 bytes: one too many for a key */
#define VERY_LONG LONG LONG LONG LONG LONG LONG LONG LONG /* 512: one too many for a value */

enum { KIND, METRIC, M, EF_SEARCH, NPROBE, THREADS, SEED, GAMMA, PARAMS, TOKEN };

/* Three kinds of index, as a backend may have them. */
static const vrec_option options[] = {
    [KIND] = { .key = "kind",
               .aliases = "",
               .type = "choice",
               .default_value = "Flat",
               .range = "Flat, HNSW, IVF",
               .stage = "build, open",
               .kinds = "",
               .help = "" },
    [METRIC] = { .key = "metric",
                 .aliases = "metric_type, space",
                 .type = "choice",
                 .default_value = "L2",
                 .range = "L2, IP, cosine",
                 .stage = "build, open",
                 .kinds = "",
                 .help = "" },
    [M] = { .key = "m",
            .aliases = "",
            .type = "int",
            .default_value = "32",
            .range = "2..512",
            .stage = "build",
            .kinds = "HNSW",
            .help = "" },
    [EF_SEARCH] = { .key = "ef_search",
                    .aliases = "efSearch",
                    .type = "int",
                    .default_value = "none",
                    .range = "1..16384",
                    .stage = "build, open, query",
                    .kinds = "HNSW, IVF",
                    .help = "" },
    [NPROBE] = { .key = "nprobe",
                 .aliases = "",
                 .type = "int",
                 .default_value = "1",
                 .range = "1..65536",
                 .stage = "query",
                 .kinds = "IVF",
                 .help = "" },
    [THREADS] = { .key = "threads",
                  .aliases = "n_jobs",
                  .type = "int",
                  .default_value = "-1",
                  .range = "-1..256",
                  .stage = "query",
                  .kinds = "",
                  .help = "" },
    [SEED] = { .key = "seed",
               .aliases = "",
               .type = "uint",
               .default_value = "1234567890987654321",
               .range = "0..18446744073709551615",
               .stage = "build",
               .kinds = "",
               .help = "" },
    [GAMMA] = { .key = "gamma",
                .aliases = "",
                .type = "float",
                .default_value = "none",
                .range = "0..100",
                .stage = "query",
                .kinds = "",
                .help = "" },
    [PARAMS] = { .key = "params",
                 .aliases = "",
                 .type = "text",
                 .default_value = "{}",
                 .range = "anything",
                 .stage = "query",
                 .kinds = "",
                 .help = "" },
    [TOKEN] = { .key = "token",
                .aliases = "",
                .type = "secret",
                .default_value = "none",
                .range = "the token",
                .stage = "build, open",
                .kinds = "",
                .help = "" },
};

enum { COUNT = sizeof options / sizeof options[0] };

static const vr_hint hints[] = {
    { "metric", "angle, angular", "for angles take cosine" },
    { "", "dim, d", "the dimension is that of the items" },
};

static const vr_option_table table = { .backend = "demo",
                                       .options = options,
                                       .count = COUNT,
                                       .kind = &options[KIND],
                                       .hints = hints,
                                       .hint_count = 2 };

static const int64_t defaults[COUNT] = {
    [METRIC] = 0, [M] = 32, [NPROBE] = 1, [THREADS] = -1, [SEED] = 1234567890987654321
};

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
    assert_int_equal(vr_options_set(&before, "params", "before", NULL), VREC_OK);
    after = before;
    assert_failed(vr_options_parse(&after, text, &err), &err, VREC_INVALID, says);
    assert_memory_equal(after.value, before.value, sizeof after.value);
    assert_memory_equal(after.given, before.given, sizeof after.given);
    assert_memory_equal(after.text, before.text, sizeof after.text);
    assert_int_equal(vr_options_parse(&after, text, NULL), VREC_INVALID);
    assert_string_equal(vr_options_text(&after, PARAMS), "before");
    vr_options_free(&before);
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
        { "gamma=0", GAMMA, 0 },
        { "gamma=100", GAMMA, 100 * VR_OPTION_ONE },
        { "gamma=100.000", GAMMA, 100 * VR_OPTION_ONE },
        { "gamma=0.08", GAMMA, 80000 },
        { "gamma=00012.5", GAMMA, 12500000 },
        { "gamma=.5", GAMMA, 500000 },
        { "gamma=3.", GAMMA, 3 * VR_OPTION_ONE },
        { "gamma=0.30000000000000004", GAMMA, 300000 },
        { "gamma=0.0000019", GAMMA, 1 },
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
    static const int64_t values[COUNT] = {
        [METRIC] = 2, [M] = 3, [EF_SEARCH] = 9, [NPROBE] = 1, [THREADS] = 2, [SEED] = 5
    };
    static const bool given[COUNT] = {
        [METRIC] = true, [M] = true, [EF_SEARCH] = true, [THREADS] = true, [SEED] = true
    };
    (void)state;
    assert_memory_equal(o.value, values, sizeof values);
    assert_memory_equal(o.given, given, sizeof given);
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
        vr_options o = parsed("kind=IVF,metric=IP,m=9,ef_search=9,nprobe=9,threads=9,seed=9");
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
    assert_refused("pramas=3", "\"pramas\"; did you mean \"params\"?");
    assert_refused(" m=3", "\" m\"; did you mean \"m\"?");
}

/* A wrong guess is worse than none, and so is one that can't be set there. */
static void nothing_near_is_nothing_said(void **state)
{
    static const char *const far[] = { "n", "filter", "k", "nlist", "searchk", "toppings" };
    vr_options o = parsed(NULL), query;
    (void)state;
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        vrec_error err = { .message = "" };
        char says[64];
        snprintf(says, sizeof says, "demo has no option \"%s\"", far[i]);
        assert_int_equal(vr_options_set(&o, far[i], "3", &err), VREC_INVALID);
        assert_string_equal(err.message, says);
    }
    vrec_error err = { .message = "" };
    assert_int_equal(vr_options_query(&query, &o, NULL, "metrik=L2", &err), VREC_INVALID);
    assert_string_equal(err.message, "demo has no option \"metrik\"");
    assert_int_equal(vr_options_query(&query, &o, "HNSW", "nprob=2", &err), VREC_INVALID);
    assert_string_equal(err.message, "demo has no option \"nprob\"");
    assert_int_equal(vr_options_query(&query, &o, "IVF", "nprob=2", &err), VREC_INVALID);
    assert_string_equal(err.message, "demo has no option \"nprob\"; did you mean \"nprobe\"?");
}

static void words_from_elsewhere_get_advice(void **state)
{
    (void)state;
    assert_refused("metric=Angular",
                   "demo: metric is \"Angular\"; it takes one of L2, IP, cosine; for angles "
                   "take cosine");
    assert_refused("d=3", "demo has no option \"d\"; the dimension is that of the items");
    assert_refused("angle=3", "demo has no option \"angle\"");
    assert_refused("metric=d", "it takes one of L2, IP, cosine");
}

/* ---- Secrets ---- */

static void assert_silent(const char *text)
{
    vr_options o = parsed(NULL);
    vrec_error err = { .message = "" };
    assert_int_equal(vr_options_parse(&o, text, &err), VREC_INVALID);
    assert_true(strlen(err.message) > 0);
    assert_null(strstr(err.message, "hush"));
}

static void no_message_repeats_what_may_be_secret(void **state)
{
    static const char *const slips[] = {
        "tokn=hush",    "tok en=hush",  "token=hush=hush",       "token=a,hush=b",
        "token=a,hush", "token=\"hush", "token=hush,token=hush", "hush",
        "token:hush"
    };
    vr_options o = parsed(NULL);
    vrec_error err = { .message = "" };
    (void)state;
    for (size_t i = 0; i < sizeof slips / sizeof slips[0]; i++)
        assert_silent(slips[i]);
    assert_int_equal(vr_options_set(&o, "tokn=hush", "x", &err), VREC_INVALID);
    assert_string_equal(err.message, "demo has no option \"tokn\"");
    assert_int_equal(vr_options_set(&o, "tokn", "hush", &err), VREC_INVALID);
    assert_string_equal(err.message, "demo has no option \"tokn\"; did you mean \"token\"?");
}

/* Tokens of identity providers are thousands of bytes long; a text isn't. */
static void texts_have_room(void **state)
{
    static char longest[VR_OPTION_SECRET_MAX + 1];
    vr_options o = parsed("params=\"a,b\",token=\"x=\"\"y\"\"\"");
    vrec_error err = { .message = "" };
    (void)state;
    assert_string_equal(vr_options_text(&o, PARAMS), "a,b");
    assert_string_equal(vr_options_text(&o, TOKEN), "x=\"y\"");
    memset(longest, 'x', sizeof longest - 2);
    assert_int_equal(vr_options_set(&o, "token", longest, NULL), VREC_OK);
    assert_string_equal(vr_options_text(&o, TOKEN), longest);
    assert_failed(vr_options_set(&o, "params", longest, &err), &err, VREC_INVALID, "longer than 511 bytes");
    longest[sizeof longest - 2] = 'x';
    assert_failed(vr_options_set(&o, "token", longest, &err), &err, VREC_INVALID, "longer than 8191 bytes");
    assert_string_equal(vr_options_text(&o, PARAMS), "a,b");
    assert_int_equal(vr_options_set(&o, "params", "none", NULL), VREC_OK);
    assert_string_equal(vr_options_text(&o, PARAMS), "{}");
    assert_int_equal(vr_options_set(&o, "token", "none", NULL), VREC_OK);
    assert_string_equal(vr_options_text(&o, TOKEN), "");
    vr_options_free(&o);
}

/* ---- Kinds ---- */

static void a_build_takes_options_of_its_own_kind(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        { NULL, NULL },
        { "kind=hnsw,m=4,ef_search=5", NULL },
        { "kind=IVF,nprobe=2,ef_search=5,seed=3", NULL },
        { "m=none,kind=Flat", NULL },
        { "nprobe=2", "demo: nprobe is for kind=IVF, but it is Flat" },
        { "kind=HNSW,nprobe=2", "demo: nprobe is for kind=IVF, but it is HNSW" },
        { "m=3", "demo: m is for kind=HNSW, but it is Flat" },
        { "ef_search=3,threads=1", "demo: ef_search is for kind=HNSW, IVF, but it is Flat" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_options o = parsed(cases[i].text);
        vrec_error err = { .message = "" };
        vrec_status status = vr_options_check_build(&o, &err);
        if (!cases[i].says)
            assert_int_equal(status, VREC_OK);
        else
            assert_failed(status, &err, VREC_INVALID, cases[i].says);
    }
}

static void an_index_that_is_opened_says_its_kind(void **state)
{
    static const struct {
        const char *text, *kind, *says;
    } cases[] = {
        { "nprobe=2", "IVF", NULL },
        { "nprobe=2", NULL, NULL },
        { "m=3", "IVF", NULL }, /* counts at build alone */
        { "kind=ivf", "IVF", NULL },
        { "kind=HNSW", "IVF", "demo: kind is HNSW, but that of the index is IVF" },
        { "kind=Flat", "IVF", "demo: kind is Flat, but that of the index is IVF" },
        { "nprobe=2", "HNSW", "demo: nprobe is for kind=IVF, but it is HNSW" },
        { "nprobe=2", "Flat", "demo: nprobe is for kind=IVF, but it is Flat" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_options o = parsed(cases[i].text);
        vrec_error err = { .message = "" };
        vrec_status status = vr_options_check_open(&o, cases[i].kind, &err);
        if (!cases[i].says)
            assert_int_equal(status, VREC_OK);
        else
            assert_failed(status, &err, VREC_INVALID, cases[i].says);
    }
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
        { "m", "demo: options are key=value,key=value; \"(hidden: it may hold a secret)\" is not" },
        { "m=3,metric", "is not" },
        { "m,metric=L2", "is not" },
        { "=3", "is not" },
        { ",m=3", "is not" },
        { "m=3,,seed=1", "is not" },
        { "m=3,", "the options end in a comma" },
        { ",", "is not" },
        { "=", "is not" },
        { LONG "=3", "is not" },
        { "m=", "the value of m is empty, too long or badly quoted" },
        { "m=,seed=1", "the value of m is empty" },
        { "gamma=-0.1", "gamma is \"-0.1\"; it takes 0..100" },
        { "gamma=.", "it takes 0..100" },
        { "gamma=100.000001", "it takes 0..100" },
        { "gamma=99999999999999999999999", "it takes 0..100" },
        { "gamma=1e-3", "it takes 0..100" },
        { "gamma=0x1", "it takes 0..100" },
        { "gamma=\"0,5\"", "it takes 0..100" },
        { "gamma=\" 1\"", "it takes 0..100" },
        { "gamma=nan", "it takes 0..100" },
        { "m=3=4", "badly quoted" },
        { "m=\"3", "badly quoted" },
        { "m=\"", "badly quoted" },
        { "m=\"3\"4", "badly quoted" },
        { "m=3\"", "badly quoted" },
        { "m=" VERY_LONG, "m is \"1234" },
        { "params=" VERY_LONG, "longer than 511" },
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
    vr_options base = parsed("m=4,threads=8,params=mine"), o;
    vrec_error err = { .message = "" };
    (void)state;
    assert_int_equal(
        vr_options_query(&o, &base, "HNSW", "efSearch=64,n_jobs=none,params=\"its own\"", NULL), VREC_OK);
    assert_int_equal(o.value[EF_SEARCH], 64);
    assert_int_equal(o.value[THREADS], -1);
    assert_int_equal(o.value[M], 4);
    assert_string_equal(vr_options_text(&o, PARAMS), "its own");
    vr_options_end_query(&o, &base);
    assert_int_equal(base.value[THREADS], 8);
    assert_string_equal(vr_options_text(&base, PARAMS), "mine");
    assert_int_equal(vr_options_query(&o, &base, NULL, NULL, NULL), VREC_OK);
    assert_string_equal(vr_options_text(&o, PARAMS), "mine");
    vr_options_end_query(&o, &base);
    assert_int_equal(vr_options_query(&o, &base, NULL, "params=none", NULL), VREC_OK);
    assert_string_equal(vr_options_text(&o, PARAMS), "{}");
    vr_options_end_query(&o, &base);
    assert_failed(vr_options_query(&o, &base, "HNSW", "params=x,ef_search=5,m=5", &err), &err, VREC_INVALID,
                  "demo: m can't be set for one query; set it on the builder");
    assert_failed(vr_options_query(&o, &base, "HNSW", "ef_search=5,nprobe=5", &err), &err, VREC_INVALID,
                  "demo: nprobe is for kind=IVF, but it is HNSW");
    assert_string_equal(vr_options_text(&base, PARAMS), "mine");
    vr_options_free(&base);
}

/* An indexer lives long and is shared; a secret has no business in it. */
static void an_indexer_keeps_no_secret(void **state)
{
    vr_options given = parsed("m=4,params=mine,token=hush"), kept;
    (void)state;
    assert_int_equal(vr_options_keep(&kept, &given, NULL), VREC_OK);
    vr_options_free(&given);
    assert_int_equal(kept.value[M], 4);
    assert_string_equal(vr_options_text(&kept, PARAMS), "mine");
    assert_string_equal(vr_options_text(&kept, TOKEN), "");
    vr_options_free(&kept);
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
        cmocka_unit_test(nothing_near_is_nothing_said),
        cmocka_unit_test(words_from_elsewhere_get_advice),
        cmocka_unit_test(no_message_repeats_what_may_be_secret),
        cmocka_unit_test(texts_have_room),
        cmocka_unit_test(a_build_takes_options_of_its_own_kind),
        cmocka_unit_test(an_index_that_is_opened_says_its_kind),
        cmocka_unit_test(values_out_of_place),
        cmocka_unit_test(given_twice),
        cmocka_unit_test(malformed_strings),
        cmocka_unit_test(any_bytes_are_survived),
        cmocka_unit_test(setting_one),
        cmocka_unit_test(a_query_overrides_only_what_is_its_own),
        cmocka_unit_test(an_indexer_keeps_no_secret),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
