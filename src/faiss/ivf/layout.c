/* The lists of an IVF index in a file. Since 2018 (type IwFl) they are, after the direct map,
 *
 *     "ilar"        and not another form, which FAISS has for lists that are elsewhere
 *     lists         uint64
 *     code_size     uint64: bytes of a vector
 *     "full"        and a vector of uint64, the size of each list; or
 *     "sprs"        and a vector of pairs of uint64, number and size of those lists that aren't empty
 *
 * and then of each list that isn't empty its vectors and its ids (int64). Before (IvFl, IvFL) they were a
 * vector of ids for each list, then the direct map, then a vector of values, or of bytes, for each list.
 *
 * The direct map says where the item with an id is: its list's number above, its place in it below in 64
 * bits. It is 1 byte: none (0), array (1) or hash table (2); a vector of places, -1 for none; and if it is
 * a hash table, a vector of pairs of id and place.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/layout.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "core/work.h"
#include "faiss/ivf/ivf.h"
#include "faiss/types.h"

#include <stdatomic.h>
#include <string.h>

enum { BLOCK = 1024 /* elements that are looked at together */ };

vrec_status vr_ivf_layout_init(vr_ivf_layout *layout, size_t lists, size_t dim, bool trained,
                               vrec_error *err)
{
    *layout = (vr_ivf_layout){ .lists = lists, .dim = dim, .trained = trained };
    if (!trained)
        return VREC_OK;
    layout->starts = vr_alloc_zero(lists + 1, sizeof *layout->starts);
    layout->vectors_at = vr_alloc_zero(lists, sizeof *layout->vectors_at);
    layout->ids_at = vr_alloc_zero(lists, sizeof *layout->ids_at);
    if (!layout->starts || !layout->vectors_at || !layout->ids_at)
        return vr_fail_memory(err, lists * 3 * sizeof(uint64_t), "where the lists are");
    return VREC_OK;
}

void vr_ivf_layout_free(vr_ivf_layout *layout)
{
    vr_free(layout->starts);
    vr_free(layout->vectors_at);
    vr_free(layout->ids_at);
}

/* ---- The direct map ---- */

static vrec_status read_map(vr_reader *reader, uint64_t rows, vr_ivf_layout *layout, vrec_error *err)
{
    uint64_t at = reader->at;
    vrec_status status = vr_reader_u8(reader, &layout->map, "the direct map", err);
    if (status == VREC_OK && layout->map > VR_IVF_HASH_MAP)
        return vr_fail(err, VREC_CORRUPT, "%s: the direct map at byte %llu is of type %d; 0 to 2 are known",
                       reader->path, (unsigned long long)at, layout->map);
    if (status == VREC_OK)
        status = vr_faiss_get_vector(reader, sizeof(int64_t), "the direct map", &layout->map_array, err);
    if (status == VREC_OK && layout->map_array.count > rows)
        return vr_fail(err, VREC_CORRUPT, "%s: the direct map at byte %llu has %zu places for %llu items",
                       reader->path, (unsigned long long)at, layout->map_array.count,
                       (unsigned long long)rows);
    if (status == VREC_OK && layout->map == VR_IVF_HASH_MAP)
        status =
            vr_faiss_get_vector(reader, 2 * sizeof(int64_t), "the direct map", &layout->map_pairs, err);
    return status;
}

/* Checks every place of a span of words, of which the last in each element is one. */
static vrec_status check_places(const vr_reader *reader, const vr_ivf_layout *layout, const vr_span *span,
                                bool may_lack, vrec_error *err)
{
    uint8_t bytes[BLOCK * 2 * sizeof(uint64_t)];
    for (size_t first = 0; first < span->count; first += BLOCK) {
        size_t count = vr_min(BLOCK, span->count - first);
        vrec_status status = vr_reader_copy(reader, span, first, count, bytes, err);
        if (status != VREC_OK)
            return status;
        for (size_t i = 0; i < count; i++) {
            uint64_t place = vr_get_u64(bytes + (i + 1) * span->size - sizeof(uint64_t));
            uint64_t list = place >> 32, in_list = place & UINT32_MAX;
            if (may_lack && place == UINT64_MAX)
                continue;
            if (list >= layout->lists || !layout->trained ||
                in_list >= layout->starts[list + 1] - layout->starts[list])
                return vr_fail(
                    err, VREC_CORRUPT,
                    "%s: at byte %llu the direct map has place %llu of list %llu, which isn't there",
                    reader->path, (unsigned long long)(span->at + (first + i) * span->size),
                    (unsigned long long)in_list, (unsigned long long)list);
        }
    }
    return VREC_OK;
}

static vrec_status check_map(const vr_reader *reader, const vr_ivf_layout *layout, vrec_error *err)
{
    vrec_status status = check_places(reader, layout, &layout->map_array, true, err);
    return status == VREC_OK ? check_places(reader, layout, &layout->map_pairs, false, err) : status;
}

/* ---- Sizes ---- */

static vrec_status fail_sizes(const vr_reader *reader, uint64_t at, uint64_t rows, vrec_error *err)
{
    return vr_fail(
        err, VREC_CORRUPT,
        "%s: the sizes of the lists, from byte %llu on, add up to more than the %llu items that the "
        "header has",
        reader->path, (unsigned long long)at, (unsigned long long)rows);
}

/* Notes a list's size, where its successor starts. Lists that come without stay as they are: 0. */
static bool put_size(vr_ivf_layout *layout, uint64_t list, uint64_t size, uint64_t rows, uint64_t *sum)
{
    if (size > rows - *sum)
        return false;
    *sum += size;
    if (layout->trained)
        layout->starts[list + 1] = (size_t)size;
    return layout->trained || size == 0;
}

static vrec_status read_full(const vr_reader *reader, const vr_span *span, uint64_t rows,
                             vr_ivf_layout *layout, vrec_error *err)
{
    uint8_t bytes[BLOCK * sizeof(uint64_t)];
    uint64_t sum = 0;
    if (span->count != layout->lists)
        return vr_fail(err, VREC_CORRUPT, "%s: at byte %llu there are sizes of %zu lists, not %zu",
                       reader->path, (unsigned long long)span->at, span->count, layout->lists);
    for (size_t first = 0; first < span->count; first += BLOCK) {
        size_t count = vr_min(BLOCK, span->count - first);
        vrec_status status = vr_reader_copy(reader, span, first, count, bytes, err);
        if (status != VREC_OK)
            return status;
        for (size_t i = 0; i < count; i++)
            if (!put_size(layout, first + i, vr_get_u64(bytes + i * sizeof(uint64_t)), rows, &sum))
                return fail_sizes(reader, span->at, rows, err);
    }
    return VREC_OK;
}

static vrec_status read_sparse(const vr_reader *reader, const vr_span *span, uint64_t rows,
                               vr_ivf_layout *layout, vrec_error *err)
{
    uint64_t sum = 0, next = 0;
    if (span->count % 2 != 0)
        return vr_fail(err, VREC_CORRUPT, "%s: at byte %llu there are %zu numbers, which aren't pairs",
                       reader->path, (unsigned long long)span->at, span->count);
    for (size_t i = 0; i < span->count; i += 2) {
        uint8_t bytes[2 * sizeof(uint64_t)];
        vrec_status status = vr_reader_copy(reader, span, i, 2, bytes, err);
        if (status != VREC_OK)
            return status;
        uint64_t list = vr_get_u64(bytes);
        if (list < next || list >= layout->lists)
            return vr_fail(err, VREC_CORRUPT,
                           "%s: at byte %llu list %llu comes after list %lld, of %zu lists", reader->path,
                           (unsigned long long)(span->at + i * span->size), (unsigned long long)list,
                           (long long)next - 1, layout->lists);
        next = list + 1;
        if (!put_size(layout, list, vr_get_u64(bytes + sizeof(uint64_t)), rows, &sum))
            return fail_sizes(reader, span->at, rows, err);
    }
    return VREC_OK;
}

/* From sizes to starts. */
static void add_up(vr_ivf_layout *layout)
{
    for (size_t list = 0; layout->trained && list < layout->lists; list++)
        layout->starts[list + 1] += layout->starts[list];
}

static size_t size_of(const vr_ivf_layout *layout, size_t list)
{
    return layout->starts[list + 1] - layout->starts[list];
}

/* ---- Lists as they are written today ---- */

typedef struct list_head {
    uint64_t at, lists, code_size;
    char form[5], sizes_form[5];
} list_head;

static vrec_status read_head(vr_reader *reader, list_head *head, vrec_error *err)
{
    *head = (list_head){ .at = reader->at };
    vrec_status status = vr_reader_bytes(reader, head->form, 4, "the type of the lists", err);
    if (status == VREC_OK && strcmp(head->form, "ilar") != 0)
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "%s: its lists, at byte %llu, are of type %s; this version reads ilar, with all items "
            "in the file: read it with FAISS and write it anew, with its lists in memory",
            reader->path, (unsigned long long)head->at,
            memcmp(head->form, "il", 2) == 0 ? head->form : "unknown");
    if (status == VREC_OK)
        status = vr_reader_u64(reader, &head->lists, "the number of lists", err);
    if (status == VREC_OK)
        status = vr_reader_u64(reader, &head->code_size, "the size of an item", err);
    if (status == VREC_OK)
        status = vr_reader_bytes(reader, head->sizes_form, 4, "the form of the sizes", err);
    return status;
}

static vrec_status check_head(const vr_reader *reader, const vr_ivf_layout *layout, const list_head *head,
                              vrec_error *err)
{
    if (head->lists != layout->lists || head->code_size != layout->dim * sizeof(float))
        return vr_fail(
            err, VREC_CORRUPT,
            "%s: at byte %llu there are %llu lists with items of %llu bytes, but the index has %zu "
            "lists with items of %zu bytes",
            reader->path, (unsigned long long)head->at, (unsigned long long)head->lists,
            (unsigned long long)head->code_size, layout->lists, layout->dim * sizeof(float));
    if (strcmp(head->sizes_form, "full") != 0 && strcmp(head->sizes_form, "sprs") != 0)
        return vr_fail(err, VREC_CORRUPT, "%s: the form of the lists' sizes, at byte %llu, isn't known",
                       reader->path, (unsigned long long)head->at + 20);
    return VREC_OK;
}

static vrec_status read_lists(vr_reader *reader, uint64_t rows, vr_ivf_layout *layout, vrec_error *err)
{
    list_head head;
    vr_span sizes, span;
    vrec_status status = read_head(reader, &head, err);
    if (status == VREC_OK)
        status = check_head(reader, layout, &head, err);
    if (status == VREC_OK)
        status = vr_faiss_get_vector(reader, sizeof(uint64_t), "the sizes of the lists", &sizes, err);
    if (status == VREC_OK)
        status = (strcmp(head.sizes_form, "full") == 0 ? read_full : read_sparse)(reader, &sizes, rows,
                                                                                  layout, err);
    if (status != VREC_OK)
        return status;
    add_up(layout);
    for (size_t list = 0; layout->trained && list < layout->lists && status == VREC_OK; list++) {
        layout->vectors_at[list] = reader->at;
        status = vr_reader_span(reader, size_of(layout, list), layout->dim * sizeof(float), "a list", &span,
                                err);
        layout->ids_at[list] = reader->at;
        if (status == VREC_OK)
            status = vr_reader_span(reader, size_of(layout, list), sizeof(int64_t), "a list", &span, err);
    }
    return status;
}

/* ---- Lists as they were written once ---- */

static vrec_status read_old_ids(vr_reader *reader, uint64_t rows, vr_ivf_layout *layout, vrec_error *err)
{
    uint64_t sum = 0, at = reader->at;
    vrec_status status = VREC_OK;
    for (size_t list = 0; list < layout->lists && status == VREC_OK; list++) {
        vr_span ids;
        status = vr_faiss_get_vector(reader, sizeof(int64_t), "the ids of a list", &ids, err);
        if (status == VREC_OK && !put_size(layout, list, ids.count, rows, &sum))
            return fail_sizes(reader, at, rows, err);
        if (status == VREC_OK && layout->trained)
            layout->ids_at[list] = ids.at;
    }
    if (status == VREC_OK)
        add_up(layout);
    return status;
}

/* size: of an element. */
static vrec_status read_old_vectors(vr_reader *reader, size_t size, vr_ivf_layout *layout, vrec_error *err)
{
    size_t elements = layout->dim * sizeof(float) / size; /* of one item */
    vrec_status status = VREC_OK;
    for (size_t list = 0; list < layout->lists && status == VREC_OK; list++) {
        vr_span values;
        size_t items = layout->trained ? size_of(layout, list) : 0;
        uint64_t at = reader->at;
        status = vr_faiss_get_vector(reader, size, "the vectors of a list", &values, err);
        if (status == VREC_OK && (values.count % elements != 0 || values.count / elements != items))
            return vr_fail(err, VREC_CORRUPT,
                           "%s: list %zu, at byte %llu, has %zu ids, but vectors of %zu elements",
                           reader->path, list, (unsigned long long)at, items, values.count);
        if (status == VREC_OK && layout->trained)
            layout->vectors_at[list] = values.at;
    }
    return status;
}

vrec_status vr_ivf_layout_read(vr_reader *reader, const char type[5], uint64_t rows, vr_ivf_layout *layout,
                               vrec_error *err)
{
    bool old = strcmp(type, "IwFl") != 0;
    vrec_status status = old ? read_old_ids(reader, rows, layout, err) : VREC_OK;
    if (status == VREC_OK)
        status = read_map(reader, rows, layout, err);
    if (status == VREC_OK && old)
        status = read_old_vectors(reader, strcmp(type, "IvFl") == 0 ? sizeof(float) : 1, layout, err);
    else if (status == VREC_OK)
        status = read_lists(reader, rows, layout, err);
    return status == VREC_OK ? check_map(reader, layout, err) : status;
}

/* ---- Loading ---- */

typedef struct loading {
    const vr_reader *reader;
    const vr_ivf_layout *layout;
    float *vectors;
    int64_t *ids;
    _Atomic size_t nonfinite;
} loading;

static size_t count_nonfinite(const float *vectors, size_t count, size_t dim)
{
    size_t found = 0;
    if (vr_find_nonfinite(vectors, count * dim) == count * dim)
        return 0;
    for (size_t i = 0; i < count; i++)
        found += vr_find_nonfinite(vectors + i * dim, dim) < dim;
    return found;
}

static vr_span vectors_of(const vr_ivf_layout *layout, size_t list)
{
    return (vr_span){ layout->vectors_at[list], size_of(layout, list), layout->dim * sizeof(float) };
}

const vr_stored_f32 *vr_ivf_layout_point(const vr_reader *reader, const vr_ivf_layout *layout, size_t list)
{
    vr_span vectors = vectors_of(layout, list);
    return vr_faiss_point(reader, &vectors);
}

static vrec_status load_vectors(loading *l, size_t list, vrec_error *err)
{
    vr_span vectors = vectors_of(l->layout, list);
    float *to = l->vectors + l->layout->starts[list] * l->layout->dim;
    vrec_status status = vr_reader_copy(l->reader, &vectors, 0, vectors.count, to, err);
    if (status == VREC_OK)
        atomic_fetch_add(&l->nonfinite, count_nonfinite(to, vectors.count, l->layout->dim));
    return status;
}

static vrec_status load_list(loading *l, size_t list, vrec_error *err)
{
    const vr_ivf_layout *layout = l->layout;
    vr_span ids = { layout->ids_at[list], size_of(layout, list), sizeof(int64_t) };
    vrec_status status = l->vectors ? load_vectors(l, list, err) : VREC_OK;
    if (status == VREC_OK)
        status = vr_reader_copy(l->reader, &ids, 0, ids.count, l->ids + layout->starts[list], err);
    return status;
}

static vrec_status load_lists(void *context, vr_worker *me, vrec_error *err)
{
    loading *l = context;
    vrec_status status = VREC_OK;
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t list = first; list < first + count && status == VREC_OK; list++)
            status = load_list(l, list, err);
    return status;
}

vrec_status vr_ivf_layout_load(const vr_reader *reader, const vr_ivf_layout *layout,
                               const vr_faiss_opening *how, float *vectors, int64_t *ids, size_t *nonfinite,
                               vrec_error *err)
{
    loading l = { .reader = reader, .layout = layout, .vectors = vectors, .ids = ids };
    vr_work work = { .threads = how->threads,
                     .count = layout->trained ? layout->lists : 0,
                     .portion = 1,
                     .run = load_lists,
                     .context = &l,
                     .progress = how->progress,
                     .phase = "loading",
                     .unit = "lists",
                     .steps = 1,
                     .total_steps = layout->lists };
    vrec_status status = vr_work_do(&work, err);
    *nonfinite = atomic_load(&l.nonfinite);
    return status;
}
