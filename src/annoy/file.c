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

static vrec_status copy_vectors(const vr_index *indexer, const size_t *rows, size_t count, float *out,
                                vrec_error *err)
{
    const vr_annoy *forest = (const vr_annoy *)indexer;
    (void)err;
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * indexer->dim,
               vr_node_vector(&forest->layout, vr_annoy_node(forest, (uint32_t)rows[i])),
               indexer->dim * sizeof *out);
    return VREC_OK;
}

static bool is_hole(const vr_index *indexer, size_t row)
{
    return vr_node_descendants(vr_annoy_node((const vr_annoy *)indexer, (uint32_t)row)) == 0;
}

static vrec_status write_nodes(const vr_index *indexer, vr_output *out, const vrec_progress *progress,
                               vrec_error *err)
{
    const vr_annoy *forest = (const vr_annoy *)indexer;
    size_t total = forest->count * forest->layout.size;
    vrec_status status = VREC_OK;
    for (size_t first = 0; first < total && status == VREC_OK; first += BLOCK) {
        status = vr_output_write(out, forest->nodes + first, vr_min(BLOCK, total - first), err);
        if (status == VREC_OK)
            status = vr_report(progress, "saving", "bytes", vr_min(first + BLOCK, total), total, err);
    }
    return status;
}

static const vr_index_verbs verbs = { .query = vr_annoy_query,
                                      .write = write_nodes,
                                      .free = vr_annoy_free,
                                      .vectors = copy_vectors,
                                      .is_hole = is_hole };

void vr_annoy_free(vr_index *indexer)
{
    vr_annoy *forest = (vr_annoy *)indexer;
    vr_scratch_clear(&indexer->scratch);
    vr_records_free(atomic_load(&forest->codes.made));
    vr_scratch_clear(&forest->heaps);
    vr_scratch_clear(&forest->marks);
    vr_map_close(&forest->map);
    vr_free(forest->block);
    vr_free(indexer->ids);
    vr_free(forest);
}

static void describe(vr_annoy *forest)
{
    vr_index *base = &forest->base;
    const vr_annoy_layout *layout = &forest->layout;
    vr_fact(&base->facts, "backend", "annoy");
    vr_fact(&base->facts, "metric", "%s", metric_names[layout->metric]);
    vr_fact_integer(&base->facts, "rows", (int64_t)base->rows);
    vr_fact_integer(&base->facts, "dim", (int64_t)base->dim);
    vr_fact_integer(&base->facts, "n_trees", forest->root_count);
    vr_fact_integer(&base->facts, "nodes", forest->count);
    if (layout->metric == VR_ANNOY_DOT)
        vr_fact(&base->facts, "dot_layout", "%s", layout->current ? "current" : "1.17.3");
    vr_fact(&base->facts, "load", "%s", forest->block ? "read" : "map");
    vr_fact_integer(&base->facts, "bytes", (int64_t)(forest->count * layout->size));
    if (base->rows > 0 && base->rows <= layout->capacity)
        vr_fact(&base->facts, "note",
                "the items fit one bucket: every tree is counted about twice, as in Annoy");
    if (base->rows == 0)
        vr_fact(&base->facts, "note", "no items: nothing was added, or the file is what a power cut left");
}

/* What only a file's items tell. */
static void describe_read(vr_annoy *forest)
{
    uint32_t first;
    size_t count = vr_annoy_count_nonfinite(forest, &first);
    if (count > 0)
        vr_fact(&forest->base.facts, "note",
                "%zu items hold a NaN or Inf and are never returned, the first is %u", count, first);
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
    forest->base.ids_beside = true;
    forest->base.mapped = !block;
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
            status = vr_report(progress, "loading", "bytes", first + length, in->size, err);
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
            status = vr_report(progress, "loading", "bytes", i, map->size, err);
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
    if (status == VREC_OK && source->read)
        describe_read(*out);
    if (status == VREC_OK && source->prefault && !source->read)
        status = prefault(&map, progress, err);
    if (status != VREC_OK && *out) {
        vr_annoy_free(&(*out)->base);
        *out = NULL;
    }
    return status;
}
