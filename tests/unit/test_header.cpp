// The public header alone, as C++: it compiles, and its functions have C's names. SPDX-License-Identifier:
// Apache-2.0
#include <vrec/vrec.h>

int main()
{
    const float value = 0;
    const vrec_matrix matrix = vrec_matrix_f32(&value, 1, 1);
    vrec_error error;
    vrec_indexer *indexer = nullptr;
    const vrec_status status = vrec_from_embeddings(nullptr, &matrix, nullptr, &indexer, &error);
    return status == VREC_INVALID && error.status == VREC_INVALID ? 0 : 1;
}
