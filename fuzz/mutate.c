/* Chooses who changes an input: one that knows the kind of file that it is, or libFuzzer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    file f = { .data = data, .size = size, .max_size = max_size, .state = seed };
    size_t changed = 0;
    if (max_size > size && draw(&f, 4) > 0) {
        changed = mutate_hnsw(&f);
        if (changed == 0)
            changed = mutate_ivf(&f);
    }
    return changed > 0 ? changed : LLVMFuzzerMutate(data, size, max_size);
}
