/* Where a Milvus server is, and as whom it is spoken to. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_TARGET_H
#define VR_MILVUS_TARGET_H

#include "core/options.h"

/* What vr_target_set() needs to know of the options; "" where unset. */
typedef struct vr_target_wish {
    const char *uri, *host; /* at most one of them */
    int port;
    const char *token, *user, *password;
    const char *database, *ca_file, *cert_file, *key_file;
} vr_target_wish;

typedef struct vr_target {
    char url[VR_OPTION_TEXT_MAX + 32]; /* "http://127.0.0.1:19530" */
    char shown[VR_OPTION_TEXT_MAX];    /* as errors name it: "127.0.0.1:19530" */
    bool is_socket;                    /* shown is the path of one */
    bool is_tls;
    char authorization[2 * VR_OPTION_SECRET_MAX]; /* the whole header line, a secret; "" for none */
    char secret[VR_OPTION_SECRET_MAX];            /* what it says: token, or user:password */
    char database[VR_OPTION_TEXT_MAX + 16];       /* the whole header line; "" for the default one */
    char ca_file[VR_OPTION_TEXT_MAX], cert_file[VR_OPTION_TEXT_MAX], key_file[VR_OPTION_TEXT_MAX];
} vr_target;

vrec_status vr_target_set(vr_target *target, const vr_target_wish *wish, vrec_error *err);

/* Takes the secrets out of what the server has said, which may repeat what it was sent. */
void vr_target_hide(const vr_target *target, char *text);

#endif
