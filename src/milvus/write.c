/* Rows into a collection, in batches over several connections, and out of it again.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/threads.h"
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
    atomic_size_t next;
    vr_watch watch;
    atomic_bool failed; /* who sets it first writes the rest */
    vrec_status status;
    vrec_error err;
    size_t bad_first, bad_count;
    bool maybe_written;
} write;

/* The first failure counts, and stops the others where they are. */
static void fail_write(write *w, vrec_status status, const vrec_error *err, const vr_insert *insert,
                       bool maybe_written)
{
    if (!atomic_exchange(&w->failed, true)) {
        w->status = status;
        w->err = *err;
        w->bad_first = insert->first;
        w->bad_count = insert->count;
        w->maybe_written = maybe_written;
    }
    atomic_store(&w->watch.stopped, true);
}

static vrec_status check_taken(const Vr__MutationReply *reply, const vr_insert *insert, vrec_error *err)
{
    int64_t taken = reply->upsert_cnt > reply->insert_cnt ? reply->upsert_cnt : reply->insert_cnt;
    if (taken == (int64_t)insert->count)
        return VREC_OK;
    return vr_fail(err, VREC_UNAVAILABLE, "milvus: the server says that it took %" PRId64 " of %zu rows",
                   taken, insert->count);
}

static bool write_batch(write *w, size_t worker, size_t batch, vr_frame *frame)
{
    vr_milvus *milvus = w->milvus;
    vrec_error err = { .status = VREC_OK };
    ProtobufCMessage *reply = NULL;
    size_t first = batch * w->batch;
    vr_insert insert = { .collection = milvus->client.collection,
                         .id_field = milvus->id_field,
                         .vector_field = milvus->vector_field,
                         .items = w->rows->items,
                         .ids = w->rows->ids,
                         .first = first,
                         .count = vr_min(w->batch, w->rows->items->rows - first) };
    vr_call call = {
        .rpc = w->rpc, .timeout_ms = milvus->client.insert_ms, .watch = &w->watch, .reports = worker == 0
    };
    vrec_status status = vr_frame_insert(frame, &insert, &err);
    if (status == VREC_OK)
        status = vr_client_send(&milvus->client, &call, frame, &reply, &err);
    if (status == VREC_OK)
        status = check_taken((const Vr__MutationReply *)reply, &insert, &err);
    if (reply)
        remember_write(milvus, ((const Vr__MutationReply *)reply)->timestamp);
    vr_reply_free(reply);
    if (status != VREC_OK) {
        fail_write(w, status, &err, &insert, call.maybe_done);
        return false;
    }
    w->written[batch] = 1;
    atomic_fetch_add(&w->watch.done, insert.count);
    return true;
}

static void write_batches(void *context, size_t worker)
{
    write *w = context;
    vr_frame frame = { .block = NULL };
    size_t batch;
    vr_watch_enter(&w->watch, worker);
    while (!atomic_load(&w->watch.stopped) && (batch = atomic_fetch_add(&w->next, 1)) < w->batches)
        if (!write_batch(w, worker, batch, &frame))
            break;
    vr_watch_leave(&w->watch, worker);
    vr_frame_free(&frame);
}

/* "rows 0..9999 are in, and 5000 after them": for whoever goes on from there. */
static vrec_status explain_failure(const write *w, vrec_error *err)
{
    size_t rows = w->rows->items->rows, whole = 0;
    while (whole < w->batches && w->written[whole])
        whole++;
    size_t leading = vr_min(whole * w->batch, rows);
    size_t after = (size_t)atomic_load(&w->watch.done) - leading;
    char more[64] = "";
    if (w->status == VREC_INVALID && !w->err.message[0])
        return w->status;
    if (after > 0)
        snprintf(more, sizeof more, " and %zu later ones", after);
    return vr_fail(err, w->status, "%.300s; the first %zu of %zu rows%s are in%s", w->err.message, leading,
                   rows, more, w->maybe_written ? ", and perhaps some of those that were under way" : "");
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
                .watch = { .progress = rows->progress, .what = "inserting", .total = count } };
    w.batches = (count + w.batch - 1) / w.batch;
    w.written = vr_alloc_zero(vr_max(w.batches, 1), 1);
    if (!w.written)
        return vr_fail_memory(err, w.batches, "the list of batches");
    vr_parallel(vr_min(rows->threads, w.batches), write_batches, &w);
    vrec_status status = atomic_load(&w.failed) ? explain_failure(&w, err) : VREC_OK;
    vr_free(w.written);
    return status;
}

/* ---- Delete ---- */

/* "id in [1,2,3]" of as many ids as fit; returns how many. */
static size_t write_filter(char *out, size_t room, const char *field, const int64_t *ids, size_t count)
{
    enum { NUMBER = 24 };
    size_t taken = 0;
    int length = snprintf(out, room, "%s in [", field);
    for (; taken < count && (size_t)length + NUMBER < room; taken++)
        length +=
            snprintf(out + length, room - (size_t)length, "%s%" PRId64, taken > 0 ? "," : "", ids[taken]);
    snprintf(out + length, room - (size_t)length, "]");
    return taken;
}

static vrec_status delete_some(vr_milvus *milvus, char *filter, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__DeleteRequest request = VR__DELETE_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.expr = filter;
    vr_call call = { .rpc = &vr_rpc_delete, .timeout_ms = milvus->client.insert_ms };
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    if (reply)
        remember_write(milvus, ((const Vr__MutationReply *)reply)->timestamp);
    vr_reply_free(reply);
    return status;
}

vrec_status vr_milvus_delete(vr_milvus *milvus, const int64_t *ids, size_t count, vrec_error *err)
{
    enum { FILTER = 256 << 10 };
    vrec_error cause;
    vrec_status status = VREC_OK;
    char *filter = vr_alloc(FILTER, 1);
    if (!filter)
        return vr_fail_memory(err, FILTER, "a filter");
    for (size_t done = 0; done < count && status == VREC_OK;) {
        size_t taken = write_filter(filter, FILTER, milvus->id_field, ids + done, count - done);
        status = delete_some(milvus, filter, &cause);
        if (status != VREC_OK)
            vr_fail(err, status, "%.400s; the first %zu of %zu ids are deleted", cause.message, done,
                    count);
        done += taken;
    }
    vr_free(filter);
    return status;
}
