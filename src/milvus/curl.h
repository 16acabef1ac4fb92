/* libcurl, opened when the first builder of milvus is made: only its headers are needed to compile, and a
 * program starts without it. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_CURL_H
#define VR_MILVUS_CURL_H

#include "base/error.h"

#include <curl/curl.h>

/* Those of its functions that are used here, each under its name without "curl_". */
typedef struct vr_curl {
    CURLcode (*global_init)(long flags);
    curl_version_info_data *(*version_info)(CURLversion age);
    struct curl_slist *(*slist_append)(struct curl_slist *list, const char *line);
    void (*slist_free_all)(struct curl_slist *list);
    CURL *(*easy_init)(void);
    void (*easy_cleanup)(CURL *easy);
    CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
    CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
    const char *(*easy_strerror)(CURLcode code);
    CURLM *(*multi_init)(void);
    CURLMcode (*multi_cleanup)(CURLM *multi);
    CURLMcode (*multi_setopt)(CURLM *multi, CURLMoption option, ...);
    CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
    CURLMcode (*multi_perform)(CURLM *multi, int *running);
    CURLMcode (*multi_poll)(CURLM *multi, struct curl_waitfd *extra, unsigned count, int ms, int *ready);
    CURLMsg *(*multi_info_read)(CURLM *multi, int *left);
} vr_curl;

/* The process's libcurl, initialised. Any thread may ask. NULL and VREC_UNSUPPORTED if there is none that
 * can be used; then that is so until the process ends. */
const vr_curl *vr_curl_get(vrec_error *err);

#endif
