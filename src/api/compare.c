/* An index's answers beside exact ones: what a caller may ask for is checked here. SPDX-License-Identifier:
 * Apache-2.0 */
#include "eval/agreement.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/structs.h"

#include <strings.h>

static vrec_status check_lists(const vrec_comparison *c, vrec_error *err)
{
    size_t slots;
    size_t width = vr_max(c->width, c->exact_width), most = vr_min(c->width, c->exact_width);
    if (!c->found || !c->exact)
        return vr_fail_at(err, VREC_INVALID, vr_in(c->found ? "exact" : "found"), "comparing: %s is NULL",
                          c->found ? "exact" : "found");
    if (c->users < 1 || most < 1)
        return vr_fail_at(err, VREC_INVALID, vr_in("found"),
                          "comparing: there are %zu users with lists of %zu and %zu ids; it takes 1 and up",
                          c->users, c->width, c->exact_width);
    if (!vr_mul(c->users, width, &slots) || slots > PTRDIFF_MAX / sizeof(int64_t))
        return vr_fail_at(err, VREC_INVALID, vr_in("found"),
                          "comparing: %zu x %zu ids overflow the address space", c->users, width);
    if (!c->ks || c->k_count < 1 || c->k_count > VREC_MAX_TOP_K)
        return vr_fail_at(err, VREC_INVALID, vr_in("ks"),
                          "comparing: k_count is %zu%s; it takes 1 to %d values of k", c->k_count,
                          c->ks ? "" : ", and ks is NULL", VREC_MAX_TOP_K);
    for (size_t i = 0; i < c->k_count; i++)
        if (c->ks[i] < 1 || (uint64_t)c->ks[i] > most)
            return vr_fail_at(err, VREC_INVALID, vr_in_row("ks", i),
                              "comparing: k is %lld, and the lists have %zu ids; it takes 1 to %zu",
                              (long long)c->ks[i], most, most);
    if (c->threads < -1)
        return vr_fail_at(err, VREC_INVALID, vr_in("threads"),
                          "comparing: threads is %d; it takes -1 and up", (int)c->threads);
    return VREC_OK;
}

static vrec_status find_metric(const char *name, vr_nearness *out, vrec_error *err)
{
    static const struct {
        const char *name;
        vr_nearness nearness;
    } metrics[] = { { "L2", VR_SQUARED_L2 },     { "euclidean", VR_SQUARED_L2 }, { "IP", VR_INNER_PRODUCT },
                    { "dot", VR_INNER_PRODUCT }, { "COSINE", VR_COSINE },        { "angular", VR_COSINE } };
    for (size_t i = 0; name && i < sizeof metrics / sizeof metrics[0]; i++)
        if (strcasecmp(metrics[i].name, name) == 0) {
            *out = metrics[i].nearness;
            return VREC_OK;
        }
    return vr_fail_at(
        err, VREC_INVALID, vr_in("metric"),
        "comparing: there is no metric \"%.60s\"; there are L2, euclidean, IP, dot, COSINE and angular",
        name ? name : "");
}

/* queries and items tell which items are as near as others. */
static vrec_status check_vectors(const vrec_comparison *c, vrec_matrix *queries, vrec_matrix *items,
                                 vr_agreement *a, vrec_error *err)
{
    if (!c->queries && !c->items)
        return VREC_OK;
    vrec_status status = vr_matrix_check(c->queries, "comparing: queries", queries, err);
    if (status == VREC_OK)
        status = vr_matrix_check(c->items, "comparing: items", items, err);
    if (status == VREC_OK)
        status = find_metric(c->metric, &a->nearness, err);
    if (status != VREC_OK)
        return status;
    if (queries->rows != c->users)
        return vr_fail_at(err, VREC_INVALID, vr_in("queries"),
                          "comparing: there are %zu queries for %zu users", queries->rows, c->users);
    if (items->rows == 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("items"), "comparing: items has no rows");
    if (queries->dim != items->dim || items->dim == 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "comparing: the queries have %zu values each, the items %zu", queries->dim,
                          items->dim);
    a->queries = queries;
    a->items = items;
    return VREC_OK;
}

vrec_status vrec_compare(const vrec_comparison *comparison, double *recall, double *per_user,
                         vrec_error *err)
{
    vrec_comparison c;
    vrec_progress room;
    vrec_matrix queries, items;
    double *values = NULL;
    vr_agreement a = { .comparison = &c, .recall = recall, .per_user = per_user };
    vrec_status status = vr_take_comparison(comparison, &c, err);
    if (status == VREC_OK)
        status = vr_take_progress(c.progress, &room, &c.progress, err);
    if (status == VREC_OK && !recall)
        status = vr_fail_at(err, VREC_INVALID, vr_in("recall"), "comparing: recall is NULL");
    if (status == VREC_OK)
        status = check_lists(&c, err);
    if (status == VREC_OK)
        status = check_vectors(&c, &queries, &items, &a, err);
    if (status != VREC_OK)
        return status;
    if (!per_user) {
        a.per_user = values = vr_alloc(c.k_count, c.users * sizeof *values);
        if (!values)
            return vr_fail_memory(err, c.users * sizeof *values, "the recall of each user");
    }
    a.threads = vr_thread_count(c.threads);
    status = vr_agree(&a, err);
    vr_free(values);
    return status;
}
