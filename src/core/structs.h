/* Structs that a caller fills: which sizes are taken, and what is made of them. The one place that knows
 * what struct_size means.
 *
 * A caller was compiled with some version of the header. If its struct is smaller than ours, the fields
 * that it doesn't have are zero, which is their default. If it is larger, the caller knows fields that we
 * don't: as long as they are zero we do what it means, and else we would do something else than it asks
 * for, so it is refused. Whatever comes later then works on a copy that has every field of ours.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_STRUCTS_H
#define VR_CORE_STRUCTS_H

#include "base/error.h"

/* What a struct is called, and its size: in the first version of the header, and in ours. */
typedef struct vr_shape {
    const char *name;
    size_t first, ours;
} vr_shape;

/* Copies given, whose size is its first field, into out, which gets our size. VREC_INVALID if the size
 * makes no sense, or bytes that we don't know are set. what is the argument, for messages. */
vrec_status vr_take_struct(const void *given, const vr_shape *shape, const char *what, void *out,
                           vrec_error *err);

/* The same for each of them. VREC_INVALID also if a reserved field isn't zero. */
vrec_status vr_take_matrix(const vrec_matrix *given, const char *what, vrec_matrix *out, vrec_error *err);
vrec_status vr_take_results(const vrec_results *given, vrec_results *out, vrec_error *err);
vrec_status vr_take_query_options(const vrec_query_options *given, vrec_query_options *out,
                                  vrec_error *err);
vrec_status vr_take_ranking(const vrec_ranking *given, vrec_ranking *out, vrec_error *err);
vrec_status vr_take_comparison(const vrec_comparison *given, vrec_comparison *out, vrec_error *err);
vrec_status vr_take_metrics(const vrec_metrics *given, const char *what, vrec_metrics *out,
                            vrec_error *err);
vrec_status vr_take_build(const vrec_build *given, vrec_build *out, vrec_error *err);

vrec_status vr_take_tuning_options(const vrec_tuning_options *given, vrec_tuning_options *out,
                                   vrec_error *err);

vrec_status vr_take_plan(const vrec_plan *given, vrec_plan *out, vrec_error *err);

/* A struct that the library fills: whether its size is one of ours, and as much of it as the caller has. */
vrec_status vr_check_tuning(const vrec_tuning *given, vrec_error *err);
void vr_give_tuning(const vrec_tuning *found, vrec_tuning *out);
vrec_status vr_check_forecast(const vrec_forecast *given, vrec_error *err);
void vr_give_forecast(const vrec_forecast *found, vrec_forecast *out);

/* *use becomes room, or NULL if given is NULL. */
vrec_status vr_take_progress(const vrec_progress *given, vrec_progress *room, const vrec_progress **use,
                             vrec_error *err);

#endif
