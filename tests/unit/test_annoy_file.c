/* Annoy's files, in and out: nothing in them is believed without a check.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/annoy_sample.h"

#include "annoy/annoy.h"
#include "base/memory.h"

#include <math.h>

enum { ROWS = 100, DIM = 4, TOP_K = 10 };

static const struct {
    const char *options;
    vr_annoy_metric metric;
    bool current;
} kinds[] = { { "metric=angular,n_trees=5", VR_ANNOY_ANGULAR, false },
              { "metric=euclidean,n_trees=5", VR_ANNOY_EUCLIDEAN, false },
              { "metric=dot,n_trees=5", VR_ANNOY_DOT, false },
              { "metric=dot,n_trees=5,dot_layout=current", VR_ANNOY_DOT, true } };

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *with_dim(const char *options, size_t dim)
{
    static char text[120];
    snprintf(text, sizeof text, "d=%zu,%s", dim, options);
    return text;
}

/* Opens bytes as a file and asks it something: either is an error that says something, or the answers
 * are ids of items. Returns the first error, or that of verifying. */
static vrec_status try_bytes(const char *options, const void *bytes, size_t size, bool verify,
                             vrec_error *err)
{
    int64_t ids[2 * TOP_K];
    float distances[2 * TOP_K], queries[2 * DIM] = { 1, -1, 1, 0.5f, 0, 0, 0, 0 };
    vrec_indexer *indexer;
    *err = (vrec_error){ 0 };
    write_file("hostile.annoy", bytes, size);
    vrec_status status = open_forest(options, "hostile.annoy", &indexer, err);
    if (status != VREC_OK) {
        assert_true(strstr(err->message, "hostile.annoy") != NULL);
        return status;
    }
    vrec_matrix matrix = vrec_matrix_f32(queries, 2, DIM);
    vrec_query_options wide = { .struct_size = sizeof wide, .threads = 1, .overrides = "searchk=1000000" };
    status = vrec_query(indexer, &matrix, TOP_K, NULL,
                        &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, err);
    if (status == VREC_OK)
        status = vrec_query(indexer, &matrix, TOP_K, &wide,
                            &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, err);
    for (size_t i = 0; i < 2 * TOP_K; i++)
        assert_true(ids[i] >= -1 && ids[i] < (int64_t)vrec_rows(indexer));
    vrec_indexer_free(indexer);
    if (verify && status == VREC_OK)
        status = verify_forest_file(options, "hostile.annoy", err);
    assert_true((status == VREC_OK) == (err->message[0] == '\0'));
    return status;
}

/* ---- Good files ---- */

static void opened_files_are_saved_as_they_were(void **state)
{
    (void)state;
    static const char *const loads[] = { "load=map", "load=read", "load=map,prefault=yes" };
    for (size_t i = 0; i < KINDS; i++)
        for (size_t l = 0; l < 3; l++) {
            char options[120];
            vrec_error err;
            vrec_indexer *indexer;
            forest_file file = build_file(kinds[i].options, ROWS, DIM);
            snprintf(options, sizeof options, "d=%d,%s,%s", DIM, kinds[i].options, loads[l]);
            assert_int_equal(open_forest(options, "sample.annoy", &indexer, &err), VREC_OK);
            assert_int_equal(vrec_rows(indexer), ROWS);
            assert_int_equal(vrec_larger_is_nearer(indexer), kinds[i].metric == VR_ANNOY_DOT);
            assert_int_equal(vrec_save(indexer, "sample.annoy", NULL, &err), VREC_OK); /* over itself */
            assert_file("sample.annoy", file.bytes, file.size);
            vrec_indexer_free(indexer);
            assert_int_equal(verify_forest_file(options, "sample.annoy", &err), VREC_OK);
            free(file.bytes);
        }
}

static void the_dot_layout_is_found_out(void **state)
{
    (void)state;
    for (size_t current = 0; current < 2; current++)
        for (size_t rows = 1; rows < 60; rows++) {
            vrec_error err = { 0 };
            vrec_indexer *indexer;
            forest_file file =
                build_file(current ? "metric=dot,dot_layout=current" : "metric=dot", rows, DIM);
            if (open_forest("d=4,metric=dot", "sample.annoy", &indexer, &err) != VREC_OK)
                fail_msg("%zu rows: %s", rows, err.message);
            assert_string_equal(fact_text(indexer, "dot_layout"), current ? "current" : "1.17.3");
            vrec_indexer_free(indexer);
            free(file.bytes);
        }
}

/* As many as Annoy counts after loading: 2q - 1 if all trees are one bucket, and one more for a single
 * angular item, which looks like a root. */
static void trees_are_counted_as_annoy_does(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t rows;
        const char *trees;
    } cases[] = { { "n_trees=4", 1, "9" },  { "n_trees=4,metric=euclidean", 1, "8" },
                  { "n_trees=4", 2, "7" },  { "n_trees=4,metric=dot", 1, "8" },
                  { "n_trees=4", 6, "7" },  { "n_trees=4", 7, "4" },
                  { "n_trees=1", 50, "1" }, { "n_trees=4,metric=dot", 50, "4" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float *items = sample_items(cases[i].rows, DIM);
        vrec_indexer *indexer = build_forest(cases[i].options, items, cases[i].rows, DIM);
        assert_string_equal(fact_text(indexer, "n_trees"), cases[i].trees);
        vrec_indexer_free(indexer);
        free(items);
    }
}

/* Ids 5 and 8 of nine: a root bucket as Annoy writes it, filled with 0. And id 5 of six alone: a root that
 * looks like a split. */
static void files_with_holes(void **state)
{
    (void)state;
    vr_annoy_layout layout = vr_annoy_layout_of(VR_ANNOY_ANGULAR, 10, false);
    uint8_t bytes[13 * 52] = { 0 };
    for (uint32_t id = 5; id <= 8; id += 3) {
        vr_node_put_int(bytes + id * layout.size, 0, 1);
        vr_node_put_float(bytes + id * layout.size, layout.norm, 1.0f);
        vr_node_put_float(bytes + id * layout.size, layout.vector, id == 5 ? 1.0f : -1.0f);
    }
    for (uint32_t i = 9; i < 13; i++) {
        vr_node_put_int(bytes + i * layout.size, 0, 9);
        vr_node_put_int(bytes + i * layout.size, layout.children, 5);
        vr_node_put_int(bytes + i * layout.size, layout.children + 4, 8);
    }
    vrec_error err;
    vrec_indexer *indexer;
    int64_t ids[3];
    float distances[3], query[10] = { -1 };
    write_file("holes.annoy", bytes, sizeof bytes);
    assert_int_equal(open_forest("d=10", "holes.annoy", &indexer, &err), VREC_OK);
    assert_int_equal(vrec_rows(indexer), 9);
    assert_string_equal(fact_text(indexer, "n_trees"), "3");
    ask_forest(indexer, query, 1, 3, -1, 1, ids, distances, NULL);
    assert_true(ids[0] == 8 && ids[1] == 5 && ids[2] == -1 && distances[0] == 0.0f && distances[1] == 2.0f);
    vrec_indexer_free(indexer);
    if (verify_forest_file("d=10", "holes.annoy", &err) != VREC_OK)
        fail_msg("%s", err.message);

    layout = vr_annoy_layout_of(VR_ANNOY_ANGULAR, 3, false);
    memset(bytes, 0, sizeof bytes);
    vr_node_put_int(bytes + 5 * layout.size, 0, 1);
    vr_node_put_float(bytes + 5 * layout.size, layout.vector, 1.0f);
    for (uint32_t i = 6; i < 10; i++) {
        vr_node_put_int(bytes + i * layout.size, 0, 6);
        vr_node_put_int(bytes + i * layout.size, layout.children, 5);
    }
    write_file("holes.annoy", bytes, 10 * layout.size);
    assert_int_equal(open_forest("d=3", "holes.annoy", &indexer, &err), VREC_OK);
    assert_string_equal(fact_text(indexer, "n_trees"), "3");
    ask_forest(indexer, query, 1, 3, -1, 1, ids, distances, NULL);
    assert_true(ids[0] == 5 && ids[1] == -1);
    vrec_indexer_free(indexer);
    if (verify_forest_file("d=3", "holes.annoy", &err) != VREC_OK)
        fail_msg("%s", err.message);
}

/* ---- Bad files ---- */

typedef struct victim {
    forest_file file;
    vr_annoy_layout layout;
    uint32_t count;
} victim;

static victim make_victim(size_t kind)
{
    victim v = { .file = build_file(kinds[kind].options, ROWS, DIM) };
    v.layout = vr_annoy_layout_of(kinds[kind].metric, DIM, kinds[kind].current);
    v.count = (uint32_t)(v.file.size / v.layout.size);
    return v;
}

static uint32_t make_count(size_t kind)
{
    victim v = make_victim(kind);
    free(v.file.bytes);
    return v.count;
}

static uint8_t *node_of(const victim *v, uint32_t i)
{
    return v->file.bytes + i * v->layout.size;
}

static void set_roots(victim *v, uint32_t descendants)
{
    for (uint32_t i = v->count - 5; i < v->count; i++)
        vr_node_put_int(node_of(v, i), 0, descendants);
    vr_node_put_int(node_of(v, v->count - 6), 0, descendants);
}

static void set_buckets(victim *v, size_t offset, uint32_t value)
{
    for (uint32_t i = ROWS; i < v->count - 6; i++)
        if (vr_node_descendants(node_of(v, i)) <= (int32_t)v->layout.capacity)
            vr_node_put_int(node_of(v, i), offset ? v->layout.children : 0, value);
}

static void set_children(victim *v, uint32_t value)
{
    for (uint32_t i = ROWS; i < v->count; i++)
        if (vr_node_descendants(node_of(v, i)) > (int32_t)v->layout.capacity)
            vr_node_put_int(node_of(v, i), v->layout.children, value);
}

static void last_negative(victim *v)
{
    vr_node_put_int(node_of(v, v->count - 1), 0, UINT32_MAX);
}
static void roots_negative(victim *v)
{
    set_roots(v, (uint32_t)-5);
}
static void roots_large(victim *v)
{
    set_roots(v, 1000000);
}
static void roots_largest(victim *v)
{
    set_roots(v, INT32_MAX);
}
static void buckets_negative(victim *v)
{
    set_buckets(v, 0, UINT32_MAX);
}
static void buckets_least(victim *v)
{
    set_buckets(v, 0, (uint32_t)INT32_MIN);
}
static void all_ones(victim *v)
{
    memset(v->file.bytes, 0xff, v->file.size);
}
static void child_large(victim *v)
{
    set_children(v, 1000000);
}
static void child_negative(victim *v)
{
    set_children(v, (uint32_t)-7);
}
static void child_count(victim *v)
{
    set_children(v, v->count);
}
static void id_large(victim *v)
{
    set_buckets(v, 1, 1000000);
}
static void id_negative(victim *v)
{
    set_buckets(v, 1, UINT32_MAX);
}
static void id_past_the_items(victim *v)
{
    set_buckets(v, 1, ROWS);
}
static void buckets_like_items(victim *v)
{
    set_buckets(v, 0, 1);
}
static void roots_one_less(victim *v)
{
    set_roots(v, ROWS - 1);
}
static void items_only(victim *v)
{
    v->file.size = ROWS * v->layout.size;
}
static void half(victim *v)
{
    v->file.size = v->count / 2 * v->layout.size;
}
static void no_copies(victim *v)
{
    v->file.size -= 5 * v->layout.size;
}
static void copy_missing(victim *v)
{
    v->file.size -= v->layout.size;
}
static void byte_missing(victim *v)
{
    v->file.size--;
}
static void zero_node_last(victim *v)
{
    memset(node_of(v, v->count - 1), 0, v->layout.size);
}
static void nothing(victim *v)
{
    v->file.size = 0;
}

static void splits_lead_to_themselves(victim *v)
{
    for (uint32_t i = ROWS; i < v->count; i++)
        if (vr_node_descendants(node_of(v, i)) > (int32_t)v->layout.capacity) {
            vr_node_put_int(node_of(v, i), v->layout.children, i);
            vr_node_put_int(node_of(v, i), v->layout.children + 4, i);
        }
}

/* Each is an error at open or at the query that comes upon it. */
static void mutilated_files(void **state)
{
    (void)state;
    static void (*const spoil[])(victim *) = {
        last_negative,     roots_negative,     roots_large,    roots_largest,  buckets_negative,
        buckets_least,     all_ones,           child_large,    child_negative, child_count,
        id_large,          id_negative,        items_only,     half,           no_copies,
        copy_missing,      byte_missing,       zero_node_last, nothing,        splits_lead_to_themselves,
        id_past_the_items, buckets_like_items, roots_one_less
    };
    for (size_t k = 0; k < KINDS; k++)
        for (size_t i = 0; i < sizeof spoil / sizeof spoil[0]; i++) {
            vrec_error err;
            victim v = make_victim(k);
            spoil[i](&v);
            vrec_status status =
                try_bytes(with_dim(kinds[k].options, DIM), v.file.bytes, v.file.size, false, &err);
            if (status != VREC_CORRUPT)
                fail_msg("kind %zu, case %zu: status %d", k, i, status);
            free(v.file.bytes);
        }
}

static void an_empty_forest(void **state)
{
    (void)state;
    vrec_error err;
    uint8_t zeros[14 * 28] = { 0 };
    assert_int_equal(try_bytes("d=4", zeros, sizeof zeros, false, &err), VREC_OK);
    assert_failed(try_bytes("d=4", zeros, sizeof zeros, true, &err), &err, VREC_CORRUPT, "power cut");
}

/* What a power cut leaves, without a look at all of it: a sparse file of more nodes than a 32-bit number of
 * bytes counts, opened in no time. */
static void a_large_file_of_zeros(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *indexer;
    write_file("zeros.annoy", "", 1);
    assert_int_equal(truncate("zeros.annoy", (off_t)28 << 28), 0);
    assert_failed(open_forest("d=4", "zeros.annoy", &indexer, &err), &err, VREC_CORRUPT, "power cut");
    assert_int_equal(unlink("zeros.annoy"), 0);
}

/* A node that claims one descendant is no item: only those below rows are. */
static void a_node_like_an_item(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (uint32_t i = ROWS; i < make_count(k) - 6; i++) {
            vrec_error err;
            victim v = make_victim(k);
            bool copied = vr_node_descendants(node_of(&v, i)) == ROWS; /* a root that nobody visits */
            vr_node_put_int(node_of(&v, i), 0, 1);
            vrec_status status =
                try_bytes(with_dim(kinds[k].options, DIM), v.file.bytes, v.file.size, copied, &err);
            if (status != VREC_CORRUPT)
                fail_msg("kind %zu, node %u: status %d", k, i, status);
            free(v.file.bytes);
        }
}

static void items_that_are_not_finite(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        char options[160];
        vrec_error err;
        vrec_indexer *indexer;
        victim v = make_victim(k);
        for (uint32_t i = 41; i < 44; i++)
            vr_node_put_float(node_of(&v, i), v.layout.vector + 4 * (i - 41), i == 42 ? INFINITY : NAN);
        write_file("hostile.annoy", v.file.bytes, v.file.size);
        snprintf(options, sizeof options, "%s,load=read", with_dim(kinds[k].options, DIM));
        assert_failed(verify_forest_file(options, "hostile.annoy", &err), &err, VREC_CORRUPT,
                      "3 of 100 items");
        assert_non_null(strstr(err.message, "item 41"));
        assert_int_equal(open_forest(options, "hostile.annoy", &indexer, &err), VREC_OK);
        assert_non_null(strstr(fact_text(indexer, "note"), "3 items"));
        vrec_indexer_free(indexer);
        free(v.file.bytes);
    }
}

/* Numbers that a plane or vector can't have are no danger, and no error. */
static void odd_floats(void **state)
{
    (void)state;
    static const float odd[] = { NAN, INFINITY, -INFINITY, -1.0f };
    for (size_t k = 0; k < KINDS; k++)
        for (size_t o = 0; o < 4; o++) {
            vrec_error err;
            victim v = make_victim(k);
            for (uint32_t i = 0; i < v.count; i += 7) {
                if (i < ROWS && v.layout.norm)
                    vr_node_put_float(node_of(&v, i), v.layout.norm, odd[o]);
                if (i < ROWS || vr_node_descendants(node_of(&v, i)) > (int32_t)v.layout.capacity)
                    vr_node_put_float(node_of(&v, i), v.layout.vector, odd[o]);
            }
            if (try_bytes(with_dim(kinds[k].options, DIM), v.file.bytes, v.file.size, false, &err) !=
                VREC_OK)
                fail_msg("%s", err.message);
            free(v.file.bytes);
        }
}

static void files_cut_short(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        victim v = make_victim(k);
        for (size_t size = 0; size < v.file.size; size += size % v.layout.size ? v.layout.size / 2 : 1) {
            vrec_error err;
            vrec_status status =
                try_bytes(with_dim(kinds[k].options, DIM), v.file.bytes, size, false, &err);
            if (status != VREC_CORRUPT)
                fail_msg("kind %zu, cut to %zu of %zu bytes: status %d", k, size, v.file.size, status);
        }
        free(v.file.bytes);
    }
}

/* Dot is angular with one more value, the factor, but for the norms, which old angular files lack; and
 * the current dot has two more fields, equal in all items, which could be values. Of dot, both layouts are
 * tried. */
static bool looks_alike(size_t kind, size_t as, size_t dim)
{
    return (kind == as && dim == DIM) || (kind == 2 && as == 0 && dim == DIM + 1) ||
           (kind == 3 && as == 0 && dim == DIM + 3) ||
           (kind == 3 && as == 2 && (dim == DIM || dim == DIM + 2));
}

static void files_of_another_kind(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (size_t as = 0; as < KINDS; as++)
            for (size_t dim = 1; dim < 40; dim++) {
                vrec_error err = { 0 };
                vrec_indexer *indexer;
                victim v = make_victim(k);
                vrec_status status =
                    open_forest(with_dim(kinds[as].options, dim), "sample.annoy", &indexer, &err);
                if ((status == VREC_OK) != looks_alike(k, as, dim))
                    fail_msg("kind %zu as %zu of %zu: %d, %s", k, as, dim, status, err.message);
                vrec_indexer_free(indexer);
                free(v.file.bytes);
            }
}

static void flipped_bits_and_noise(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (size_t k = 0; k < KINDS; k++) {
        victim v = make_victim(k);
        uint8_t *copy = malloc(v.file.size);
        assert_non_null(copy);
        for (size_t round = 0; round < 600; round++) {
            vrec_error err;
            size_t flips = round % 3 == 2 ? v.file.size : 1 + round % 40, size = v.file.size;
            memcpy(copy, v.file.bytes, size);
            for (size_t i = 0; i < flips; i++) {
                random = random * 1664525 + 1013904223;
                copy[random % size] ^= (uint8_t)(1u << (random >> 29));
            }
            try_bytes(with_dim(kinds[k].options, DIM), copy, size, true, &err);
        }
        free(copy);
        free(v.file.bytes);
    }
}

/* A bucket that no tree leads to, between the items and the first tree. */
static void add_stray(victim *v)
{
    size_t size = v->layout.size;
    uint8_t *bytes = malloc(v->file.size + size);
    assert_non_null(bytes);
    memcpy(bytes, v->file.bytes, ROWS * size);
    memcpy(bytes + ROWS * size, node_of(v, ROWS), size);
    memcpy(bytes + (ROWS + 1) * size, node_of(v, ROWS), v->file.size - ROWS * size);
    for (uint32_t i = ROWS + 1; i < v->count + 1; i++) {
        uint8_t *node = bytes + i * size;
        if (vr_node_descendants(node) <= (int32_t)v->layout.capacity)
            continue;
        for (size_t at = v->layout.children; at < v->layout.children + 8; at += 4)
            if (vr_node_int(node, at) >= ROWS)
                vr_node_put_int(node, at, (uint32_t)vr_node_int(node, at) + 1);
    }
    free(v->file.bytes);
    v->file = (forest_file){ .bytes = bytes, .size = v->file.size + size };
}

/* What only reading everything shows. */
static void verify_finds(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++)
        for (size_t damage = 0; damage < 7; damage++) {
            vrec_error err = { 0 };
            victim v = make_victim(k);
            uint32_t split = v.count - 7, bucket = ROWS;
            while (vr_node_descendants(node_of(&v, split)) <= (int32_t)v.layout.capacity)
                split--;
            uint8_t *node = node_of(&v, damage < 2 ? bucket : split);
            switch (damage) {
            case 0: vr_node_put_int(node, v.layout.children, 99); break; /* a neighbour's item */
            case 1: vr_node_put_int(node, 0, 2); break;                  /* fewer */
            case 2: vr_node_put_int(node, v.layout.children, 3); break;  /* a branch lost */
            case 3: vr_node_put_int(node, 0, 50); break;                 /* another count */
            case 4: roots_one_less(&v); break;
            case 5: add_stray(&v); break;
            default: memset(node + v.layout.vector, 0x41, DIM * 4); break; /* no normal */
            }
            write_file("hostile.annoy", v.file.bytes, v.file.size);
            vrec_status status = verify_forest_file(with_dim(kinds[k].options, DIM), "hostile.annoy", &err);
            if (status != VREC_CORRUPT)
                fail_msg("kind %zu, damage %zu: %d, %s", k, damage, status, err.message);
            free(v.file.bytes);
        }
}

static void missing_options_and_files(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *indexer;
    free(build_file("", ROWS, DIM).bytes);
    assert_failed(open_forest("", "sample.annoy", &indexer, &err), &err, VREC_INVALID, "set option d");
    assert_failed(open_forest("d=4", "none.annoy", &indexer, &err), &err, VREC_IO, "none.annoy");
    assert_failed(open_forest("d=4,load=read", "none.annoy", &indexer, &err), &err, VREC_IO, "none.annoy");
    assert_failed(open_forest("d=4", ".", &indexer, &err), &err, VREC_IO, "directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opened_files_are_saved_as_they_were),
        cmocka_unit_test(the_dot_layout_is_found_out),
        cmocka_unit_test(trees_are_counted_as_annoy_does),
        cmocka_unit_test(files_with_holes),
        cmocka_unit_test(mutilated_files),
        cmocka_unit_test(an_empty_forest),
        cmocka_unit_test(a_large_file_of_zeros),
        cmocka_unit_test(a_node_like_an_item),
        cmocka_unit_test(items_that_are_not_finite),
        cmocka_unit_test(odd_floats),
        cmocka_unit_test(files_cut_short),
        cmocka_unit_test(files_of_another_kind),
        cmocka_unit_test(flipped_bits_and_noise),
        cmocka_unit_test(verify_finds),
        cmocka_unit_test(missing_options_and_files),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
