/* Annoy's way to find a plane: two means of a sample, and the plane halfway between them.
 *
 * The bytes that Annoy writes depend on the order of its float operations: sums from the first value to
 * the last, products rounded before they are added. What is written to a node is computed in that order.
 * But most of the work only decides something: which mean is nearer, on which side of the plane an item
 * is. There the kernels answer, in another order, and if their answer is so close that rounding could
 * have made it, Annoy's order is asked. So the decisions are Annoy's, and the file is the same whatever
 * the processor.
 *
 * Where Annoy's bytes aren't wanted, the means take their sample in small batches: each batch is compared
 * with the means as they were before it.
 *
 * The phases of a split: two_means() draws a sample of the items and moves two means towards it;
 * vr_annoy_split() writes the plane halfway between them to a node; vr_annoy_plane_of() makes a copy of it
 * that begins at a cache line; vr_annoy_sides(), or top.c with vr_annoy_side(), asks it of every item.
 *
 * What must hold: random numbers are drawn in Annoy's order, two for the means, then those of the sample,
 * then one for every item that lies in the plane. The items are only read, so any number of threads may
 * divide them at once. The room for the two means is the caller's, who may use it for the copy of the plane
 * next.
 *
 * How close: a sum of d products in float32, in any order, errs by at most g |x||y| with
 * g = (d + 8) * 2^-24 / (1 - (d + 8) * 2^-24) (Higham, Accuracy and Stability of Numerical Algorithms,
 * 2002, section 3.1); two such sums differ by at most 2g |x||y|, if nothing under- or overflows.
 * slack = 1.1 (d + 8) * 2^-24 >= g for d <= 2^20, tiny is for what underflows, and what overflows makes
 * the doubt infinite or NaN, which no answer exceeds.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/split.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>

enum {
    STEPS = 200, /* of the two means */
    BATCH = 8,   /* of them that are compared at once */
    AHEAD = 4,   /* rows fetched ahead */
};

/* ---- Annoy's order ---- */

static float strict_dot(const float *x, const float *y, size_t dim)
{
    float sum = 0.0f;
    for (size_t z = 0; z < dim; z++)
        sum += x[z] * y[z];
    return sum;
}

static float strict_l2(const float *x, const float *y, size_t dim)
{
    float sum = 0.0f;
    for (size_t z = 0; z < dim; z++)
        sum += (x[z] - y[z]) * (x[z] - y[z]);
    return sum;
}

/* The root of a norm and a factor's square, added in double as Annoy's call of pow() makes it. */
static float extended_length(float norm, float factor)
{
    return (float)sqrt((double)norm + (double)factor * (double)factor);
}

static bool is_current_dot(const vr_annoy_items *items)
{
    return items->layout.metric == VR_ANNOY_DOT && items->layout.current;
}

VR_FETCHING void fetch(const vr_annoy_items *items, uint32_t id)
{
    if (items->names)
        return;
    vr_prefetch(vr_annoy_row(items, id), items->layout.dim * sizeof(float));
    __builtin_prefetch(&items->lengths[id]);
}

void vr_annoy_measure(vr_annoy_items *items, uint32_t first, uint32_t count)
{
    for (uint32_t i = first; i < first + count; i++) {
        items->norms[i] = strict_dot(vr_annoy_row(items, i), vr_annoy_row(items, i), items->layout.dim);
        items->lengths[i] = sqrtf(items->norms[i]);
    }
}

void vr_annoy_measured(vr_annoy_items *items)
{
    size_t dim = items->layout.dim;
    items->slack = 1.1f * ((float)dim + 8.0f) * 0x1p-24f;
    items->tiny = ((float)dim + 8.0f) * 4.0f * FLT_MIN;
    items->largest = 0.0f;
    for (uint32_t i = 0; i < items->count; i++)
        items->largest = fmaxf(items->largest, items->lengths[i]);
    if (items->layout.metric != VR_ANNOY_DOT)
        return;
    for (uint32_t i = 0; i < items->count; i++) {
        float rest = items->largest * items->largest - items->lengths[i] * items->lengths[i];
        items->factors[i] = rest < 0.0f ? 0.0f : sqrtf(rest);
        if (items->layout.current)
            items->lengths[i] = extended_length(items->norms[i], items->factors[i]);
    }
}

void vr_annoy_put_items(const vr_annoy_items *items, uint32_t first, uint32_t count)
{
    const vr_annoy_layout *layout = &items->layout;
    for (uint32_t id = first; id < first + count; id++) {
        uint8_t *node = items->rows - layout->vector + id * layout->size;
        memset(node, 0, layout->vector);
        vr_node_put_int(node, 0, 1);
        if (layout->metric == VR_ANNOY_ANGULAR)
            vr_node_put_float(node, layout->norm, items->norms[id]);
        if (layout->metric == VR_ANNOY_DOT)
            vr_node_put_float(node, layout->factor, items->factors[id]);
        if (layout->built) {
            vr_node_put_float(node, layout->norm, items->largest * items->largest);
            node[layout->built] = 1;
        }
    }
}

/* ---- Two means ---- */

typedef struct mean {
    float *values;
    float factor;
    float length; /* with the factor in the current dot; not in Annoy's order */
    float count;  /* of the items whose mean it is */
} mean;

/* Scales to length 1, unless it is 0. */
static void normalise(const vr_annoy_items *items, float *values, float *factor)
{
    size_t dim = items->layout.dim;
    float norm = strict_dot(values, values, dim);
    bool dot = items->layout.metric == VR_ANNOY_DOT;
    float length = dot ? extended_length(norm, *factor) : sqrtf(norm);
    if (!(length > 0.0f))
        return;
    for (size_t z = 0; z < dim; z++)
        values[z] /= length;
    if (dot)
        *factor /= length;
}

static void add_strictly(const vr_annoy_items *items, uint32_t id, float length, mean *m)
{
    float norm =
        items->simd->add_to_mean(m->values, vr_annoy_row(items, id), items->layout.dim, m->count, length);
    if (is_current_dot(items)) {
        m->factor = (m->factor * m->count + items->factors[id] / length) / (m->count + 1.0f);
        norm += m->factor * m->factor;
    }
    m->length = sqrtf(norm);
    m->count += 1.0f;
}

/* The same without divisions, and without the new length. */
static void add_quickly(const vr_annoy_items *items, uint32_t id, float length, mean *m)
{
    float share = 1.0f / (m->count + 1.0f), take = share / length, keep = 1.0f - share;
    items->simd->mix(m->values, vr_annoy_row(items, id), items->layout.dim, keep, take);
    if (is_current_dot(items))
        m->factor = m->factor * keep + items->factors[id] * take;
    m->count += 1.0f;
}

static void start_mean(const vr_annoy_items *items, uint32_t id, float *values, mean *m)
{
    memcpy(values, vr_annoy_row(items, id), items->layout.dim * sizeof(float));
    *m = (mean){ .values = values, .factor = items->factors ? items->factors[id] : 0.0f, .count = 1.0f };
    if (items->layout.metric != VR_ANNOY_EUCLIDEAN)
        normalise(items, values, &m->factor);
    float norm = strict_dot(values, values, items->layout.dim);
    m->length = is_current_dot(items) ? extended_length(norm, m->factor) : sqrtf(norm);
}

/* An item's distance to a mean, times its count. */
static float strict_distance(const vr_annoy_items *items, const mean *m, uint32_t id)
{
    size_t dim = items->layout.dim;
    const float *row = vr_annoy_row(items, id);
    if (items->layout.metric == VR_ANNOY_EUCLIDEAN)
        return m->count * strict_l2(m->values, row, dim);
    float product = strict_dot(m->values, row, dim);
    if (items->layout.metric == VR_ANNOY_DOT && !items->layout.current)
        return m->count * -product;
    float of_mean = strict_dot(m->values, m->values, dim), of_item = items->norms[id];
    if (is_current_dot(items)) {
        of_mean += m->factor * m->factor;
        of_item = items->largest * items->largest;
        if (of_item == 0.0f)
            of_item = items->norms[id] + items->factors[id] * items->factors[id];
        product += m->factor * items->factors[id];
    }
    float norms = of_mean * of_item;
    return m->count * (norms > 0.0f ? (float)(2.0 - 2.0 * (double)product / (double)sqrtf(norms)) : 2.0f);
}

/* An item's distance to a mean, times its count, from what the kernel says of the two. */
static float distance(const vr_annoy_items *items, const mean *m, uint32_t id, float value)
{
    if (items->layout.metric == VR_ANNOY_EUCLIDEAN)
        return m->count * value;
    if (items->layout.metric == VR_ANNOY_DOT && !items->layout.current)
        return -m->count * value;
    if (is_current_dot(items))
        value += m->factor * items->factors[id];
    return m->count * (2.0f - 2.0f * value / (m->length * items->lengths[id]));
}

/* By how much the difference of two such distances may be wrong. */
static float doubt_of(const vr_annoy_items *items, const mean m[2], uint32_t id, const float d[2])
{
    float counts = m[0].count + m[1].count, length = items->lengths[id];
    if (items->layout.metric == VR_ANNOY_EUCLIDEAN)
        return 4.0f * items->slack * (d[0] + d[1]) + counts * items->tiny;
    if (items->layout.metric == VR_ANNOY_DOT && !items->layout.current)
        return 4.0f * items->slack * length * (m[0].count * m[0].length + m[1].count * m[1].length) +
               counts * items->tiny;
    bool usual = length * fminf(m[0].length, m[1].length) > 1e-15f &&
                 length * fmaxf(m[0].length, m[1].length) < 1e15f;
    return usual ? 16.0f * items->slack * counts : INFINITY;
}

/* What the distances of items to a vector are made of. */
static void compare(const vr_annoy_items *items, const float *vector, const uint32_t *ids, size_t count,
                    float *values)
{
    bool l2 = items->layout.metric == VR_ANNOY_EUCLIDEAN;
    (l2 ? items->simd->l2_ids : items->simd->dot_ids)(vector, items->rows, items->stride, ids, count,
                                                      items->layout.dim, values);
}

/* Which mean an item is nearer to; 2 if to neither. */
static size_t nearer(const vr_annoy_items *items, const mean m[2], uint32_t id)
{
    float value[2];
    compare(items, m[0].values, &id, 1, &value[0]);
    compare(items, m[1].values, &id, 1, &value[1]);
    float d[2] = { distance(items, &m[0], id, value[0]), distance(items, &m[1], id, value[1]) };
    if (fabsf(d[0] - d[1]) > doubt_of(items, m, id, d))
        return d[1] < d[0];
    float first = strict_distance(items, &m[0], id), second = strict_distance(items, &m[1], id);
    return first < second ? 0 : second < first ? 1 : 2;
}

/* What an item is divided by before it is added to a mean; 0 if it isn't to be added. */
static float divisor(const vr_annoy_items *items, uint32_t id)
{
    return items->layout.metric == VR_ANNOY_EUCLIDEAN ? 1.0f : items->lengths[id];
}

static void add_one_by_one(const vr_annoy_items *items, const uint32_t *sample, mean m[2])
{
    for (size_t k = 0; k < STEPS; k++) {
        uint32_t id = sample[k];
        fetch(items, sample[vr_min(k + AHEAD, STEPS - 1)]);
        float length = divisor(items, id);
        if (!(length > 0.0f))
            continue;
        size_t which = nearer(items, m, id);
        if (which < 2)
            add_strictly(items, id, length, &m[which]);
    }
}

static void measure(const vr_annoy_items *items, mean *m)
{
    float norm;
    items->simd->dot_rows(m->values, m->values, 1, items->layout.dim, &norm);
    if (is_current_dot(items))
        norm += m->factor * m->factor;
    m->length = sqrtf(norm);
}

static void add_in_batches(const vr_annoy_items *items, const uint32_t *sample, mean m[2])
{
    float values[2][BATCH];
    for (size_t k = 0; k < STEPS; k += BATCH) {
        for (size_t i = k + BATCH; i < vr_min(k + 2 * BATCH, STEPS); i++)
            fetch(items, sample[i]);
        for (size_t j = 0; j < 2; j++) {
            measure(items, &m[j]);
            compare(items, m[j].values, sample + k, BATCH, values[j]);
        }
        for (size_t i = 0; i < BATCH; i++) {
            uint32_t id = sample[k + i];
            float length = divisor(items, id);
            float first = distance(items, &m[0], id, values[0][i]);
            float second = distance(items, &m[1], id, values[1][i]);
            if (length > 0.0f && first != second)
                add_quickly(items, id, length, &m[second < first]);
        }
    }
}

static void two_means(const vr_annoy_items *items, const uint32_t *ids, uint32_t count, vr_kiss *random,
                      float *vectors, mean m[2])
{
    uint32_t sample[STEPS];
    uint32_t i = vr_kiss_index(random, count), j = vr_kiss_index(random, count - 1);
    j += j >= i;
    for (size_t k = 0; k < STEPS; k++) /* nothing else draws meanwhile: draw all, to fetch ahead */
        sample[k] = ids[vr_kiss_index(random, count)];
    start_mean(items, ids[i], vectors, &m[0]);
    start_mean(items, ids[j], vectors + vr_annoy_stride(items) / sizeof(float), &m[1]);
    if (items->strict)
        add_one_by_one(items, sample, m);
    else
        add_in_batches(items, sample, m);
}

void vr_annoy_split(const vr_annoy_items *items, const uint32_t *ids, uint32_t count, vr_kiss *random,
                    float *vectors, uint8_t *node)
{
    mean m[2];
    const vr_annoy_layout *layout = &items->layout;
    float *normal = (float *)(void *)(node + layout->vector), factor = 0.0f;
    two_means(items, ids, count, random, vectors, m);
    for (size_t z = 0; z < layout->dim; z++)
        normal[z] = m[0].values[z] - m[1].values[z];
    if (layout->metric == VR_ANNOY_DOT)
        factor = m[0].factor - m[1].factor;
    normalise(items, normal, &factor);
    if (layout->metric == VR_ANNOY_EUCLIDEAN)
        for (size_t z = 0; z < layout->dim; z++)
            factor += -normal[z] * (m[0].values[z] + m[1].values[z]) / 2.0f;
    if (layout->factor)
        vr_node_put_float(node, layout->factor, factor);
}

/* ---- Sides ---- */

/* What is added to the product of a normal and an item. */
static float offset_of(const vr_annoy_items *items, float factor, uint32_t id)
{
    if (items->layout.metric == VR_ANNOY_EUCLIDEAN)
        return factor;
    if (items->layout.metric == VR_ANNOY_ANGULAR)
        return 0.0f;
    return items->layout.current ? factor * items->factors[id] : factor * factor;
}

vr_annoy_plane vr_annoy_plane_of(const vr_annoy_items *items, const uint8_t *node, float *normal)
{
    const vr_annoy_layout *layout = &items->layout;
    vr_annoy_plane plane = { .normal = normal };
    float norm;
    memcpy(normal, vr_node_vector(layout, node), layout->dim * sizeof(float));
    items->simd->dot_rows(normal, normal, 1, layout->dim, &norm);
    plane.length = sqrtf(norm);
    if (layout->factor)
        plane.factor = vr_node_float(node, layout->factor);
    return plane;
}

uint8_t vr_annoy_side(const vr_annoy_items *items, const vr_annoy_plane *plane, uint32_t id, float product,
                      vr_kiss *random)
{
    float offset = offset_of(items, plane->factor, id), margin = product + offset;
    if (items->strict) {
        float doubt =
            4.0f * items->slack * (plane->length * items->lengths[id] + fabsf(offset)) + items->tiny;
        if (!(fabsf(margin) > doubt))
            margin = strict_dot(plane->normal, vr_annoy_row(items, id), items->layout.dim) + offset;
    }
    return margin == 0.0f ? vr_kiss_flip(random) : margin > 0.0f;
}

uint32_t vr_annoy_sides(const vr_annoy_items *items, const vr_annoy_plane *plane, const uint32_t *ids,
                        uint32_t count, vr_kiss *random, uint8_t *sides)
{
    enum { GROUP = 64 };
    float products[GROUP];
    bool far = !items->names;
    uint32_t ones = 0;
    for (uint32_t first = 0; first < count; first += GROUP) {
        uint32_t end = (uint32_t)vr_min(first + GROUP, count);
        for (uint32_t i = end; far && i < vr_min(end + GROUP, count); i++)
            fetch(items, ids[i]);
        items->simd->dot_ids(plane->normal, items->rows, items->stride, ids + first, end - first,
                             items->layout.dim, products);
        for (uint32_t i = first; i < end; i++)
            ones += sides[i] = vr_annoy_side(items, plane, ids[i], products[i - first], random);
    }
    return ones;
}
