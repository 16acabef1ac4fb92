/* SPDX-License-Identifier: Apache-2.0 */
#include "milvus/curl.h"

#include "base/library.h"
#include "base/threads.h"

#include <stdio.h>

enum { OLDEST = 0x074200 }; /* 7.66, the first with curl_multi_poll() */

#ifdef __APPLE__
static const char *const names[] = { "libcurl.4.dylib" };
#else
/* The usual one, and the variant that Debian builds on GnuTLS. */
static const char *const names[] = { "libcurl.so.4", "libcurl-gnutls.so.4" };
#endif

static const vr_import imports[] = {
    { "curl_global_init", offsetof(vr_curl, global_init) },
    { "curl_version_info", offsetof(vr_curl, version_info) },
    { "curl_slist_append", offsetof(vr_curl, slist_append) },
    { "curl_slist_free_all", offsetof(vr_curl, slist_free_all) },
    { "curl_easy_init", offsetof(vr_curl, easy_init) },
    { "curl_easy_cleanup", offsetof(vr_curl, easy_cleanup) },
    { "curl_easy_setopt", offsetof(vr_curl, easy_setopt) },
    { "curl_easy_getinfo", offsetof(vr_curl, easy_getinfo) },
    { "curl_easy_strerror", offsetof(vr_curl, easy_strerror) },
    { "curl_multi_init", offsetof(vr_curl, multi_init) },
    { "curl_multi_cleanup", offsetof(vr_curl, multi_cleanup) },
    { "curl_multi_setopt", offsetof(vr_curl, multi_setopt) },
    { "curl_multi_add_handle", offsetof(vr_curl, multi_add_handle) },
    { "curl_multi_remove_handle", offsetof(vr_curl, multi_remove_handle) },
    { "curl_multi_perform", offsetof(vr_curl, multi_perform) },
    { "curl_multi_poll", offsetof(vr_curl, multi_poll) },
    { "curl_multi_info_read", offsetof(vr_curl, multi_info_read) },
};

_Static_assert(sizeof imports / sizeof imports[0] * sizeof(void (*)(void)) == sizeof(vr_curl),
               "every function of the structure is imported");

/* Written once, by open_one_of_them(). */
static struct {
    vr_curl functions;
    bool usable;
    char why_not[200];
} library;

static vr_once once = VR_ONCE;

/* Whether the library opened as name can do what is asked of it. */
static bool check(void *opened, const char *name)
{
    vr_curl *curl = &library.functions;
    const char *missing = vr_library_import(opened, imports, sizeof imports / sizeof imports[0], curl);
    const curl_version_info_data *version = missing ? NULL : curl->version_info(CURLVERSION_NOW);
    if (missing)
        snprintf(library.why_not, sizeof library.why_not, "%s is older than 7.66 (it has no %s)", name,
                 missing);
    else if (version->version_num < OLDEST)
        snprintf(library.why_not, sizeof library.why_not, "%s is %.20s, older than 7.66", name,
                 version->version);
    else if (!(version->features & CURL_VERSION_HTTP2))
        snprintf(library.why_not, sizeof library.why_not, "%s is built without HTTP/2", name);
    else if (curl->global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        snprintf(library.why_not, sizeof library.why_not, "%s can't be initialised", name);
    else
        return true;
    return false;
}

/* What is wrong with a library that is there tells more than that another one isn't. */
static void open_one_of_them(void)
{
    char why[sizeof library.why_not];
    for (size_t i = 0; i < sizeof names / sizeof names[0] && !library.usable; i++) {
        void *opened = vr_library_open(names[i], why, sizeof why);
        if (opened)
            library.usable = check(opened, names[i]);
        else if (!library.why_not[0])
            snprintf(library.why_not, sizeof library.why_not, "%s", why);
    }
}

const vr_curl *vr_curl_get(vrec_error *err)
{
    vr_call_once(&once, open_one_of_them);
    if (library.usable)
        return &library.functions;
    vr_fail(err, VREC_UNSUPPORTED,
            "milvus needs libcurl 7.66 or newer, which this program could not open: %s; install it (apt "
            "install libcurl4, dnf install libcurl, apk add libcurl), and start the program again",
            library.why_not);
    return NULL;
}
