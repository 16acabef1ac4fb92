/* Which backends there are: the only list of them. SPDX-License-Identifier: Apache-2.0 */
#include "api/backends.h"

#include "annoy/backend.h"
#include "faiss/backend.h"
#include "milvus/backend.h"

#include <strings.h>

static const vr_backend *const backends[] = { &vr_annoy_backend, &vr_faiss_backend, &vr_milvus_backend };

enum { COUNT = sizeof backends / sizeof backends[0] };

const vr_backend *vr_backend_at(size_t i)
{
    return i < COUNT ? backends[i] : NULL;
}

static const char *name_at(const void *list, size_t i)
{
    return ((const vr_backend *const *)list)[i]->name;
}

const vr_backend *vr_backend_find(const char *name, vrec_error *err)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcasecmp(name, backends[i]->name) == 0)
            return backends[i];
    const char *nearest = backends[vr_nearest(name, name_at, backends, COUNT)]->name;
    vr_fail(err, VREC_UNSUPPORTED, "there is no backend \"%.60s\"; did you mean \"%s\"?", name, nearest);
    return NULL;
}

const char *vrec_backend_name(size_t i)
{
    return i < COUNT ? backends[i]->name : NULL;
}

const char *vrec_backend_summary(size_t i)
{
    return i < COUNT ? backends[i]->summary : NULL;
}

const vrec_option *vrec_backend_option(const char *backend, size_t i)
{
    const vr_backend *found = backend ? vr_backend_find(backend, NULL) : NULL;
    return found && i < found->options->count ? &found->options->options[i] : NULL;
}
