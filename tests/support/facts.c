/* SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"

#include <string.h>

bool has_fact(const vrec_indexer *indexer, const char *key, const char *says)
{
    const char *found, *value;
    for (size_t i = 0; vrec_info(indexer, i, &found, &value); i++)
        if (strcmp(key, found) == 0 && strstr(value, says))
            return true;
    return false;
}
