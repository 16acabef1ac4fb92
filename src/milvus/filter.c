/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "milvus/milvus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER = 24 }; /* an id and what stands around it */

size_t vr_milvus_write_filter(char *out, size_t room, const char *field, const char *how,
                              const int64_t *ids, size_t count)
{
    size_t taken = 0;
    int length = snprintf(out, room, "%s %s [", field, how);
    for (; taken < count && (size_t)length + NUMBER < room; taken++)
        length +=
            snprintf(out + length, room - (size_t)length, "%s%" PRId64, taken > 0 ? "," : "", ids[taken]);
    snprintf(out + length, room - (size_t)length, "]");
    return taken;
}

static vrec_status write_all(const vr_milvus *milvus, const char *how, const int64_t *ids, size_t count,
                             size_t q, char **out, vrec_error *err)
{
    size_t room = vr_min(count * NUMBER + strlen(milvus->id_field) + 2 * NUMBER, VR_MILVUS_FILTER);
    *out = vr_alloc(room, 1);
    if (!*out)
        return vr_fail_memory(err, room, "a filter");
    size_t taken = vr_milvus_write_filter(*out, room, milvus->id_field, how, ids, count);
    if (taken == count)
        return VREC_OK;
    vr_free(*out);
    *out = NULL;
    return vr_fail_at(
        err, VREC_UNSUPPORTED, vr_in_row("queries", q),
        "milvus: query %zu %s %zu items, and a filter of %d bytes holds the first %zu of their "
        "ids; keep those that may be found in a collection of their own",
        q, *how == 'i' ? "allows" : "excludes", count, (int)VR_MILVUS_FILTER, taken);
}

/* Those that are allowed and not excluded, into out; returns how many. Both ascend. */
static size_t subtract(const vr_filter *filter, size_t q, const int64_t *allowed, size_t count,
                       int64_t *out)
{
    const int64_t *excluded = vr_filter_exclusions(filter, q);
    size_t left = vr_filter_excluded(filter, q), at = 0, kept = 0;
    for (size_t i = 0; i < count; i++) {
        while (at < left && excluded[at] < allowed[i])
            at++;
        if (at == left || excluded[at] != allowed[i])
            out[kept++] = allowed[i];
    }
    return kept;
}

vrec_status vr_milvus_filter_of(const vr_milvus *milvus, const vr_filter *filter, size_t q,
                                vr_milvus_filter *out, vrec_error *err)
{
    size_t count;
    *out = (vr_milvus_filter){ .text = NULL };
    if (!vr_id_lists_are_set(&filter->allowed))
        return write_all(milvus, "not in", vr_filter_exclusions(filter, q), vr_filter_excluded(filter, q),
                         q, &out->text, err);
    const int64_t *allowed = vr_id_lists_of(&filter->allowed, vr_filter_user(filter, q), &count);
    int64_t *ids = vr_alloc(count + 1, sizeof *ids);
    if (!ids)
        return vr_fail_memory(err, (count + 1) * sizeof *ids, "the ids that are allowed");
    size_t kept = subtract(filter, q, allowed, count, ids);
    out->nobody = kept == 0;
    vrec_status status = out->nobody ? VREC_OK : write_all(milvus, "in", ids, kept, q, &out->text, err);
    vr_free(ids);
    return status;
}

void vr_milvus_filter_free(vr_milvus_filter *filter)
{
    vr_free(filter->text);
    *filter = (vr_milvus_filter){ .text = NULL };
}
