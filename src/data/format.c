/* SPDX-License-Identifier: Apache-2.0 */
#include "data/format.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const vr_format formats[] = {
    { ".npy", VR_LAYOUT_NPY, VR_ANY_TYPE }, { ".fvecs", VR_LAYOUT_VECS, VREC_F32 },
    { ".bvecs", VR_LAYOUT_VECS, VREC_U8 },  { ".ivecs", VR_LAYOUT_VECS, VREC_I32 },
    { ".fbin", VR_LAYOUT_BIN, VREC_F32 },   { ".u8bin", VR_LAYOUT_BIN, VREC_U8 },
    { ".i8bin", VR_LAYOUT_BIN, VREC_I8 },   { ".ibin", VR_LAYOUT_BIN, VREC_I32 },
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

const vr_format *vr_format_of(const char *path, vrec_error *err)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < FORMATS; i++) {
        size_t tail = strlen(formats[i].ending);
        if (length >= tail && strcasecmp(path + length - tail, formats[i].ending) == 0)
            return &formats[i];
    }
    char endings[VR_ENDINGS_MAX];
    vr_endings_for(VR_ANY_TYPE, endings);
    vr_fail_at(err, VREC_UNSUPPORTED, vr_in("path"),
               "%s: a name's ending says the format of the vectors in it: %s", path, endings);
    return NULL;
}

bool vr_format_takes(const vr_format *format, int32_t type)
{
    if (type == VR_ANY_TYPE || format->type == VR_ANY_TYPE || type == format->type)
        return true;
    if (format->type == VREC_F32)
        return type == VREC_F16 || type == VREC_F64 || type == VREC_I8 || type == VREC_U8;
    if (format->type == VREC_I32)
        return type == VREC_I64 || type == VREC_I8 || type == VREC_U8;
    return false;
}

void vr_endings_for(int32_t type, char out[VR_ENDINGS_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < FORMATS; i++)
        if (vr_format_takes(&formats[i], type))
            used += (size_t)snprintf(out + used, VR_ENDINGS_MAX - used, "%s%s", used ? ", " : "",
                                     formats[i].ending);
}

const char *vr_type_code(int32_t type)
{
    static const char codes[][3] = {
        [VREC_F32] = "f4", [VREC_F16] = "f2", [VREC_F64] = "f8", [VREC_I8] = "i1",
        [VREC_U8] = "u1",  [VREC_I32] = "i4", [VREC_I64] = "i8"
    };
    return codes[type];
}
