/* One value of an option: how its text is read, and where it is kept. For options.c.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_VALUES_H
#define VR_CORE_VALUES_H

#include "core/options.h"

/* The value of option i as text says it. On failure nothing has changed. A text that was there before isn't
 * freed, because it may be another's: vr_texts_free() is how that is settled. */
vrec_status vr_value_parse(vr_options *options, size_t i, const char *text, vrec_error *err);
void vr_value_default(vr_options *options, size_t i);

bool vr_is_text(const vrec_option *option); /* also a secret */
bool vr_is_secret(const vrec_option *option);

/* The place of option i, a text, in the array of texts. */
size_t vr_text_slot(const vr_option_table *table, size_t i);

vrec_status vr_text_copy(const char *text, size_t length, char **out, vrec_error *err);

/* Frees the texts that aren't also another's; all of them if other is NULL. */
void vr_texts_free(vr_options *options, const vr_options *other);

/* What the table's hints say of a word: as a value of option key, or as a key itself (""); NULL if nothing.
 */
const char *vr_advice(const vr_option_table *table, const char *key, const char *word);

#endif
