/* What the options of the milvus backend mean. SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/system.h"
#include "base/threads.h"
#include "milvus/milvus.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- The server ---- */

vrec_status vr_milvus_client_options(const vr_options *given, vr_client *client, vrec_error *err)
{
    if (given->given[VR_MILVUS_URI] && (given->given[VR_MILVUS_HOST] || given->given[VR_MILVUS_PORT]))
        return vr_fail(err, VREC_INVALID, "milvus: uri and %s are given; uri says both",
                       given->given[VR_MILVUS_HOST] ? "host" : "port");
    client->connect_ms = given->value[VR_MILVUS_CONNECT_TIMEOUT] * 1000;
    client->call_ms = given->value[VR_MILVUS_TIMEOUT] * 1000;
    client->insert_ms = given->value[VR_MILVUS_INSERT_TIMEOUT] * 1000;
    client->build_ms = given->value[VR_MILVUS_BUILD_TIMEOUT] * 1000;
    const vr_target_wish wish = { .uri = vr_options_text(given, VR_MILVUS_URI),
                                  .host = vr_options_text(given, VR_MILVUS_HOST),
                                  .port = (int)given->value[VR_MILVUS_PORT],
                                  .token = vr_options_text(given, VR_MILVUS_TOKEN),
                                  .user = vr_options_text(given, VR_MILVUS_USER),
                                  .password = vr_options_text(given, VR_MILVUS_PASSWORD),
                                  .database = vr_options_text(given, VR_MILVUS_DATABASE),
                                  .ca_file = vr_options_text(given, VR_MILVUS_CA_FILE),
                                  .cert_file = vr_options_text(given, VR_MILVUS_CERT_FILE),
                                  .key_file = vr_options_text(given, VR_MILVUS_KEY_FILE) };
    return vr_target_set(&client->target, &wish, err);
}

/* ---- The collection ---- */

/* What the server allows, checked here because its own message doesn't say where it comes from. */
static vrec_status check_name(size_t option, const char *name, size_t max, vrec_error *err)
{
    bool good = isalpha((unsigned char)name[0]) || name[0] == '_';
    size_t length = 0;
    while (isalnum((unsigned char)name[length]) || name[length] == '_')
        length++;
    if (good && !name[length] && length <= max)
        return VREC_OK;
    length =
        name[length] == '=' ? 0 : length + (name[length] != '\0'); /* what follows "=" may be a secret */
    return vr_fail(
        err, VREC_INVALID,
        "milvus: %s is \"%.*s%s\"; a name starts with a letter or _, goes on with letters, digits "
        "and _, and has at most %zu bytes",
        vr_milvus_options.options[option].key, (int)vr_min(length, 60), name, name[length] ? "..." : "",
        max);
}

vrec_status vr_milvus_collection_option(const vr_options *given, const char **out, vrec_error *err)
{
    *out = vr_options_text(given, VR_MILVUS_COLLECTION);
    if (!**out)
        return vr_fail(err, VREC_INVALID, "milvus: which collection? set collection=NAME");
    return check_name(VR_MILVUS_COLLECTION, *out, VR_CLIENT_NAME - 1, err);
}

const char *vr_milvus_vector_field_option(const vr_options *given)
{
    return vr_options_text(given, VR_MILVUS_VECTOR_FIELD);
}

static vrec_status plan_names(const vr_options *given, vr_milvus_plan *plan, vrec_error *err)
{
    enum { SUFFIX = 48 };
    const char *collection = vr_options_text(given, VR_MILVUS_COLLECTION),
               *name = vr_options_text(given, VR_MILVUS_NAME);
    plan->vector_field =
        given->given[VR_MILVUS_VECTOR_FIELD] ? vr_options_text(given, VR_MILVUS_VECTOR_FIELD) : "embedding";
    vrec_status status = check_name(VR_MILVUS_VECTOR_FIELD, plan->vector_field, VR_CLIENT_NAME - 1, err);
    if (status != VREC_OK)
        return status;
    if (strcmp(plan->vector_field, "id") == 0)
        return vr_fail(err, VREC_INVALID, "milvus: vector_field is \"id\", which is the name of the ids");
    plan->generated = !*collection;
    if (!plan->generated) {
        snprintf(plan->collection, sizeof plan->collection, "%.255s", collection);
        return check_name(VR_MILVUS_COLLECTION, collection, VR_CLIENT_NAME - 1, err);
    }
    snprintf(plan->collection, sizeof plan->collection, "%.200s_%" PRIu64 "_%016" PRIx64, name,
             vr_process_id(), vr_random_u64());
    return check_name(VR_MILVUS_NAME, name, VR_CLIENT_NAME - SUFFIX, err);
}

/* ---- The index ---- */

static void upper_case(char out[VR_OPTION_TEXT], const char *text)
{
    size_t i = 0;
    for (; text[i] && i < VR_OPTION_TEXT - 1; i++)
        out[i] = (char)toupper((unsigned char)text[i]);
    out[i] = '\0';
}

/* That it is an object; the server sees to the rest. */
static vrec_status check_json(const vr_options *given, size_t option, vrec_error *err)
{
    const char *text = vr_options_text(given, option);
    size_t length = strlen(text);
    if (length == 0 || (text[0] == '{' && text[length - 1] == '}'))
        return VREC_OK;
    return vr_fail(err, VREC_INVALID,
                   "milvus: %s is \"%.60s\"; it takes a JSON object, such as {\"nlist\":64}",
                   vr_milvus_options.options[option].key, text);
}

static void plan_params(const vr_options *given, vr_milvus_plan *plan)
{
    const char *params = vr_options_text(given, VR_MILVUS_PARAMS);
    if (*params)
        snprintf(plan->params, sizeof plan->params, "%s", params);
    else if (strcmp(plan->index_type, "HNSW") == 0)
        snprintf(plan->params, sizeof plan->params, "{\"M\":%d,\"efConstruction\":%d}",
                 (int)given->value[VR_MILVUS_M], (int)given->value[VR_MILVUS_EF_CONSTRUCTION]);
    else if (strcmp(plan->index_type, "IVF_FLAT") == 0)
        snprintf(plan->params, sizeof plan->params, "{\"nlist\":%d}", (int)given->value[VR_MILVUS_NLIST]);
    else
        snprintf(plan->params, sizeof plan->params, "{}");
}

static const char *const metrics[] = { "L2", "IP", "COSINE" }; /* as the option's range lists them */

vrec_status vr_milvus_plan_options(const vr_options *given, const vrec_matrix *items, vr_milvus_plan *plan,
                                   vrec_error *err)
{
    enum { DIM_MIN = 2, DIM_MAX = 32768 };
    *plan = (vr_milvus_plan){ .metric = metrics[given->value[VR_MILVUS_METRIC]],
                              .replicas = (int32_t)given->value[VR_MILVUS_REPLICAS],
                              .shards = (int32_t)given->value[VR_MILVUS_SHARDS],
                              .batch_bytes = vr_milvus_batch_bytes(given),
                              .threads = vr_milvus_threads(given) };
    if (given->given[VR_MILVUS_DIM] && (size_t)given->value[VR_MILVUS_DIM] != items->dim)
        return vr_fail(err, VREC_INVALID, "milvus: d is %lld, but the items have %zu values each",
                       (long long)given->value[VR_MILVUS_DIM], items->dim);
    if (items->dim < DIM_MIN || items->dim > DIM_MAX)
        return vr_fail(err, VREC_INVALID, "milvus: %zu values per item; the server takes %d to %d",
                       items->dim, DIM_MIN, DIM_MAX);
    vrec_status status = plan_names(given, plan, err);
    if (status == VREC_OK)
        status = check_json(given, VR_MILVUS_PARAMS, err);
    if (status == VREC_OK)
        status = check_json(given, VR_MILVUS_SEARCH_PARAMS, err);
    upper_case(plan->index_type, vr_options_text(given, VR_MILVUS_INDEX_TYPE));
    plan_params(given, plan);
    return status;
}

static vrec_status differs(size_t option, const char *wanted, const char *found, vrec_error *err)
{
    return vr_fail(err, VREC_INVALID, "milvus: %s is %.60s, but the collection's is %.60s",
                   vr_milvus_options.options[option].key, wanted, *found ? found : "none");
}

vrec_status vr_milvus_compare_options(const vr_options *given, const vr_milvus *found, vrec_error *err)
{
    char type[VR_OPTION_TEXT];
    upper_case(type, vr_options_text(given, VR_MILVUS_INDEX_TYPE));
    if (given->given[VR_MILVUS_DIM] && (size_t)given->value[VR_MILVUS_DIM] != found->base.dim)
        return vr_fail(err, VREC_INVALID, "milvus: d is %lld, but the collection's vectors have %zu values",
                       (long long)given->value[VR_MILVUS_DIM], found->base.dim);
    if (given->given[VR_MILVUS_METRIC] &&
        strcmp(metrics[given->value[VR_MILVUS_METRIC]], found->metric) != 0)
        return differs(VR_MILVUS_METRIC, metrics[given->value[VR_MILVUS_METRIC]], found->metric, err);
    if (given->given[VR_MILVUS_INDEX_TYPE] && strcmp(type, found->index_type) != 0)
        return differs(VR_MILVUS_INDEX_TYPE, type, found->index_type, err);
    return check_json(given, VR_MILVUS_SEARCH_PARAMS, err);
}

/* ---- Search ---- */

void vr_milvus_search_params(const vr_options *given, const char *index_type, size_t limit,
                             char out[VR_OPTION_TEXT_MAX])
{
    const char *params = vr_options_text(given, VR_MILVUS_SEARCH_PARAMS);
    if (*params)
        snprintf(out, VR_OPTION_TEXT_MAX, "%s", params);
    else if (strcmp(index_type, "HNSW") == 0 &&
             given->value[VR_MILVUS_EF] > 0) /* the server refuses one below limit */
        snprintf(out, VR_OPTION_TEXT_MAX, "{\"ef\":%zu}",
                 vr_max((size_t)given->value[VR_MILVUS_EF], limit));
    else if (strncmp(index_type, "IVF", 3) == 0 && given->value[VR_MILVUS_NPROBE] > 0)
        snprintf(out, VR_OPTION_TEXT_MAX, "{\"nprobe\":%d}", (int)given->value[VR_MILVUS_NPROBE]);
    else
        snprintf(out, VR_OPTION_TEXT_MAX, "{}");
}

void vr_milvus_consistency(const vr_options *given, vr_milvus *milvus, int32_t *level, uint64_t *timestamp)
{
    enum { AUTO, STRONG, BOUNDED, SESSION, EVENTUALLY }; /* as the option's range lists them */
    enum { LEVEL_STRONG = 0, LEVEL_SESSION = 1, LEVEL_BOUNDED = 2, LEVEL_EVENTUALLY = 3 };
    enum { SEES_ALL = 0, SEES_ANY = 1, SEES_RECENT = 2 }; /* timestamps of special meaning */
    uint64_t last = atomic_load(&milvus->last_write);
    int64_t wish = given->value[VR_MILVUS_CONSISTENCY];
    if (wish == AUTO)
        wish = !atomic_load(&milvus->wrote) ? BOUNDED : atomic_load(&milvus->unstamped) ? STRONG : SESSION;
    switch (wish) {
    case STRONG: *level = LEVEL_STRONG, *timestamp = SEES_ALL; break;
    case SESSION: *level = LEVEL_SESSION, *timestamp = last > 0 ? last : SEES_ANY; break;
    case EVENTUALLY: *level = LEVEL_EVENTUALLY, *timestamp = SEES_ANY; break;
    default: *level = LEVEL_BOUNDED, *timestamp = SEES_RECENT; break;
    }
}

size_t vr_milvus_batch_bytes(const vr_options *given)
{
    return (size_t)given->value[VR_MILVUS_BATCH_BYTES];
}

size_t vr_milvus_threads(const vr_options *given)
{
    return vr_min(vr_thread_count((int32_t)given->value[VR_MILVUS_THREADS]), VR_CLIENT_IDLE);
}
