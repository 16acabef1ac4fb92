/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/agreement.h"

#include "base/memory.h"
#include "core/matrix.h"
#include "core/work.h"
#include "eval/hits.h"

#include <math.h>

enum { PORTION = 64 };

/* Two items are as near as each other if rounding could have put either first: it is relative to the sum of
 * what a kernel adds up, which for squares is the distance itself, however far from the origin. */
static const double within = 1e-6;

/* What one thread has for itself. */
typedef struct own {
    vr_hits hits;
    float *query, *item;
} own;

/* ---- Distances ---- */

typedef struct distance {
    double far, tolerance;
} distance;

static distance distance_of(vr_nearness nearness, const float *q, const float *x, size_t dim)
{
    double qq = 0.0, xx = 0.0, qx = 0.0, sizes = 0.0, squares = 0.0;
    for (size_t i = 0; i < dim; i++) {
        double product = (double)q[i] * (double)x[i], apart = (double)q[i] - (double)x[i];
        qq += (double)q[i] * (double)q[i];
        xx += (double)x[i] * (double)x[i];
        qx += product;
        sizes += fabs(product);
        squares += apart * apart;
    }
    switch (nearness) {
    case VR_SQUARED_L2: return (distance){ squares, within * squares };
    case VR_INNER_PRODUCT: return (distance){ -qx, within * sizes };
    default: return (distance){ qq > 0.0 && xx > 0.0 ? -qx / sqrt(qq * xx) : 0.0, within };
    }
}

static vrec_status distance_to(const vr_agreement *a, own *mine, int64_t id, size_t user, distance *out,
                               vrec_error *err)
{
    if (id < 0 || (uint64_t)id >= a->items->rows)
        return vr_fail_at(err, VREC_INVALID, vr_in_row("found", user),
                          "comparing: user %zu has item %lld, and items has rows 0 to %zu", user,
                          (long long)id, a->items->rows - 1);
    vr_matrix_rows(a->items, (size_t)id, 1, mine->item);
    *out = distance_of(a->nearness, mine->query, mine->item, a->items->dim);
    return VREC_OK;
}

/* ---- One user ---- */

static bool is_among(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Counts the found items that aren't among the exact ones but as near as the last of those, or nearer. */
static vrec_status count_ties(const vr_agreement *a, own *mine, size_t user, const int64_t *found, size_t k,
                              distance last, size_t *ties, vrec_error *err)
{
    distance other;
    vrec_status status = VREC_OK;
    *ties = 0;
    for (size_t rank = 0, hit = 0; rank < k && status == VREC_OK; rank++) {
        if (hit < mine->hits.count && mine->hits.ranks[hit] == rank) {
            hit++;
            continue;
        }
        if (found[rank] == -1)
            continue;
        status = distance_to(a, mine, found[rank], user, &other, err);
        if (status == VREC_OK && other.far <= last.far + last.tolerance + other.tolerance)
            *ties += !is_among(found, rank, found[rank]);
    }
    return status;
}

/* How many of the exact items are nearer than the last of them: those that nothing else can stand for. */
static vrec_status count_nearer(const vr_agreement *a, own *mine, size_t user, const int64_t *exact,
                                size_t count, distance last, size_t *nearer, vrec_error *err)
{
    distance other;
    vrec_status status = VREC_OK;
    for (*nearer = count - 1; *nearer > 0 && status == VREC_OK; --*nearer) {
        status = distance_to(a, mine, exact[*nearer - 1], user, &other, err);
        if (status == VREC_OK && other.far + other.tolerance < last.far - last.tolerance)
            break;
    }
    return status;
}

/* Takes those that are as near as the last exact item for exact ones, as far as these leave room. */
static vrec_status add_ties(const vr_agreement *a, own *mine, size_t user, const int64_t *exact,
                            size_t wanted, const int64_t *found, size_t k, size_t *hits, vrec_error *err)
{
    size_t ties = 0, nearer;
    distance last;
    vr_matrix_rows(a->queries, user, 1, mine->query);
    vrec_status status = distance_to(a, mine, exact[wanted - 1], user, &last, err);
    if (status == VREC_OK)
        status = count_ties(a, mine, user, found, k, last, &ties, err);
    if (status != VREC_OK || ties == 0)
        return status;
    status = count_nearer(a, mine, user, exact, wanted, last, &nearer, err);
    if (status != VREC_OK)
        return status;
    vr_hits_find(&mine->hits, exact, nearer, found, k, false);
    size_t near = mine->hits.count;
    *hits = near + vr_min(*hits - near + ties, wanted - nearer);
    return status;
}

static vrec_status find_user(const vr_agreement *a, own *mine, size_t user, vrec_error *err)
{
    const vrec_comparison *c = a->comparison;
    const int64_t *found = c->found + user * c->width;
    const int64_t *exact = c->exact + user * c->exact_width;
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < c->k_count && status == VREC_OK; i++) {
        size_t k = (size_t)c->ks[i], wanted = 0;
        while (wanted < k && exact[wanted] != -1) /* what isn't there stands at the end */
            wanted++;
        vr_hits_find(&mine->hits, exact, wanted, found, k, false);
        size_t hits = mine->hits.count;
        if (a->items && hits < wanted)
            status = add_ties(a, mine, user, exact, wanted, found, k, &hits, err);
        a->per_user[i * c->users + user] = wanted > 0 ? (double)hits / (double)wanted : NAN;
    }
    return status;
}

/* ---- All of them ---- */

static vrec_status make_own(const vr_agreement *a, own *mine, vrec_error *err)
{
    size_t width = a->comparison->width;
    vrec_status status = vr_hits_init(&mine->hits, a->comparison->exact_width, width, err);
    if (status != VREC_OK || !a->items)
        return status;
    mine->query = vr_alloc(a->items->dim, sizeof(float));
    mine->item = vr_alloc(a->items->dim, sizeof(float));
    return mine->query && mine->item
               ? VREC_OK
               : vr_fail_memory(err, a->items->dim * sizeof(float), "an item to compare");
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const vr_agreement *a = context;
    own mine = { 0 };
    size_t first, count;
    vrec_status status = make_own(a, &mine, err);
    while (status == VREC_OK && vr_work_take(me, &first, &count))
        for (size_t i = 0; i < count && status == VREC_OK; i++)
            status = find_user(a, &mine, first + i, err);
    vr_free(mine.item);
    vr_free(mine.query);
    vr_hits_free(&mine.hits);
    return status;
}

vrec_status vr_agree(const vr_agreement *agreement, vrec_error *err)
{
    const vrec_comparison *c = agreement->comparison;
    size_t users = c->users;
    vr_work work = { .threads = agreement->threads,
                     .count = users,
                     .portion = PORTION,
                     .run = run,
                     .context = (void *)(uintptr_t)agreement,
                     .progress = c->progress,
                     .phase = "comparing",
                     .unit = "users",
                     .steps = 1,
                     .total_steps = users };
    vrec_status status = vr_work_do(&work, err);
    for (size_t i = 0; i < c->k_count && status == VREC_OK; i++) {
        double sum = 0.0, counted = 0.0;
        for (size_t user = 0; user < users; user++) {
            double value = agreement->per_user[i * users + user];
            sum += isnan(value) ? 0.0 : value;
            counted += isnan(value) ? 0.0 : 1.0;
        }
        agreement->recall[i] = counted > 0.0 ? sum / counted : NAN;
    }
    return status;
}
