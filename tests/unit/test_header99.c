/* The public header alone, as C99. SPDX-License-Identifier: Apache-2.0 */
#include <vrec/vrec.h>

int main(void)
{
    vrec_query_options options = { sizeof options, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    vrec_matrix matrix = vrec_matrix_f32(0, 0, 1);
    vrec_error error;
    vrec_status status =
        vrec_query(0, &matrix, 1, &options, &(vrec_results){ sizeof(vrec_results), 0, 0, 0 }, &error);
    return status == VREC_INVALID && error.status == VREC_INVALID ? 0 : 1;
}
