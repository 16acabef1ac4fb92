/* The milvus backend of a library that was built without it. SPDX-License-Identifier: Apache-2.0 */
#include "milvus/backend.h"

#include "milvus/table.h"

static vrec_status say_absent(vrec_error *err)
{
    return vr_fail(err, VREC_UNSUPPORTED,
                   "milvus isn't built into this library; to have it, apt install libcurl4-openssl-dev "
                   "libprotobuf-c-dev protobuf-c-compiler, and build vrec again");
}

const vr_backend vr_milvus_backend = { .name = "milvus",
                                       .summary = "collections on a Milvus server; not built in",
                                       .options = &vr_milvus_options,
                                       .can = VREC_CAN_BUILD | VREC_CAN_ATTACH | VREC_CAN_CHANGE,
                                       .ready = say_absent };
