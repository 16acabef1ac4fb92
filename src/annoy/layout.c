/* SPDX-License-Identifier: Apache-2.0 */
#include "annoy/layout.h"

vr_annoy_layout vr_annoy_layout_of(vr_annoy_metric metric, size_t dim, bool current)
{
    vr_annoy_layout layout = { .metric = metric, .dim = (uint32_t)dim, .children = 4, .vector = 16 };
    switch (metric) {
    case VR_ANNOY_ANGULAR:
        layout.norm = 4; /* an item has no children */
        layout.vector = 12;
        break;
    case VR_ANNOY_EUCLIDEAN:
        layout.factor = 4;
        layout.children = 8;
        break;
    case VR_ANNOY_DOT:
        layout.factor = 12;
        layout.current = current;
        layout.norm = current ? 16 : 0;
        layout.built = current ? 20 : 0;
        layout.vector = current ? 24 : 16;
        break;
    }
    layout.size = layout.vector + dim * sizeof(float);
    layout.capacity = (uint32_t)((layout.size - layout.children) / sizeof(uint32_t));
    return layout;
}
