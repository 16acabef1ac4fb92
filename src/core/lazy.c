/* SPDX-License-Identifier: Apache-2.0 */
#include "core/lazy.h"

#include "core/work.h"

enum { PORTION = 1024 /* rows; a multiple of every kernel's tile_rows */ };

typedef struct making {
    const vr_recipe *recipe;
    void *made;
} making;

static vrec_status fill(void *context, vr_worker *me, vrec_error *err)
{
    const making *m = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        m->recipe->fill(m->recipe->context, m->made, first, count);
    return VREC_OK;
}

vrec_status vr_lazy_get(vr_lazy *lazy, const vr_recipe *recipe, size_t gain, const void **out,
                        vrec_error *err)
{
    *out = atomic_load_explicit(&lazy->made, memory_order_acquire);
    if (*out || atomic_fetch_add(&lazy->gained, gain) + gain < recipe->pays_after)
        return VREC_OK;
    if (atomic_flag_test_and_set(&lazy->latch))
        return VREC_OK;
    making m = { recipe, recipe->create(recipe->context) };
    if (!m.made)
        return VREC_OK;
    vr_work work = { .threads = recipe->threads,
                     .count = recipe->rows,
                     .portion = PORTION,
                     .run = fill,
                     .context = &m,
                     .progress = recipe->progress,
                     .phase = "searching",
                     .unit = recipe->unit,
                     .total_steps = recipe->total_steps };
    vrec_status status = vr_work_do(&work, err);
    if (status != VREC_OK) {
        recipe->free(m.made);
        atomic_flag_clear(&lazy->latch);
        return status;
    }
    atomic_store_explicit(&lazy->made, m.made, memory_order_release);
    *out = m.made;
    return VREC_OK;
}
