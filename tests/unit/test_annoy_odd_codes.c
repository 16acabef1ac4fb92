/* A file that is odd gives the same answers, bit for bit, with codes and without.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/annoy_pairs.h"

#include <float.h>

/* Norms that aren't those of the vectors are taken for it, as in Annoy. */
static void norms_that_lie(void **state)
{
    (void)state;
    static const float lies[] = { 0.0f,   -0.0f,  1.0f,      -1.0f, NAN,   INFINITY, -INFINITY, 1e-40f,
                                  1e-30f, 1e-18f, 0.99e-18f, 1e30f, 1e18f, 1.01e18f, FLT_MAX,   1e-3f };
    enum { LIES = sizeof lies / sizeof lies[0] };
    for (size_t i = 0; i <= LIES; i++) {
        size_t dim = dims[i % DIMS];
        vr_annoy_layout layout = vr_annoy_layout_of(VR_ANNOY_ANGULAR, dim, false);
        draw_values(i % 2 ? 4 : 0, 0, dim);
        forest_file file = file_of(0, dim);
        for (size_t n = 1; n < ROWS; n += 3) /* not those that are looked at when a file is opened */
            vr_node_put_float(file.bytes + n * layout.size, layout.norm, lies[i == LIES ? n % LIES : i]);
        compare_file(&file, 0, dim, "norms that lie");
        free(file.bytes);
    }
}

static void items_that_are_none(void **state)
{
    (void)state;
    static const float bad[] = { NAN, INFINITY, -INFINITY, FLT_MAX, 1e19f };
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t every = 2; every < 9; every++) {
            size_t dim = dims[every % DIMS];
            vr_annoy_layout layout = vr_annoy_layout_of(kinds[kind].metric, dim, kinds[kind].current);
            draw_values(0, 0, dim);
            forest_file file = file_of(kind, dim);
            for (size_t n = 0; n < ROWS; n++) {
                uint8_t *node = file.bytes + n * layout.size;
                if (n % every == 1 && n % 2) /* a hole, with its vector left there or not */
                    memset(node, 0, n % 4 == 1 ? layout.size : 4);
                else if (n % every == 1)
                    vr_node_put_float(node, layout.vector + n % dim * 4, bad[n / every % 5]);
            }
            compare_file(&file, kind, dim, "items that are none");
            free(file.bytes);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_that_lie),
        cmocka_unit_test(items_that_are_none),
    };
    return cmocka_run_group_tests_name("annoy_odd_codes", tests, enter_folder, leave_folder);
}
