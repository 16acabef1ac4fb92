/* SPDX-License-Identifier: Apache-2.0 */
#include "core/facts.h"

#include "base/text.h"

#include <stdarg.h>
#include <string.h>

/* The next fact, and room for its text; NULL if there are too many. */
static vrec_fact *add_fact(vr_facts *facts, const char *key, int32_t type)
{
    if (facts->count == VR_FACTS_MAX)
        return NULL;
    size_t i = facts->count++;
    facts->list[i] = (vrec_fact){ .key = key, .text = facts->texts[i], .type = type };
    return &facts->list[i];
}

static void write_text(vr_facts *facts, const vrec_fact *fact, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void write_text(vr_facts *facts, const vrec_fact *fact, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vr_text_format(facts->texts[fact - facts->list], sizeof facts->texts[0], format, args);
    va_end(args);
}

void vr_fact(vr_facts *facts, const char *key, const char *format, ...)
{
    const vrec_fact *fact = add_fact(facts, key, VREC_FACT_TEXT);
    if (!fact)
        return;
    va_list args;
    va_start(args, format);
    vr_text_format(facts->texts[fact - facts->list], sizeof facts->texts[0], format, args);
    va_end(args);
}

void vr_fact_integer(vr_facts *facts, const char *key, int64_t value)
{
    vrec_fact *fact = add_fact(facts, key, VREC_FACT_INTEGER);
    if (!fact)
        return;
    fact->integer = value;
    write_text(facts, fact, "%lld", (long long)value);
}

void vr_fact_real(vr_facts *facts, const char *key, double value)
{
    vrec_fact *fact = add_fact(facts, key, VREC_FACT_REAL);
    if (!fact)
        return;
    fact->real = value;
    write_text(facts, fact, "%.6g", value);
}

void vr_fact_truth(vr_facts *facts, const char *key, bool value)
{
    vrec_fact *fact = add_fact(facts, key, VREC_FACT_TRUTH);
    if (!fact)
        return;
    fact->integer = value;
    write_text(facts, fact, "%s", value ? "yes" : "no");
}

void vr_facts_copy(const vr_facts *from, vr_facts *to)
{
    *to = *from;
    for (size_t i = 0; i < to->count; i++)
        to->list[i].text = to->texts[i];
}

void vr_fact_set(vr_facts *facts, const char *key, const char *text)
{
    for (size_t i = 0; i < facts->count; i++)
        if (strcmp(facts->list[i].key, key) == 0)
            write_text(facts, &facts->list[i], "%s", text);
}

void vr_fact_set_integer(vr_facts *facts, const char *key, int64_t value)
{
    for (size_t i = 0; i < facts->count; i++)
        if (strcmp(facts->list[i].key, key) == 0) {
            facts->list[i].integer = value;
            write_text(facts, &facts->list[i], "%lld", (long long)value);
        }
}

void vr_fact_drop(vr_facts *facts, const char *key)
{
    vr_facts all;
    vr_facts_copy(facts, &all);
    facts->count = 0;
    for (size_t i = 0; i < all.count; i++)
        if (strcmp(all.list[i].key, key) != 0) {
            size_t to = facts->count++;
            memcpy(facts->texts[to], all.texts[i], sizeof all.texts[i]);
            facts->list[to] = all.list[i];
            facts->list[to].text = facts->texts[to];
        }
}
