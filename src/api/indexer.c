/* What an indexer is, and what can be asked of it, but for queries (query.c).
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/indexer.h"

#include "api/ids_file.h"
#include "api/tuned.h"
#include "base/memory.h"
#include "core/structs.h"

#include <string.h>

/* ---- The index in it ---- */

/* A pointer for what is atomic in an indexer, and may change in one that is const to its caller. */
static vrec_indexer *changeable(const vrec_indexer *indexer)
{
    return (vrec_indexer *)(uintptr_t)indexer;
}

static void free_facts(vr_state *state)
{
    vr_free(atomic_load(&state->looked_up));
    vr_free(state);
}

/* Nobody reads the index any more. Somebody may still look at its facts. */
static void end_state(void *context, void *thing)
{
    vrec_indexer *indexer = context;
    vr_state *state = thing;
    if (state->replaced)
        vr_names_free_table(state->index->names);
    else
        vr_names_free(state->index->names);
    state->index->verbs->free(state->index);
    if (!atomic_load(&state->told)) {
        free_facts(state);
        return;
    }
    state->next = atomic_load(&indexer->kept);
    while (!atomic_compare_exchange_weak(&indexer->kept, &state->next, state))
        continue;
}

void vr_indexer_discard(vr_index *index)
{
    if (!index)
        return;
    vr_names_free(index->names);
    index->verbs->free(index);
}

static vrec_status make_state(vr_index *index, vr_state **out, vrec_error *err)
{
    *out = vr_alloc_zero(1, sizeof **out);
    if (!*out)
        return vr_fail_memory(err, sizeof **out, "an indexer");
    (*out)->index = index;
    vr_facts_copy(&index->facts, &(*out)->facts);
    return VREC_OK;
}

vrec_status vr_indexer_make(vr_index *index, const vr_options *options, vrec_indexer **out, vrec_error *err)
{
    vr_state *state;
    *out = NULL;
    vrec_status status = make_state(index, &state, err);
    vrec_indexer *indexer = vr_alloc_zero(1, sizeof *indexer);
    if (status == VREC_OK)
        status = indexer ? vr_options_keep(&indexer->options, options, err)
                         : vr_fail_memory(err, sizeof *indexer, "an indexer");
    if (status != VREC_OK) {
        vr_indexer_discard(index);
        vr_free(state);
        vr_free(indexer);
        return status;
    }
    vr_mutex_init(&indexer->changing);
    vr_current_init(&indexer->current, state, end_state, indexer);
    *out = indexer;
    return VREC_OK;
}

void vrec_indexer_free(vrec_indexer *indexer)
{
    if (!indexer)
        return;
    vr_current_clear(&indexer->current);
    for (vr_state *state = atomic_load(&indexer->kept), *next; state; state = next) {
        next = state->next;
        free_facts(state);
    }
    vr_tuned_free(indexer);
    vr_mutex_destroy(&indexer->changing);
    vr_options_free(&indexer->options);
    vr_free(indexer);
}

static vr_state *enter(const vrec_indexer *indexer, size_t *place)
{
    return vr_current_enter(&changeable(indexer)->current, place);
}

vr_index *vr_indexer_enter(const vrec_indexer *indexer, size_t *place)
{
    return enter(indexer, place)->index;
}

void vr_indexer_leave(const vrec_indexer *indexer, size_t place)
{
    vr_current_leave(&changeable(indexer)->current, place);
}

/* What was chosen and tuned was so for the index before. */
static void forget_tuning(vr_facts *facts)
{
    static const char *const keys[] = { "chosen", "because", "tuned", "shortfall" };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        vr_fact_drop(facts, keys[i]);
}

vrec_status vr_indexer_replace(vrec_indexer *indexer, vr_index *index, vrec_error *err)
{
    vr_state *state;
    size_t place;
    vr_state *old = enter(indexer, &place);
    index->changes = old->index->changes + 1;
    forget_tuning(&index->facts);
    vrec_status status = make_state(index, &state, err);
    if (status == VREC_OK)
        old->replaced = true;
    else
        vr_names_free_grown(index->names, old->index->names);
    vr_indexer_leave(indexer, place);
    if (status != VREC_OK) {
        index->verbs->free(index);
        return status;
    }
    vr_current_replace(&indexer->current, state);
    return VREC_OK;
}

vr_facts *vr_indexer_facts(vrec_indexer *indexer)
{
    size_t place;
    vr_facts *facts = &enter(indexer, &place)->facts;
    vr_indexer_leave(indexer, place);
    return facts;
}

/* ---- What is asked of it ---- */

bool vr_indexer_is_exact(const vrec_indexer *indexer)
{
    const char *kind = vr_indexer_kind(indexer);
    return strcmp(kind, "Flat") == 0 || strcmp(kind, "FLAT") == 0; /* as FAISS and Milvus write it */
}

const char *vr_indexer_backend(const vrec_indexer *indexer)
{
    return indexer->options.table->backend;
}

const char *vr_indexer_kind(const vrec_indexer *indexer)
{
    size_t place;
    const char *kind = vr_indexer_enter(indexer, &place)->kind;
    vr_indexer_leave(indexer, place);
    return kind ? kind : "";
}

const vr_index_verbs *vr_indexer_verbs(const vrec_indexer *indexer)
{
    size_t place;
    const vr_index_verbs *verbs = vr_indexer_enter(indexer, &place)->verbs;
    vr_indexer_leave(indexer, place);
    return verbs;
}

size_t vrec_rows(const vrec_indexer *indexer)
{
    size_t place;
    if (!indexer)
        return 0;
    size_t rows = vr_indexer_enter(indexer, &place)->rows;
    vr_indexer_leave(indexer, place);
    return rows;
}

size_t vrec_dim(const vrec_indexer *indexer)
{
    size_t place;
    if (!indexer)
        return 0;
    size_t dim = vr_indexer_enter(indexer, &place)->dim;
    vr_indexer_leave(indexer, place);
    return dim;
}

int vrec_larger_is_nearer(const vrec_indexer *indexer)
{
    size_t place;
    if (!indexer)
        return 0;
    bool larger = vr_indexer_enter(indexer, &place)->larger_is_nearer;
    vr_indexer_leave(indexer, place);
    return larger;
}

/* The facts that take time, found out when somebody first asks for one; NULL if there are none. Threads
 * that ask at the same time may all look, and go by whoever is done first. */
static const vr_facts *look_up(vr_state *state)
{
    vr_facts *known = atomic_load(&state->looked_up);
    if (known || !state->index->verbs->look_up)
        return known;
    vr_facts *facts = vr_alloc_zero(1, sizeof *facts);
    if (facts && state->index->verbs->look_up(state->index, facts) &&
        atomic_compare_exchange_strong(&state->looked_up, &known, facts))
        return facts;
    vr_free(facts);
    return known;
}

static const vrec_fact *fact_of(vr_state *state, size_t i)
{
    if (i < state->facts.count)
        return &state->facts.list[i];
    const vr_facts *more = look_up(state);
    return more && i - state->facts.count < more->count ? &more->list[i - state->facts.count] : NULL;
}

const vrec_fact *vrec_info(const vrec_indexer *indexer, size_t i)
{
    size_t place;
    if (!indexer)
        return NULL;
    vr_state *state = enter(indexer, &place);
    const vrec_fact *fact = fact_of(state, i);
    if (fact)
        atomic_store(&state->told, true);
    vr_indexer_leave(indexer, place);
    return fact;
}

static vrec_status save(const vr_index *index, const char *path, const vrec_progress *progress,
                        vrec_error *err)
{
    vr_output out;
    vrec_status status = vr_output_create(path, &out, err);
    if (status == VREC_OK)
        status = index->verbs->write(index, &out, progress, err);
    if (status == VREC_OK)
        status = vr_ids_file_commit(index, path, &out, progress, err);
    vr_output_close(&out);
    return status;
}

vrec_status vrec_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                      vrec_error *err)
{
    size_t place;
    vrec_progress room;
    if (!indexer || !path)
        return vr_fail_at(err, VREC_INVALID, vr_in(indexer ? "path" : "indexer"),
                          "saving an index: the %s is NULL", indexer ? "path" : "indexer");
    if (!vr_indexer_verbs(indexer)->write)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s: can't save to %s, because the index is on the server and stays there; build it "
                       "with collection=NAME, and attach to that later",
                       vr_indexer_backend(indexer), path);
    vrec_status status = vr_take_progress(progress, &room, &progress, err);
    if (status != VREC_OK)
        return status;
    status = save(vr_indexer_enter(indexer, &place), path, progress, err);
    vr_indexer_leave(indexer, place);
    return status;
}
