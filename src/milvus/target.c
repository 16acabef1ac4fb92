/* SPDX-License-Identifier: Apache-2.0 */
#include "milvus/target.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_PORT = 19530 };

/* Text that goes into a header line must not end it. */
static vrec_status check_line(const char *name, const char *text, vrec_error *err)
{
    for (; *text; text++)
        if (iscntrl((unsigned char)*text))
            return vr_fail(err, VREC_INVALID, "milvus: %s contains a control character", name);
    return VREC_OK;
}

/* ---- Address ---- */

/* An address without what may be a secret in it: who comes before an @, and a path or query. */
static void mask(const char *uri, char *out, size_t room)
{
    const char *scheme = strstr(uri, "://"), *host = scheme ? scheme + 3 : uri, *at = strrchr(host, '@');
    const char *shown = at ? at + 1 : host;
    size_t length = strcspn(shown, "/?#");
    vr_text_print(out, room, "%.*s%s%.*s%s", (int)vr_min((size_t)(host - uri), 20), uri, at ? "***@" : "",
                  (int)vr_min(length, 100), shown, shown[length] && shown[length + 1] ? "/..." : "");
}

static vrec_status bad_uri(const char *uri, vrec_error *err)
{
    char shown[160];
    mask(uri, shown, sizeof shown);
    return vr_fail(err, VREC_INVALID,
                   "milvus: uri is \"%s\"; it takes http://HOST:PORT, https://HOST:PORT or unix:PATH%s",
                   shown, strchr(uri, '@') ? "; user and password are options of their own" : "");
}

/* A host and a port after the scheme, and nothing else: no user, no path. */
static vrec_status check_authority(const char *uri, const char *rest, size_t length, bool *has_port,
                                   vrec_error *err)
{
    const char *bracket = memchr(rest, ']', length); /* "[::1]:19530" */
    const char *after = bracket ? bracket + 1 : rest;
    const char *colon = memchr(after, ':', length - (size_t)(after - rest));
    const char *end = rest + length;
    if (length == 0 || colon == rest || memchr(rest, '@', length) || memchr(rest, '/', length) ||
        memchr(rest, '?', length) || memchr(rest, ' ', length))
        return bad_uri(uri, err);
    if (colon && (end - colon < 2 || end - colon > 6))
        return bad_uri(uri, err);
    for (const char *digit = colon ? colon + 1 : end; digit < end; digit++)
        if (!isdigit((unsigned char)*digit))
            return bad_uri(uri, err);
    *has_port = colon != NULL;
    return VREC_OK;
}

static vrec_status set_uri(vr_target *target, const char *uri, vrec_error *err)
{
    bool has_port;
    if (strncmp(uri, "unix:", 5) == 0) {
        const char *path = uri + 5 + (strncmp(uri + 5, "///", 3) == 0 ? 2 : 0); /* unix:///run/x too */
        if (!*path)
            return bad_uri(uri, err);
        snprintf(target->shown, sizeof target->shown, "%s", path);
        snprintf(target->url, sizeof target->url, "http://localhost");
        target->is_socket = true;
        return VREC_OK;
    }
    target->is_tls = strncmp(uri, "https://", 8) == 0;
    if (!target->is_tls && strncmp(uri, "http://", 7) != 0)
        return bad_uri(uri, err);
    const char *rest = uri + (target->is_tls ? 8 : 7);
    size_t length = strlen(rest);
    while (length > 0 && rest[length - 1] == '/')
        length--;
    vrec_status status = check_authority(uri, rest, length, &has_port, err);
    if (status != VREC_OK)
        return status;
    int cut = (int)vr_min(length, VR_OPTION_TEXT_MAX - 8);
    if (has_port)
        snprintf(target->shown, sizeof target->shown, "%.*s", cut, rest);
    else
        snprintf(target->shown, sizeof target->shown, "%.*s:%d", cut, rest, DEFAULT_PORT);
    snprintf(target->url, sizeof target->url, "%s://%s", target->is_tls ? "https" : "http", target->shown);
    return VREC_OK;
}

static vrec_status set_host(vr_target *target, const char *host, int port, vrec_error *err)
{
    char uri[VR_OPTION_TEXT_MAX + 32];
    bool bare_v6 = strchr(host, ':') && host[0] != '[';
    snprintf(uri, sizeof uri, "http://%s%s%s:%d", bare_v6 ? "[" : "", host, bare_v6 ? "]" : "", port);
    char shown[160];
    mask(host, shown, sizeof shown);
    if (strstr(host, "://") || set_uri(target, uri, NULL) != VREC_OK)
        return vr_fail(err, VREC_INVALID,
                       "milvus: host is \"%s\"; it takes a name or an address (for TLS or a socket, "
                       "set uri instead)",
                       shown);
    return VREC_OK;
}

/* ---- Credentials ---- */

static void base64(char *out, const char *text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *from = (const unsigned char *)text;
    for (size_t left = strlen(text); left > 0;) {
        size_t count = vr_min(left, 3);
        unsigned bits = (unsigned)from[0] << 16 | (count > 1 ? (unsigned)from[1] << 8 : 0u) |
                        (count > 2 ? (unsigned)from[2] : 0u);
        *out++ = digits[bits >> 18];
        *out++ = digits[bits >> 12 & 63];
        *out++ = count > 1 ? digits[bits >> 6 & 63] : '=';
        *out++ = count > 2 ? digits[bits & 63] : '=';
        from += count;
        left -= count;
    }
    *out = '\0';
}

/* Milvus's own form: no "Basic" or "Bearer". */
static vrec_status set_credentials(vr_target *target, const vr_target_wish *wish, vrec_error *err)
{
    static const char name[] = "authorization: ";
    char plain[VR_OPTION_SECRET_MAX + VR_OPTION_TEXT_MAX] = "";
    if (*wish->token && (*wish->user || *wish->password))
        return vr_fail(err, VREC_INVALID,
                       "milvus: token and user or password are given; the server takes one or the other");
    if (!*wish->user != !*wish->password)
        return vr_fail(err, VREC_INVALID, "milvus: %s is given without %s",
                       *wish->user ? "user" : "password", *wish->user ? "password" : "user");
    if (*wish->user)
        snprintf(plain, sizeof plain, "%s:%s", wish->user, wish->password);
    else
        snprintf(plain, sizeof plain, "%s", wish->token);
    if (strlen(plain) >= sizeof target->secret)
        return vr_fail(err, VREC_INVALID, "milvus: user and password are longer than %zu bytes together",
                       sizeof target->secret - 1);
    memcpy(target->secret, plain, strlen(plain) + 1);
    target->authorization[0] = '\0';
    if (*plain) {
        memcpy(target->authorization, name, sizeof name);
        base64(target->authorization + sizeof name - 1, plain);
    }
    return VREC_OK;
}

_Static_assert(sizeof "authorization: " + (VR_OPTION_SECRET_MAX + 2) / 3 * 4 <=
                   sizeof(((vr_target *)NULL)->authorization),
               "there is room for the longest secret in base64");

/* Puts three stars for every occurrence of word. One of a few letters is in many words, and no secret. */
static void hide_word(char *text, const char *word)
{
    enum { LEAST = 4 };
    size_t length = strlen(word);
    for (char *at = text; length >= LEAST && (at = strstr(at, word)); at += 3) {
        memset(at, '*', 3);
        memmove(at + 3, at + length, strlen(at + length) + 1);
    }
}

void vr_target_hide(const vr_target *target, char *text)
{
    const char *coded = strchr(target->authorization, ' '), *colon = strchr(target->secret, ':');
    if (!coded)
        return;
    hide_word(text, coded + 1);
    hide_word(text, target->secret);
    if (colon)
        hide_word(text, colon + 1);
}

/* Whom to trust: the file of the option, or else the one that SSL_CERT_FILE names. OpenSSL's programs look
 * there; libcurl itself doesn't. "" for the system's certificates. */
static vrec_status set_authorities(vr_target *target, const char *ca_file, vrec_error *err)
{
    const char *named = getenv("SSL_CERT_FILE");
    const char *file = *ca_file || !named ? ca_file : named;
    int length = snprintf(target->ca_file, sizeof target->ca_file, "%s", file);
    if ((size_t)length < sizeof target->ca_file)
        return VREC_OK;
    return vr_fail(err, VREC_INVALID, "milvus: SSL_CERT_FILE has %d bytes; a path here has at most %zu",
                   length, sizeof target->ca_file - 1);
}

vrec_status vr_target_set(vr_target *target, const vr_target_wish *wish, vrec_error *err)
{
    *target = (vr_target){ .is_tls = false };
    vrec_status status =
        *wish->uri ? set_uri(target, wish->uri, err) : set_host(target, wish->host, wish->port, err);
    if (status == VREC_OK)
        status = check_line("database", wish->database, err);
    if (status == VREC_OK)
        status = set_credentials(target, wish, err);
    if (status != VREC_OK)
        return status;
    if (!target->is_tls && (*wish->ca_file || *wish->cert_file || *wish->key_file))
        return vr_fail(err, VREC_INVALID,
                       "milvus: ca_file, cert_file and key_file are for TLS; set uri=https://HOST:PORT");
    if (!*wish->cert_file != !*wish->key_file)
        return vr_fail(err, VREC_INVALID, "milvus: %s is given without %s",
                       *wish->cert_file ? "cert_file" : "key_file",
                       *wish->cert_file ? "key_file" : "cert_file");
    if (*wish->database)
        snprintf(target->database, sizeof target->database, "dbname: %s", wish->database);
    snprintf(target->cert_file, sizeof target->cert_file, "%s", wish->cert_file);
    snprintf(target->key_file, sizeof target->key_file, "%s", wish->key_file);
    return target->is_tls ? set_authorities(target, wish->ca_file, err) : VREC_OK;
}
