/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/catalogue.h"

#include "base/memory.h"
#include "core/matrix.h"

#include <math.h>

static const double least = 1e-10; /* popularity, and length of a vector: Torch-RecHub's limits */

void vr_novelty_add(vr_novelty *novelty, double popularity)
{
    novelty->sum -= log2(fmax(popularity, least));
    novelty->count++;
}

double vr_novelty_now(const vr_novelty *novelty)
{
    return novelty->count > 0 ? novelty->sum / (double)novelty->count : NAN;
}

/* ---- Diversity ---- */

vrec_status vr_diversity_init(vr_diversity *diversity, const vrec_matrix *embeddings, vrec_error *err)
{
    *diversity = (vr_diversity){ .embeddings = embeddings,
                                 .row = vr_alloc(embeddings->dim, sizeof(float)),
                                 .sum = vr_alloc(embeddings->dim, sizeof(double)) };
    if (diversity->row && diversity->sum)
        return VREC_OK;
    vr_diversity_free(diversity);
    return vr_fail_memory(err, embeddings->dim * sizeof(double), "the sum of a list's vectors");
}

void vr_diversity_free(vr_diversity *diversity)
{
    vr_free(diversity->row);
    vr_free(diversity->sum);
    *diversity = (vr_diversity){ 0 };
}

static double square(const float *row, size_t dim)
{
    double sum = 0.0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)row[i] * (double)row[i];
    return sum;
}

void vr_diversity_start(vr_diversity *diversity)
{
    for (size_t i = 0; i < diversity->embeddings->dim; i++)
        diversity->sum[i] = 0.0;
    diversity->own = 0.0;
    diversity->count = 0;
}

vrec_status vr_diversity_add(vr_diversity *diversity, size_t item, vrec_error *err)
{
    vr_matrix_rows(diversity->embeddings, item, 1, diversity->row);
    double squared = square(diversity->row, diversity->embeddings->dim);
    if (!isfinite(squared))
        return vr_fail_at(err, VREC_INVALID, vr_in_row("embeddings", item),
                          "evaluating diversity: the embedding of item %zu has a NaN or Inf", item);
    double scale = 1.0 / fmax(sqrt(squared), least);
    for (size_t i = 0; i < diversity->embeddings->dim; i++)
        diversity->sum[i] += (double)diversity->row[i] * scale;
    diversity->own += squared * scale * scale;
    diversity->count++;
    return VREC_OK;
}

/* The cosines of all pairs add up to half of |sum of the unit vectors|^2 less their own squares, which
 * saves looking at pairs. */
double vr_diversity_now(const vr_diversity *diversity)
{
    double all = 0.0, count = (double)diversity->count;
    for (size_t i = 0; i < diversity->embeddings->dim; i++)
        all += diversity->sum[i] * diversity->sum[i];
    if (diversity->count < 2)
        return NAN;
    return fmax(0.0, 1.0 - (all - diversity->own) / (count * (count - 1.0))); /* not less by rounding */
}

/* ---- Coverage ---- */

void vr_coverage_add(vr_rank *marks, const int64_t *list, size_t width)
{
    for (size_t rank = 0; rank < width; rank++) {
        if (list[rank] == -1)
            continue;
        vr_rank *mark = &marks[list[rank]];
        uint32_t best = atomic_load_explicit(mark, memory_order_relaxed);
        while (rank < best && !atomic_compare_exchange_weak_explicit(
                                  mark, &best, (uint32_t)rank, memory_order_relaxed, memory_order_relaxed))
            ;
    }
}

double vr_coverage(const vr_rank *marks, size_t items, size_t k)
{
    size_t count = 0;
    for (size_t item = 0; item < items; item++)
        count += atomic_load_explicit(&marks[item], memory_order_relaxed) < k;
    return (double)count / (double)items;
}
