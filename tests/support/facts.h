/* What an indexer says of itself. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_FACTS_H
#define VR_TESTS_SUPPORT_FACTS_H

#include "vrec/vrec.h"

#include <stdbool.h>

/* Whether one of its facts has this key and a value that contains what it says. */
bool has_fact(const vrec_indexer *indexer, const char *key, const char *says);

/* The value of the first fact with this key; NULL if there is none. */
const char *fact_text(const vrec_indexer *indexer, const char *key);

#endif
