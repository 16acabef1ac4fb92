/* SPDX-License-Identifier: Apache-2.0 */
#include "base/library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *vr_library_open(const char *name, char *why, size_t room)
{
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    const char *reason = library ? NULL : dlerror();
    snprintf(why, room, "%s", reason ? reason : "");
    return library;
}

/* Copied as bytes, because ISO C knows no conversion from the pointer that dlsym() returns to one to a
 * function; POSIX says that they look alike. */
const char *vr_library_import(void *library, const vr_import *imports, size_t count, void *functions)
{
    for (size_t i = 0; i < count; i++) {
        void *symbol = dlsym(library, imports[i].name);
        if (!symbol)
            return imports[i].name;
        memcpy((char *)functions + imports[i].offset, &symbol, sizeof symbol);
    }
    return NULL;
}
