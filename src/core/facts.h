/* What an indexer tells about itself (vrec_info). SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_FACTS_H
#define VR_CORE_FACTS_H

#include "vrec/vrec.h"

#include <stdbool.h>

enum { VR_FACTS_MAX = 24 };

/* Zeroed, it is empty. */
typedef struct vr_facts {
    size_t count;
    vrec_fact list[VR_FACTS_MAX];
    char texts[VR_FACTS_MAX][160];
} vr_facts;

/* Each adds one fact, if there is room: a text, or what a program can count with. key is static. */
void vr_fact(vr_facts *facts, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void vr_fact_integer(vr_facts *facts, const char *key, int64_t value);
void vr_fact_real(vr_facts *facts, const char *key, double value);
void vr_fact_truth(vr_facts *facts, const char *key, bool value);

/* Each gives the facts of that key, if there are any, another value. */
void vr_fact_set(vr_facts *facts, const char *key, const char *text);
void vr_fact_set_integer(vr_facts *facts, const char *key, int64_t value);

/* Takes those of that key away. */
void vr_fact_drop(vr_facts *facts, const char *key);

/* A copy that doesn't need the original. */
void vr_facts_copy(const vr_facts *from, vr_facts *to);

#endif
