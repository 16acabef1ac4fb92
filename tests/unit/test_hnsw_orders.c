/* An HNSW graph is the same in whatever order threads come to take their portions of the work. With real
 * threads the order hardly ever differs by enough to show a mistake. So the linker leads that work through
 * here, where one thread does all of it, worker after worker, in small pieces, the order of which is drawn.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "core/work.h"

#include "support/failed.h"
#include "support/hnsw_graphs.h"
#include "support/random.h"

#include <stdlib.h>
#include <string.h>

/* ---- Work, as the linker leads its calls through here ---- */

vrec_status __real_vr_work_do(const vr_work *work, vrec_error *err);
vrec_status __wrap_vr_work_do(const vr_work *work, vrec_error *err);
bool __real_vr_work_take(vr_worker *me, size_t *first, size_t *count);
bool __wrap_vr_work_take(vr_worker *me, size_t *first, size_t *count);

enum { PIECE = 5 /* units, unless a portion has fewer */ };

struct vr_shared_work {
    const vr_work *work;
    size_t piece, pieces;
    size_t *order; /* of the pieces, */
    size_t taken;  /* of which so many have been taken, */
    size_t end;    /* and the worker whose turn it is takes them up to there */
};

static bool order_is_drawn;

static void draw_order(struct vr_shared_work *shared)
{
    shared->order = malloc(shared->pieces * sizeof *shared->order);
    assert_non_null(shared->order);
    for (size_t i = 0; i < shared->pieces; i++) {
        size_t other = draw_below(i + 1);
        shared->order[i] = shared->order[other];
        shared->order[other] = i;
    }
}

vrec_status __wrap_vr_work_do(const vr_work *work, vrec_error *err)
{
    if (!order_is_drawn || work->count == 0)
        return __real_vr_work_do(work, err);
    size_t piece = vr_min(work->portion, PIECE);
    struct vr_shared_work shared = { .work = work,
                                     .piece = piece,
                                     .pieces = (work->count + piece - 1) / piece };
    vrec_status status = VREC_OK;
    draw_order(&shared);
    for (size_t i = 0; i < work->threads && status == VREC_OK; i++) {
        vr_worker me = { .number = i, .shared = &shared };
        shared.end = shared.pieces * (i + 1) / work->threads;
        status = work->run(work->context, &me, err);
    }
    free(shared.order);
    return status;
}

bool __wrap_vr_work_take(vr_worker *me, size_t *first, size_t *count)
{
    struct vr_shared_work *shared = me->shared;
    if (!order_is_drawn)
        return __real_vr_work_take(me, first, count);
    if (shared->taken == shared->end)
        return false;
    *first = shared->order[shared->taken++] * shared->piece;
    *count = vr_min(shared->piece, shared->work->count - *first);
    return true;
}

/* ---- Tests ---- */

enum { DIM = 8, MANY = 2000, MORE = 3000, FEW_MORE = 3100, ORDERS = 2 };

/* old: to be built on; NULL: a new graph. */
static vr_hnsw_graph build(const vr_hnsw_plan *plan, const vr_hnsw_graph *old, const float *items,
                           size_t rows)
{
    return old ? must_build_on(plan, old, items, rows, DIM) : must_build_graph(plan, items, rows, DIM);
}

static vr_hnsw_graph build_in_any_order(const vr_hnsw_plan *plan, const vr_hnsw_graph *old,
                                        const float *items, size_t rows)
{
    vr_hnsw_graph graph = build(plan, old, items, rows);
    for (size_t i = 0; i < ORDERS; i++) {
        order_is_drawn = true;
        vr_hnsw_graph other = build(plan, old, items, rows);
        order_is_drawn = false;
        assert_true(same_graphs(&graph, &other));
        vr_hnsw_graph_free(&other);
    }
    return graph;
}

/* New ones, and then such as are built on with many items, which are divided together with the old ones,
 * and with few, which are searched for. */
static void assert_same_in_any_order(vr_metric metric, const float *items)
{
    vr_hnsw_plan plan = graph_plan(4);
    plan.metric = metric;
    plan.threads = 3;
    vr_hnsw_graph first = build_in_any_order(&plan, NULL, items, MANY);
    vr_hnsw_graph second = build_in_any_order(&plan, &first, items, MORE);
    vr_hnsw_graph third = build_in_any_order(&plan, &second, items, FEW_MORE);
    vr_hnsw_graph_free(&third);
    vr_hnsw_graph_free(&second);
    vr_hnsw_graph_free(&first);
}

/* A third of them stand several times. */
static float *items_with_copies(void)
{
    float *items = random_items(FEW_MORE, DIM);
    for (size_t i = 0; i < FEW_MORE; i += 3)
        memcpy(items + i * DIM, items + i % 600 * DIM, DIM * sizeof *items);
    return items;
}

/* The factor is the same for equal ones, since 600 is a multiple of 5. */
static void let_lengths_differ(float *items)
{
    for (size_t i = 0; i < FEW_MORE * DIM; i++)
        items[i] *= (float)(1 + i / DIM % 5);
}

static void graphs_by_distance(void **state)
{
    float *items = random_items(FEW_MORE, DIM);
    (void)state;
    assert_same_in_any_order(VR_METRIC_L2, items);
    free(items);
}

static void graphs_by_inner_product(void **state)
{
    float *items = random_items(FEW_MORE, DIM);
    (void)state;
    let_lengths_differ(items);
    assert_same_in_any_order(VR_METRIC_IP, items);
    free(items);
}

static void graphs_with_copies(void **state)
{
    float *items = items_with_copies();
    (void)state;
    assert_same_in_any_order(VR_METRIC_L2, items);
    let_lengths_differ(items);
    assert_same_in_any_order(VR_METRIC_IP, items);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_by_distance),
        cmocka_unit_test(graphs_by_inner_product),
        cmocka_unit_test(graphs_with_copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
