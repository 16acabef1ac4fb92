/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tuned.h"

#include "api/tune.h"
#include "base/memory.h"

#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- Keeping ---- */

void vr_tuned_keep(vrec_indexer *indexer, vr_tuned *tuned)
{
    void *last = atomic_load(&indexer->tuned);
    do
        tuned->earlier = last;
    while (!atomic_compare_exchange_weak(&indexer->tuned, &last, tuned));
}

void vr_tuned_free(vrec_indexer *indexer)
{
    for (vr_tuned *tuned = atomic_load(&indexer->tuned), *earlier; tuned; tuned = earlier) {
        earlier = tuned->earlier;
        vr_free(tuned);
    }
}

/* ---- What is wanted ---- */

static bool is_given(const vr_options *options, bool by_query, const char *key)
{
    size_t i = vr_options_place(options, key);
    return i < options->table->count && options->given[i] && (!by_query || options->by_query[i]);
}

/* What says how much a search looks at. */
static const char *const settings[] = { "efSearch", "gamma", "nprobe", "budget", "searchk", "ef" };

enum { SETTINGS = sizeof settings / sizeof settings[0] };

static bool names_setting(const vr_options *options, bool by_query)
{
    for (size_t i = 0; i < SETTINGS; i++)
        if (is_given(options, by_query, settings[i]))
            return true;
    return false;
}

vrec_status vr_check_recall_alone(const vr_options *options, vrec_error *err)
{
    if (!is_given(options, false, "target_recall"))
        return VREC_OK;
    for (size_t i = 0; i < SETTINGS; i++)
        if (is_given(options, false, settings[i]))
            return vr_fail_at(err, VREC_INVALID, vr_in(settings[i]),
                              "%s is given, but with target_recall a build finds the setting; give one of "
                              "them",
                              settings[i]);
    return VREC_OK;
}

/* A setting that the caller names wins over a recall, unless the recall was asked for later: by this query,
 * of an indexer that was made with the setting. */
bool vr_wants_recall(const vr_options *options)
{
    bool by_query = is_given(options, true, "target_recall");
    return is_given(options, false, "target_recall") && !names_setting(options, by_query);
}

void vr_tuned_yield(vr_options *options)
{
    if (!names_setting(options, true))
        return;
    for (size_t i = 0; i < SETTINGS; i++) {
        size_t place = vr_options_place(options, settings[i]);
        if (place < options->table->count && !options->by_query[place]) {
            options->given[place] = false;
            options->value[place] = 0;
        }
    }
}

/* ---- The setting ---- */

/* The last tuning of the index for so many results; NULL if there is none. *stale: there is one of what the
 * indexer had before. */
static const vr_tuned *find(const vrec_indexer *indexer, const vr_index *index, size_t top_k, bool *stale)
{
    *stale = false;
    for (const vr_tuned *tuned = atomic_load(&indexer->tuned); tuned; tuned = tuned->earlier) {
        if (tuned->top_k == top_k && tuned->changes == index->changes)
            return tuned;
        *stale |= tuned->top_k == top_k;
    }
    return NULL;
}

/* The setting with that recall, by a straight line between two that were measured, over the setting's
 * logarithm. Recall rises ever more slowly with it, so that the line is below it, and what it gives is no
 * less than what is needed. 0 where none was measured that reaches it; *best is the best recall. */
static int64_t find_setting(const vr_tuned *tuned, double recall, double *best)
{
    const vr_tuned_point *points = tuned->points;
    size_t i = 0;
    *best = 0;
    for (; i < tuned->count && points[i].recall < recall; i++)
        *best = fmax(*best, points[i].recall);
    if (i == tuned->count)
        return 0;
    if (i == 0)
        return points[0].setting;
    double low = log((double)points[i - 1].setting), high = log((double)points[i].setting);
    double share = (recall - points[i - 1].recall) / (points[i].recall - points[i - 1].recall);
    int64_t setting = (int64_t)ceil(exp(low + (high - low) * share) - 1e-6);
    return setting < points[i].setting ? setting : points[i].setting;
}

static vrec_status set(const vr_tuned *tuned, int64_t setting, vr_options *options, vrec_error *err)
{
    char value[48];
    if (tuned->parts == 1)
        snprintf(value, sizeof value, "%" PRId64, setting);
    else /* whatever the locale's point is */
        snprintf(value, sizeof value, "%" PRId64 ".%04" PRId64, setting / tuned->parts,
                 setting % tuned->parts);
    vrec_status status = vr_options_set(options, tuned->option, value, err);
    return status == VREC_OK && *tuned->unset ? vr_options_set(options, tuned->unset, "none", err) : status;
}

vrec_status vr_tuned_apply(const vrec_indexer *indexer, const vr_index *index, size_t top_k,
                           vr_options *options, vrec_error *err)
{
    double best,
        recall = (double)options->value[vr_options_place(options, "target_recall")] / VR_OPTION_ONE;
    bool stale;
    const vr_tuned *tuned = find(indexer, index, top_k, &stale);
    if (vr_indexer_is_exact(indexer))
        return VREC_OK;
    if (!tuned && stale)
        return vr_fail_at(err, VREC_INVALID, vr_in("target_recall"),
                          "query: target_recall goes by a tuning, and the index has changed since it was "
                          "tuned for top_k %zu; tune it again, with recall %.6g",
                          top_k, recall);
    if (!tuned)
        return vr_fail_at(err, VREC_INVALID, vr_in("target_recall"),
                          "query: target_recall goes by a tuning, and this indexer has had none for top_k "
                          "%zu; tune it first, with recall %.6g and top_k %zu",
                          top_k, recall, top_k);
    int64_t setting = find_setting(tuned, recall, &best);
    if (setting == 0 && recall >= 1)
        return vr_fail_at(err, VREC_INVALID, vr_in("target_recall"),
                          "query: target_recall is 1, but the tuning for top_k %zu only tried as far as "
                          "%.4g" VR_EXACT_FINDS_ALL,
                          top_k, best);
    if (setting == 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("target_recall"),
                          "query: target_recall is %.6g, but the tuning for top_k %zu only tried as far as "
                          "%.4g; tune it again, with recall %.6g",
                          recall, top_k, best, recall);
    return set(tuned, setting, options, err);
}
