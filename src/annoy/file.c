/* Annoy's files: nothing but nodes, as annoy.h describes them. Mapped read-only, so that processes share
 * one copy and opening reads next to nothing, or read into memory. SPDX-License-Identifier: Apache-2.0 */
#include "annoy/file.h"

#include "annoy/check.h"
#include "annoy/search.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "scan/records.h"

enum {
    BLOCK = 8 << 20 /* bytes read or written at a time */
};

static const char *const metric_names[] = { "angular", "euclidean", "dot" };

/* ---- The indexer ---- */

static const vr_indexer_verbs verbs = { .query = vr_annoy_query,
                                        .save = vr_annoy_save,
                                        .free = vr_annoy_free };

void vr_annoy_free(vrec_indexer *indexer)
{
    vr_annoy *forest = (vr_annoy *)indexer;
    vr_scratch_clear(&indexer->scratch);
    vr_records_free(atomic_load(&forest->codes.made));
    vr_scratch_clear(&forest->heaps);
    vr_scratch_clear(&forest->marks);
    vr_map_close(&forest->map);
    vr_free(forest->block);
    vr_free(forest);
}

static void describe(vr_annoy *forest)
{
    vrec_indexer *base = &forest->base;
    const vr_annoy_layout *layout = &forest->layout;
    vr_fact(base, "backend", "annoy");
    vr_fact(base, "metric", "%s", metric_names[layout->metric]);
    vr_fact(base, "rows", "%zu", base->rows);
    vr_fact(base, "dim", "%zu", base->dim);
    vr_fact(base, "n_trees", "%u", forest->root_count);
    vr_fact(base, "nodes", "%u", forest->count);
    if (layout->metric == VR_ANNOY_DOT)
        vr_fact(base, "dot_layout", "%s", layout->current ? "current" : "1.17.3");
    vr_fact(base, "load", "%s", forest->block ? "read" : "map");
    vr_fact(base, "bytes", "%zu", forest->count * layout->size);
    if (base->rows > 0 && base->rows <= layout->capacity)
        vr_fact(base, "note", "the items fit one bucket: every tree is counted about twice, as in Annoy");
}

/* ---- Opening ---- */

static vrec_status check_size(const vr_annoy_layout *layout, const char *name, size_t bytes,
                              vrec_error *err)
{
    if (bytes == 0)
        return vr_fail(err, VREC_CORRUPT, "%s: the file is empty", name);
    if (bytes % layout->size != 0)
        return vr_fail(
            err, VREC_CORRUPT,
            "%s: its %zu bytes are no multiple of %zu, the size of a node of metric %s and d %u; "
            "metric or d is wrong, or the file is cut short",
            name, bytes, layout->size, metric_names[layout->metric], layout->dim);
    if (bytes / layout->size > INT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "%s: %zu nodes; at most %d are supported", name,
                       bytes / layout->size, INT32_MAX);
    return VREC_OK;
}

static vrec_status fit(vr_annoy *forest, const vr_annoy_layout *layout, const char *name, size_t bytes,
                       vrec_error *err)
{
    vrec_status status = check_size(layout, name, bytes, err);
    if (status != VREC_OK)
        return status;
    forest->layout = *layout;
    forest->count = (uint32_t)(bytes / layout->size);
    return vr_annoy_check(forest, name, err);
}

/* Finds out what the nodes mean. Of the two layouts for dot, the first that the file fits; if it fits
 * neither, the error is about that whose node size it has. */
static vrec_status understand(vr_annoy *forest, const vr_annoy_source *source, const char *name,
                              size_t bytes, vrec_error *err)
{
    bool either = source->metric == VR_ANNOY_DOT && !source->layout_known;
    vr_annoy_layout layout = vr_annoy_layout_of(source->metric, source->dim, source->current);
    vr_annoy_layout other = vr_annoy_layout_of(source->metric, source->dim, !source->current);
    vrec_error first;
    vrec_status status = fit(forest, &layout, name, bytes, &first);
    if (status == VREC_CORRUPT && either && check_size(&other, name, bytes, NULL) == VREC_OK)
        return fit(forest, &other, name, bytes, err);
    if (status != VREC_OK && err)
        *err = first;
    return status;
}

static vrec_status create(const vr_annoy_source *source, const char *name, vr_map map, uint8_t *block,
                          size_t bytes, vr_annoy **out, vrec_error *err)
{
    vr_annoy *forest = vr_alloc_zero(1, sizeof *forest);
    *out = NULL;
    if (!forest) {
        vr_map_close(&map);
        vr_free(block);
        return vr_fail_memory(err, sizeof *forest, "an indexer");
    }
    forest->base.verbs = &verbs;
    forest->base.dim = source->dim;
    forest->base.larger_is_nearer = source->metric == VR_ANNOY_DOT;
    forest->wants_codes = source->codes;
    forest->nodes = block ? block : map.data;
    forest->map = map;
    forest->block = block;
    vrec_status status = understand(forest, source, name, bytes, err);
    if (status != VREC_OK) {
        vr_annoy_free(&forest->base);
        return status;
    }
    describe(forest);
    *out = forest;
    return VREC_OK;
}

vrec_status vr_annoy_adopt(const vr_annoy_source *source, const char *name, uint8_t *image, size_t bytes,
                           vr_annoy **out, vrec_error *err)
{
    return create(source, name, (vr_map){ 0 }, image, bytes, out, err);
}

static vrec_status load(const vr_input *in, const vrec_progress *progress, uint8_t *to, vrec_error *err)
{
    vrec_status status = VREC_OK;
    for (size_t first = 0; first < in->size && status == VREC_OK; first += BLOCK) {
        size_t length = vr_min(BLOCK, in->size - first);
        status = vr_input_read(in, first, to + first, length, err);
        if (status == VREC_OK)
            status = vr_report(progress, "loading", first + length, in->size, err);
    }
    return status;
}

static vrec_status read_all(const char *path, const vrec_progress *progress, uint8_t **block, size_t *bytes,
                            vrec_error *err)
{
    vr_input in;
    vrec_status status = vr_input_open(path, &in, err);
    if (status != VREC_OK)
        return status;
    *bytes = (size_t)in.size;
    *block = in.size <= SIZE_MAX ? vr_alloc(*bytes, 1) : NULL;
    status = *block ? load(&in, progress, *block, err) : vr_fail_memory(err, *bytes, path);
    vr_input_close(&in);
    if (status != VREC_OK) {
        vr_free(*block);
        *block = NULL;
    }
    return status;
}

/* Has the system fetch the file now rather than at the first queries. */
static vrec_status prefault(const vr_map *map, const vrec_progress *progress, vrec_error *err)
{
    enum { PAGE = 4096 };
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < map->size && status == VREC_OK; i += PAGE) {
        (void)*(const volatile uint8_t *)(map->data + i);
        if (i % BLOCK == 0)
            status = vr_report(progress, "loading", i, map->size, err);
    }
    return status;
}

vrec_status vr_annoy_open(const vr_annoy_source *source, const char *path, const vrec_progress *progress,
                          vr_annoy **out, vrec_error *err)
{
    vr_map map = { 0 };
    uint8_t *block = NULL;
    size_t bytes;
    vrec_status status;
    *out = NULL;
    if (source->read) {
        status = read_all(path, progress, &block, &bytes, err);
    } else {
        status = vr_map_open(path, &map, err);
        bytes = map.size;
    }
    if (status == VREC_OK)
        status = create(source, path, map, block, bytes, out, err);
    if (status == VREC_OK && source->prefault && !source->read)
        status = prefault(&map, progress, err);
    if (status != VREC_OK && *out) {
        vr_annoy_free(&(*out)->base);
        *out = NULL;
    }
    return status;
}

/* ---- Saving ---- */

static vrec_status write_nodes(const vr_annoy *forest, vr_output *out, const vrec_progress *progress,
                               vrec_error *err)
{
    size_t total = forest->count * forest->layout.size;
    vrec_status status = VREC_OK;
    for (size_t first = 0; first < total && status == VREC_OK; first += BLOCK) {
        status = vr_output_write(out, forest->nodes + first, vr_min(BLOCK, total - first), err);
        if (status == VREC_OK)
            status = vr_report(progress, "saving", vr_min(first + BLOCK, total), total, err);
    }
    return status;
}

vrec_status vr_annoy_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                          vrec_error *err)
{
    vr_output out;
    vrec_status status = vr_output_create(path, &out, err);
    if (status == VREC_OK)
        status = write_nodes((const vr_annoy *)indexer, &out, progress, err);
    if (status == VREC_OK)
        status = vr_output_commit(&out, err);
    vr_output_close(&out);
    return status;
}
