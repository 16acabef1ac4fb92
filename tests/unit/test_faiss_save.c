/* Saving leaves the old file or the new one, and stopping anything leaves nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* symlink, lstat */
#include "support/failed.h"
#include "support/faiss_sample.h"
#include "support/folder.h"

#include <sys/stat.h>

/* ---- Saving ---- */

static void save_sample(const char *path)
{
    vrec_error err;
    vrec_indexer *indexer = build(NULL);
    if (vrec_save(indexer, path, NULL, &err) != VREC_OK)
        fail_msg("%s", err.message);
    vrec_indexer_free(indexer);
}

static void a_save_replaces_the_old_file(void **state)
{
    (void)state;
    struct stat st;
    write_file("a.index", "the old file, which is longer than the new one that takes its place, by far",
               75);
    assert_int_equal(chmod("a.index", 0640), 0);
    assert_int_equal(link("a.index", "old.index"), 0);
    save_sample("a.index");
    assert_file("a.index", l2_file, SIZE);
    assert_int_equal(stat("a.index", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_int_equal(stat("old.index", &st), 0); /* whoever has it open still reads it */
    assert_int_equal(st.st_size, 75);
    assert_int_equal(for_each_file(NULL), 2);
    for_each_file(remove);
}

static void a_link_is_followed(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(mkdir("there", 0700), 0);
    write_file("there/a.index", "old", 3);
    assert_int_equal(symlink("there/a.index", "link.index"), 0);
    save_sample("link.index");
    assert_int_equal(lstat("link.index", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_file("there/a.index", l2_file, SIZE);
    assert_int_equal(unlink("there/a.index"), 0);
    assert_int_equal(rmdir("there"), 0);
    for_each_file(remove);
}

static void places_that_cannot_be_written(void **state)
{
    (void)state;
    static const struct {
        const char *path, *says;
    } cases[] = { { ".", "Is a directory" },
                  { "no/such/folder", "writing no/such/folder" },
                  { "file.index/a.index", "writing file.index/a.index" },
                  { "/dev/null", "writing /dev/null: not a regular file" },
                  { "locked/a.index", "writing locked/a.index" },
                  { "locked.index", "writing locked.index" } };
    size_t count = sizeof cases / sizeof cases[0];
    vrec_indexer *indexer = build(NULL);
    vrec_error nameless = { 0 };
    assert_failed(vrec_save(indexer, "", NULL, &nameless), &nameless, VREC_INVALID, "its name is empty");
    write_file("file.index", "old", 3);
    write_file("locked.index", "old", 3);
    assert_int_equal(chmod("locked.index", 0400), 0);
    assert_int_equal(mkdir("locked", 0500), 0);
    if (geteuid() == 0)
        count -= 2; /* nothing is locked to root */
    for (size_t i = 0; i < count; i++) {
        vrec_error err = { 0 };
        assert_failed(vrec_save(indexer, cases[i].path, NULL, &err), &err, VREC_IO, cases[i].says);
        assert_int_equal(for_each_file(NULL), 3);
    }
    assert_file("locked.index", "old", 3);
    vrec_indexer_free(indexer);
    for_each_file(remove);
}

/* ---- Stopping ---- */

enum {
    MANY = 1100, /* with WIDE: several steps of everything, and more than one wave of queries */
    WIDE = 4096,
    ASKED = 40
};
static float *values; /* MANY x WIDE */

/* Stops at the call after so many; or does something to a file then, and goes on. */
typedef struct stopper {
    size_t calls, stop_at;
    void (*instead)(void);
    uint64_t last_done;
} stopper;

static int stop(void *context, const vrec_progress_report *at)
{
    stopper *s = context;
    assert_true(at->done <= at->total && at->done >= s->last_done);
    assert_true(strlen(at->phase) > 0);
    s->last_done = at->done;
    if (s->calls++ != s->stop_at)
        return 0;
    if (!s->instead)
        return 1;
    s->instead();
    return 0;
}

static vrec_status build_large(const vrec_progress *progress, vrec_indexer **indexer, vrec_error *err)
{
    vrec_matrix items = vrec_matrix_f32(values, MANY, WIDE);
    vrec_build build = { .struct_size = sizeof build, .progress = progress };
    vrec_builder *builder = new_builder("threads=1");
    vrec_status status = vrec_from_embeddings(builder, &items, &build, indexer, err);
    vrec_builder_free(builder);
    assert_true((status == VREC_OK) == (*indexer != NULL));
    return status;
}

static vrec_status build_step(const vrec_progress *progress, vrec_error *err)
{
    vrec_indexer *indexer;
    vrec_status status = build_large(progress, &indexer, err);
    vrec_indexer_free(indexer);
    return status;
}

static vrec_status save_step(const vrec_progress *progress, vrec_error *err)
{
    vrec_indexer *indexer;
    assert_int_equal(build_large(NULL, &indexer, NULL), VREC_OK);
    vrec_status status = vrec_save(indexer, "large.index", progress, err);
    vrec_indexer_free(indexer);
    return status;
}

static vrec_status load_step(const vrec_progress *progress, vrec_error *err)
{
    vrec_indexer *indexer;
    vrec_status status = open_index("large.index", "threads=1", progress, &indexer, err);
    vrec_indexer_free(indexer);
    return status;
}

static vrec_status query_step(const vrec_progress *progress, vrec_error *err)
{
    int64_t ids[ASKED];
    float distances[ASKED];
    int64_t counts[ASKED];
    vrec_indexer *indexer;
    assert_int_equal(build_large(NULL, &indexer, NULL), VREC_OK);
    vrec_matrix queries = vrec_matrix_f32(values, ASKED, WIDE);
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1, .progress = progress };
    vrec_status status = vrec_query(indexer, &queries, 1, &options,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, counts }, err);
    for (size_t i = 0; i < ASKED; i++) {
        assert_int_equal(ids[i], status == VREC_OK ? (int64_t)i : -1);
        assert_true(distances[i] == (status == VREC_OK ? 0.0f : INFINITY));
        assert_int_equal(counts[i], status == VREC_OK);
    }
    vrec_indexer_free(indexer);
    return status;
}

static void assert_stoppable(vrec_status (*step)(const vrec_progress *progress, vrec_error *err),
                             size_t steps_at_least)
{
    vrec_status status = VREC_CANCELLED;
    size_t files = for_each_file(NULL), i = 0;
    for (; status != VREC_OK; i++) {
        vrec_error err = { 0 };
        stopper s = { .stop_at = i };
        vrec_progress progress = { .struct_size = sizeof progress, .report = stop, .context = &s };
        status = step(&progress, &err);
        if (status == VREC_OK)
            continue;
        assert_failed(status, &err, VREC_CANCELLED, "stopped by the caller after");
        assert_int_equal(s.calls, i + 1);
        assert_int_equal(for_each_file(NULL), files);
    }
    assert_true(i > steps_at_least);
}

static void everything_can_be_stopped_at_every_step(void **state)
{
    (void)state;
    assert_stoppable(build_step, 5);
    assert_stoppable(query_step, 14);
    write_file("large.index", "old", 3);
    assert_stoppable(save_step, 3);
    assert_stoppable(load_step, 3);
}

/* ---- A file that changes while it is read ---- */

static void cut_file(void)
{
    assert_int_equal(truncate("large.index", (10 << 20) + 1), 0);
}

static void replace_file(void)
{
    write_file("new.index", "no index", 8);
    assert_int_equal(rename("new.index", "large.index"), 0);
}

static void files_that_change_while_being_read(void **state)
{
    (void)state;
    vrec_error err = { 0 };
    stopper s = { .instead = replace_file };
    vrec_progress progress = { .struct_size = sizeof progress, .report = stop, .context = &s };
    assert_int_equal(save_step(NULL, NULL), VREC_OK);
    assert_int_equal(load_step(&progress, NULL), VREC_OK); /* the old file, to its end */
    assert_file("large.index", "no index", 8);
    assert_int_equal(save_step(NULL, NULL), VREC_OK);
    s = (stopper){ .instead = cut_file };
    assert_failed(load_step(&progress, &err), &err, VREC_CORRUPT,
                  "large.index: the file ends at byte 10485761, ");
}

static int enter(void **state)
{
    values = malloc(sizeof *values * MANY * WIDE);
    for (size_t i = 0; values && i < (size_t)MANY * WIDE; i++)
        values[i] = (float)(i % WIDE == 0 ? i / WIDE : i % 7);
    return !values || enter_folder(state) != 0;
}

static int leave(void **state)
{
    free(values);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_save_replaces_the_old_file),
        cmocka_unit_test(a_link_is_followed),
        cmocka_unit_test(places_that_cannot_be_written),
        cmocka_unit_test(everything_can_be_stopped_at_every_step),
        cmocka_unit_test(files_that_change_while_being_read),
    };
    return cmocka_run_group_tests_name("faiss_save", tests, enter, leave);
}
