/* SPDX-License-Identifier: Apache-2.0 */
#include "core/structs.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What a struct was when it was first published ends with this field. */
#define FIRST_SIZE(type, field, field_type) (offsetof(type, field) + sizeof(field_type))

enum { SIZE_MAX_TAKEN = 4096 }; /* larger than any struct will be; what is beyond it was never set */

static vrec_status fail_size(const vr_shape *shape, const char *what, size_t size, vrec_error *err)
{
    return vr_fail_at(err, VREC_INVALID, vr_in(what),
                      "%s: struct_size is %zu, but a %s has at least %zu bytes; set it to sizeof(%s)", what,
                      size, shape->name, shape->first, shape->name);
}

vrec_status vr_take_struct(const void *given, const vr_shape *shape, const char *what, void *out,
                           vrec_error *err)
{
    size_t size;
    const uint8_t *bytes = given;
    memcpy(&size, given, sizeof size);
    if (size < shape->first || size > SIZE_MAX_TAKEN)
        return fail_size(shape, what, size, err);
    for (size_t i = shape->ours; i < size; i++)
        if (bytes[i] != 0)
            return vr_fail_at(err, VREC_INVALID, vr_in(what),
                              "%s: byte %zu of the %s is set, but this version (%d.%d.%d) knows only the "
                              "first %zu bytes; leave out what the header's later version has, or take a "
                              "later library",
                              what, i, shape->name, VREC_VERSION_MAJOR, VREC_VERSION_MINOR,
                              VREC_VERSION_PATCH, shape->ours);
    memset(out, 0, shape->ours);
    memcpy(out, given, size < shape->ours ? size : shape->ours);
    memcpy(out, &shape->ours, sizeof shape->ours);
    return VREC_OK;
}

static vrec_status check_reserved(int32_t reserved, const char *what, vrec_error *err)
{
    return reserved == 0 ? VREC_OK
                         : vr_fail_at(err, VREC_INVALID, vr_in(what), "%s: reserved is %d, not 0", what,
                                      (int)reserved);
}

vrec_status vr_take_matrix(const vrec_matrix *given, const char *what, vrec_matrix *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_matrix", FIRST_SIZE(vrec_matrix, reserved, int32_t),
                                    sizeof *out };
    if (!given)
        return vr_fail_at(err, VREC_INVALID, vr_in(what), "%s: the matrix is NULL", what);
    vrec_status status = vr_take_struct(given, &shape, what, out, err);
    return status == VREC_OK ? check_reserved(out->reserved, what, err) : status;
}

vrec_status vr_take_results(const vrec_results *given, vrec_results *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_results", FIRST_SIZE(vrec_results, counts, void *), sizeof *out };
    if (!given)
        return vr_fail_at(err, VREC_INVALID, vr_in("results"), "query: results is NULL");
    return vr_take_struct(given, &shape, "results", out, err);
}

vrec_status vr_take_query_options(const vrec_query_options *given, vrec_query_options *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_query_options",
                                    FIRST_SIZE(vrec_query_options, allow_count, size_t), sizeof *out };
    *out = (vrec_query_options){ .struct_size = sizeof *out };
    return given ? vr_take_struct(given, &shape, "options", out, err) : VREC_OK;
}

vrec_status vr_take_build(const vrec_build *given, vrec_build *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_build", FIRST_SIZE(vrec_build, names_size, size_t), sizeof *out };
    *out = (vrec_build){ .struct_size = sizeof *out };
    return given ? vr_take_struct(given, &shape, "build", out, err) : VREC_OK;
}

vrec_status vr_take_ranking(const vrec_ranking *given, vrec_ranking *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_ranking", FIRST_SIZE(vrec_ranking, progress, void *),
                                    sizeof *out };
    if (!given)
        return vr_fail_at(err, VREC_INVALID, vr_in("ranking"), "evaluating: the ranking is NULL");
    vrec_status status = vr_take_struct(given, &shape, "ranking", out, err);
    return status == VREC_OK ? check_reserved(out->reserved, "ranking", err) : status;
}

vrec_status vr_take_comparison(const vrec_comparison *given, vrec_comparison *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_comparison", FIRST_SIZE(vrec_comparison, progress, void *),
                                    sizeof *out };
    if (!given)
        return vr_fail_at(err, VREC_INVALID, vr_in("comparison"), "comparing: the comparison is NULL");
    vrec_status status = vr_take_struct(given, &shape, "comparison", out, err);
    return status == VREC_OK ? check_reserved(out->reserved, "comparison", err) : status;
}

vrec_status vr_take_metrics(const vrec_metrics *given, const char *what, vrec_metrics *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_metrics", FIRST_SIZE(vrec_metrics, novelty, void *),
                                    sizeof *out };
    return vr_take_struct(given, &shape, what, out, err);
}

vrec_status vr_take_tuning_options(const vrec_tuning_options *given, vrec_tuning_options *out,
                                   vrec_error *err)
{
    static const vr_shape shape = { "vrec_tuning_options",
                                    FIRST_SIZE(vrec_tuning_options, progress, void *), sizeof *out };
    vrec_status status = vr_take_struct(given, &shape, "options", out, err);
    return status == VREC_OK ? check_reserved(out->reserved, "options", err) : status;
}

vrec_status vr_check_tuning(const vrec_tuning *given, vrec_error *err)
{
    static const vr_shape shape = { "vrec_tuning",
                                    FIRST_SIZE(vrec_tuning, steps, vrec_tuning_step[VREC_TUNING_STEPS]),
                                    sizeof *given };
    bool fits = given->struct_size >= shape.first && given->struct_size <= SIZE_MAX_TAKEN;
    return fits ? VREC_OK : fail_size(&shape, "tuning", given->struct_size, err);
}

/* out begins with its size. */
static void give_struct(const void *found, size_t ours, void *out)
{
    size_t size;
    memcpy(&size, out, sizeof size);
    memset(out, 0, size);
    memcpy(out, found, size < ours ? size : ours);
    memcpy(out, &size, sizeof size);
}

void vr_give_tuning(const vrec_tuning *found, vrec_tuning *out)
{
    give_struct(found, sizeof *found, out);
}

void vr_give_forecast(const vrec_forecast *found, vrec_forecast *out)
{
    give_struct(found, sizeof *found, out);
}

vrec_status vr_take_plan(const vrec_plan *given, vrec_plan *out, vrec_error *err)
{
    static const vr_shape shape = { "vrec_plan", FIRST_SIZE(vrec_plan, progress, void *), sizeof *out };
    vrec_status status = vr_take_struct(given, &shape, "plan", out, err);
    return status == VREC_OK ? check_reserved(out->reserved, "plan", err) : status;
}

vrec_status vr_check_forecast(const vrec_forecast *given, vrec_error *err)
{
    static const vr_shape shape = { "vrec_forecast", FIRST_SIZE(vrec_forecast, trial_rows, uint64_t),
                                    sizeof *given };
    bool fits = given->struct_size >= shape.first && given->struct_size <= SIZE_MAX_TAKEN;
    return fits ? VREC_OK : fail_size(&shape, "forecast", given->struct_size, err);
}

vrec_status vr_take_progress(const vrec_progress *given, vrec_progress *room, const vrec_progress **use,
                             vrec_error *err)
{
    static const vr_shape shape = { "vrec_progress", FIRST_SIZE(vrec_progress, context, void *),
                                    sizeof *room };
    *use = given ? room : NULL;
    return given ? vr_take_struct(given, &shape, "progress", room, err) : VREC_OK;
}
