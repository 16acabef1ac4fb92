/* SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"

#include <string.h>

bool has_fact(const vrec_indexer *indexer, const char *key, const char *says)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(key, fact->key) == 0 && strstr(fact->text, says))
            return true;
    return false;
}

const char *fact_text(const vrec_indexer *indexer, const char *key)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, key) == 0)
            return fact->text;
    return NULL;
}
