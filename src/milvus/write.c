/* Rows into a collection, in batches over several connections, and out of it again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "core/work.h"
#include "milvus/milvus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void remember_write(vr_milvus *milvus, uint64_t timestamp)
{
    uint64_t last = atomic_load(&milvus->last_write);
    if (timestamp == 0) /* Milvus 2.3 on deleting; milvus-lite always */
        atomic_store(&milvus->unstamped, true);
    while (timestamp > last && !atomic_compare_exchange_weak(&milvus->last_write, &last, timestamp))
        continue;
    atomic_store(&milvus->wrote, true);
}

/* ---- Insert and upsert ---- */

/* What the workers share. */
typedef struct write {
    vr_milvus *milvus;
    const vr_rpc *rpc;
    const vr_milvus_rows *rows;
    size_t batch, batches;
    uint8_t *written; /* of every batch: the server has taken it */
    vr_watch watch;
    atomic_bool maybe_written; /* a batch failed, or was given up, of which nobody knows if it is in */
} write;

static vrec_status check_taken(const Vr__MutationReply *reply, const vr_insert *insert, vrec_error *err)
{
    int64_t taken = reply->upsert_cnt > reply->insert_cnt ? reply->upsert_cnt : reply->insert_cnt;
    if (taken == (int64_t)insert->count)
        return VREC_OK;
    return vr_fail(err, VREC_UNAVAILABLE, "milvus: the server says that it took %" PRId64 " of %zu rows",
                   taken, insert->count);
}

static vrec_status write_batch(write *w, bool reports, size_t first, size_t count, vr_frame *frame,
                               vrec_error *err)
{
    vr_milvus *milvus = w->milvus;
    ProtobufCMessage *reply = NULL;
    vr_insert insert = { .collection = milvus->client.collection,
                         .id_field = milvus->id_field,
                         .vector_field = milvus->vector_field,
                         .items = w->rows->items,
                         .ids = w->rows->ids,
                         .first = first,
                         .count = count };
    vr_call call = {
        .rpc = w->rpc, .timeout_ms = milvus->client.insert_ms, .watch = &w->watch, .reports = reports
    };
    vrec_status status = vr_frame_insert(frame, &insert, err);
    if (status == VREC_OK)
        status = vr_client_send(&milvus->client, &call, frame, &reply, err);
    if (status == VREC_OK)
        status = check_taken((const Vr__MutationReply *)reply, &insert, err);
    if (reply)
        remember_write(milvus, ((const Vr__MutationReply *)reply)->timestamp);
    vr_reply_free(reply);
    if (status != VREC_OK) {
        if (call.maybe_done)
            atomic_store(&w->maybe_written, true);
        return status;
    }
    w->written[first / w->batch] = 1;
    atomic_fetch_add(&w->watch.done, count);
    return VREC_OK;
}

static vrec_status write_batches(void *context, vr_worker *me, vrec_error *err)
{
    write *w = context;
    vr_frame frame = { .block = NULL };
    vrec_status status = VREC_OK;
    vr_watch_enter(&w->watch, me->number);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        status = write_batch(w, me->number == 0, first, count, &frame, err);
    if (status != VREC_OK)
        atomic_store(&w->watch.stopped, true); /* the others needn't wait for their replies */
    vr_watch_leave(&w->watch, me->number);
    vr_frame_free(&frame);
    return status;
}

/* "rows 0..9999 are in, and 5000 after them": for whoever goes on from there. */
static vrec_status explain_failure(const write *w, vrec_status status, const vrec_error *cause,
                                   vrec_error *err)
{
    size_t rows = w->rows->items->rows, whole = 0;
    while (whole < w->batches && w->written[whole])
        whole++;
    size_t leading = vr_min(whole * w->batch, rows);
    size_t after = (size_t)atomic_load(&w->watch.done) - leading;
    char more[64] = "";
    if (status == VREC_INVALID && !cause->message[0])
        return status;
    if (after > 0)
        snprintf(more, sizeof more, " and %zu later ones", after);
    vr_fail_from(err, cause, "%.280s; the first %zu of %zu rows%s are in%s", cause->message, leading, rows,
                 more,
                 atomic_load(&w->maybe_written) ? ", and perhaps some of those that were under way" : "");
    if (err)
        err->done = (int64_t)leading;
    return status;
}

vrec_status vr_milvus_write(vr_milvus *milvus, const vr_rpc *rpc, const vr_milvus_rows *rows,
                            vrec_error *err)
{
    size_t count = rows->items->rows;
    size_t share = (count + rows->threads - 1) / rows->threads;
    write w = { .milvus = milvus,
                .rpc = rpc,
                .rows = rows,
                .batch = vr_min(vr_insert_rows(rows->batch_bytes, rows->items->dim), vr_max(share, 1)),
                .watch = {
                    .progress = rows->progress, .what = "inserting", .unit = "rows", .total = count } };
    w.batches = (count + w.batch - 1) / w.batch;
    w.written = vr_alloc_zero(vr_max(w.batches, 1), 1);
    if (!w.written)
        return vr_fail_memory(err, w.batches, "the list of batches");
    vr_work work = {
        .threads = rows->threads, .count = count, .portion = w.batch, .run = write_batches, .context = &w
    };
    vrec_error cause;
    vrec_status status = vr_work_do(&work, &cause);
    if (status != VREC_OK)
        status = explain_failure(&w, status, &cause, err);
    vr_free(w.written);
    return status;
}

/* ---- Delete ---- */

static vrec_status delete_some(vr_milvus *milvus, char *filter, vr_watch *watch, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__DeleteRequest request = VR__DELETE_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.expr = filter;
    vr_call call = {
        .rpc = &vr_rpc_delete, .timeout_ms = milvus->client.insert_ms, .watch = watch, .reports = true
    };
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    if (reply)
        remember_write(milvus, ((const Vr__MutationReply *)reply)->timestamp);
    vr_reply_free(reply);
    return status;
}

vrec_status vr_milvus_delete(vr_milvus *milvus, const int64_t *ids, size_t count,
                             const vrec_progress *progress, vrec_error *err)
{
    enum { FILTER = 256 << 10 };
    vr_watch watch = { .progress = progress, .what = "deleting", .unit = "ids", .total = count };
    vrec_error cause;
    vrec_status status = VREC_OK;
    char *filter = vr_alloc(FILTER, 1);
    if (!filter)
        return vr_fail_memory(err, FILTER, "a filter");
    for (size_t done = 0; done < count && status == VREC_OK;) {
        size_t taken =
            vr_milvus_write_filter(filter, FILTER, milvus->id_field, "in", ids + done, count - done);
        status = delete_some(milvus, filter, &watch, &cause);
        if (status != VREC_OK)
            vr_fail_from(err, &cause, "%.360s; the first %zu of %zu ids are deleted", cause.message, done,
                         count);
        if (status != VREC_OK && err)
            err->done = (int64_t)done;
        done += taken;
        atomic_store(&watch.done, done);
    }
    vr_free(filter);
    return status;
}
