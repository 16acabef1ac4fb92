/* Which backends there are: the only list of them. SPDX-License-Identifier: Apache-2.0 */
#include "api/backends.h"

#include "annoy/backend.h"
#include "faiss/backend.h"
#include "milvus/backend.h"

#include <stdio.h>
#include <strings.h>

static const vr_backend *const backends[] = { &vr_annoy_backend, &vr_faiss_backend, &vr_milvus_backend };

enum { COUNT = sizeof backends / sizeof backends[0] };

const vr_backend *vr_backend_at(size_t i)
{
    return i < COUNT ? backends[i] : NULL;
}

/* For somebody who names a kind of index where its backend is wanted. */
static const vr_backend *find_kind(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        const vrec_option *kind = backends[i]->options->kind;
        if (kind && vr_list_has(kind->range, name))
            return backends[i];
    }
    return NULL;
}

/* "annoy, faiss, milvus" */
static void list_names(char out[VR_OPTION_TEXT])
{
    size_t used = 0;
    for (size_t i = 0; i < COUNT && used < VR_OPTION_TEXT; i++)
        used += (size_t)snprintf(out + used, VR_OPTION_TEXT - used, "%s%s", i > 0 ? ", " : "",
                                 backends[i]->name);
}

static void fail_unknown(const char *name, vrec_error *err)
{
    char names[VR_OPTION_TEXT];
    const vr_backend *owner = find_kind(name);
    vr_guess guess = vr_guess_start(name);
    for (size_t i = 0; i < COUNT; i++)
        vr_guess_try(&guess, backends[i]->name, backends[i]->name);
    list_names(names);
    if (owner)
        vr_fail(err, VREC_UNSUPPORTED, "there is no backend \"%s\"; it is a kind of index: %s with %s=%s",
                name, owner->name, owner->options->kind->key, name);
    else if (guess.word)
        vr_fail(err, VREC_UNSUPPORTED, "there is no backend \"%.60s\"; did you mean \"%s\"?", name,
                guess.word);
    else
        vr_fail(err, VREC_UNSUPPORTED, "there is no backend \"%.60s\"; there are %s", name, names);
}

const vr_backend *vr_backend_find(const char *name, vrec_error *err)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcasecmp(name, backends[i]->name) == 0)
            return backends[i];
    fail_unknown(name, err);
    return NULL;
}

const char *vrec_nearest_word(const char *word, const char *const *words)
{
    vr_guess guess = vr_guess_start(word ? word : "");
    for (; words && *words; words++)
        vr_guess_try(&guess, *words, *words);
    return guess.word;
}

const char *vrec_backend_name(size_t i)
{
    return i < COUNT ? backends[i]->name : NULL;
}

const char *vrec_backend_summary(size_t i)
{
    return i < COUNT ? backends[i]->summary : NULL;
}

uint32_t vrec_backend_can(const char *backend)
{
    const vr_backend *found = backend ? vr_backend_find(backend, NULL) : NULL;
    if (!found)
        return 0;
    bool available = !found->ready || found->ready(NULL) == VREC_OK;
    return found->can | (available ? VREC_CAN_AVAILABLE : 0);
}

const vrec_option *vrec_backend_option(const char *backend, size_t i)
{
    const vr_backend *found = backend ? vr_backend_find(backend, NULL) : NULL;
    return found && i < found->options->count ? &found->options->options[i] : NULL;
}
