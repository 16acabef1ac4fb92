/* SPDX-License-Identifier: Apache-2.0 */
#include "core/results.h"

void vr_put_topk(const vr_query *query, size_t row, const vr_topk *top, float (*distance)(float smaller))
{
    for (size_t i = 0; i < top->count; i++) {
        uint32_t item = vr_topk_row(top->keys[i]);
        int64_t id = query->names ? query->names[item] : item;
        vr_put_result(query, row, i, id, distance(vr_topk_value(top->keys[i])));
    }
    vr_put_count(query, row, top->count);
}
