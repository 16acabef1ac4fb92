/* SPDX-License-Identifier: Apache-2.0 */
#include "core/results.h"

void vr_put_topk(const vr_query *query, size_t row, const vr_topk *top, const int64_t *ids,
                 float (*distance)(float smaller))
{
    for (size_t i = 0; i < top->count; i++) {
        uint32_t item = vr_topk_row(top->keys[i]);
        vr_put_result(query, row, i, ids ? ids[item] : item, distance(vr_topk_value(top->keys[i])));
    }
    vr_put_count(query, row, top->count);
}
