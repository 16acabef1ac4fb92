/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/budget.h"

#include "base/memory.h"

#include <math.h>
#include <stdatomic.h>

enum { PAIRS = 1024 };

static double squared_distance(const vr_stored_f32 *a, const vr_stored_f32 *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    return sum;
}

static double squared_length(const vr_stored_f32 *a, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * a[i];
    return sum;
}

static const vr_stored_f32 *item_at(const vr_ivf *ivf, size_t place)
{
    size_t list = vr_ivf_list_of(ivf->starts, ivf->lists, place);
    return vr_ivf_items(ivf, list) + (place - ivf->starts[list]) * ivf->index.base.dim;
}

/* L2: D; IP: the length of the longest item. Of some items, which stand at even distances: the same for the
 * same file. */
static double measure(const vr_ivf *ivf)
{
    size_t rows = ivf->index.base.rows, dim = ivf->index.base.dim, half = rows - rows / 2;
    size_t pairs = vr_min(rows / 2, PAIRS), measured = 0;
    double sum = 0, longest = 0;
    for (size_t i = 0; i < pairs; i++) { /* one item from each half, so that few are of one list */
        size_t place = i * (rows / 2) / pairs;
        const vr_stored_f32 *a = item_at(ivf, place), *b = item_at(ivf, place + half);
        double apart = squared_distance(a, b, dim);
        if (!isfinite(apart)) /* as only a file's may be */
            continue;
        sum += apart;
        measured++;
        longest = fmax(longest, fmax(squared_length(a, dim), squared_length(b, dim)));
    }
    if (ivf->index.metric == VR_METRIC_IP)
        return sqrt(longest);
    return measured > 0 ? sum / (double)measured : 0;
}

/* Found out by the first query that has a budget; by two, if they come at once, which find the same. */
static double measure_once(vr_ivf *ivf)
{
    double known = atomic_load_explicit(&ivf->measure, memory_order_relaxed);
    if (known == 0) {
        known = measure(ivf);
        atomic_store_explicit(&ivf->measure, known, memory_order_relaxed);
    }
    return known;
}

size_t vr_ivf_budget_lists(const vr_ivf *ivf, uint64_t budget)
{
    double average = (double)ivf->index.base.rows / (double)ivf->lists;
    double lists = ceil(2 * (double)budget / average);
    return lists < (double)ivf->lists ? vr_max((size_t)lists, 1) : ivf->lists;
}

double vr_ivf_budget_rows(vr_ivf *ivf, uint64_t budget, float norm, float kth)
{
    double share = (double)kth / measure_once(ivf);
    if (ivf->index.metric == VR_METRIC_IP)
        share = 1 + share / sqrt((double)norm);
    /* a zero query, or items that are all alike: NaN and Inf are all of it, too */
    return share < 1 ? (double)budget * fmax(share, 0) : (double)budget;
}
