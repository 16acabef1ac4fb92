/* SPDX-License-Identifier: Apache-2.0 */
#include "api/given_names.h"

#include "base/memory.h"

#include <string.h>

vrec_status vr_given_names_check(const vrec_build *build, vrec_error *err)
{
    if (!build->names && build->names_size > 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("names"), "names: it is NULL, but names_size is %zu",
                          build->names_size);
    if (build->names && build->ids)
        return vr_fail_at(err, VREC_INVALID, vr_in("names"),
                          "names and ids are both given; items with names have their rows for ids");
    return VREC_OK;
}

vrec_status vr_given_names_take(const vrec_build *build, const vr_names *old, size_t rows, vr_names **out,
                                vrec_error *err)
{
    static const vr_lines lines = { .before = "names: ", .subject = "names" };
    size_t room;
    char *text = vr_add(build->names_size, 1, &room) ? vr_alloc(room, 1) : NULL;
    if (!text)
        return vr_fail_memory(err, build->names_size, "names");
    if (build->names_size > 0)
        memcpy(text, build->names, build->names_size);
    return vr_names_grow(old, text, build->names_size, rows, &lines, out, err);
}
