/* SPDX-License-Identifier: Apache-2.0 */
#include "milvus/grpc.h"

#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%0A" and the like; what is badly encoded stays as it is. */
static void decode_percent(char *out, size_t room, const char *text, size_t length)
{
    char decoded[4 * VR_REASON];
    size_t used = 0;
    for (size_t i = 0; i < length && used < sizeof decoded; i++) {
        int high = text[i] == '%' && length - i > 2 ? hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
        decoded[used++] = low >= 0 ? (char)(uint8_t)(16 * high + low) : text[i];
        i += low >= 0 ? 2 : 0;
    }
    vr_text_fit(out, room, decoded, used);
}

/* Whether a line is "NAME: VALUE"; if so, where its value is. */
static bool is_header(const char *line, size_t length, const char *name, const char **value, size_t *size)
{
    size_t prefix = strlen(name);
    if (length <= prefix || strncasecmp(line, name, prefix) != 0 || line[prefix] != ':')
        return false;
    const char *from = line + prefix + 1, *end = line + length;
    while (from < end && *from == ' ')
        from++;
    *value = from;
    *size = (size_t)(end - from);
    return true;
}

/* Up to three digits; -1 for anything else. */
static int small_number(const char *text, size_t length)
{
    int number = 0;
    if (length < 1 || length > 3)
        return -1;
    for (size_t i = 0; i < length; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        number = 10 * number + (text[i] - '0');
    }
    return number;
}

void vr_grpc_line(vr_grpc_head *head, const char *line, size_t length)
{
    const char *value;
    size_t size;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
        length--;
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0) {
        const char *space = memchr(line, ' ', length);
        size_t left = space ? length - (size_t)(space + 1 - line) : 0;
        *head = (vr_grpc_head){ .http_status = small_number(space ? space + 1 : "", vr_min(left, 3)) };
    } else if (is_header(line, length, "content-type", &value, &size)) {
        head->is_grpc = size >= 16 && strncasecmp(value, "application/grpc", 16) == 0;
    } else if (is_header(line, length, "grpc-status", &value, &size)) {
        head->status = small_number(value, size);
        head->has_status = head->status >= 0;
    } else if (is_header(line, length, "grpc-message", &value, &size)) {
        decode_percent(head->message, sizeof head->message, value, size);
    }
}

/* What gRPC makes of an HTTP status other than 200. */
static int status_of_http(long http)
{
    switch (http) {
    case 401: return VR_GRPC_UNAUTHENTICATED;
    case 403: return VR_GRPC_PERMISSION_DENIED;
    case 404: return VR_GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504: return VR_GRPC_UNAVAILABLE;
    default: return VR_GRPC_UNKNOWN;
    }
}

const char *vr_grpc_check(const vr_grpc_head *head, const uint8_t *body, size_t length, int *status)
{
    if (head->http_status != 200 && !head->has_status) {
        *status = status_of_http(head->http_status);
        return *status == VR_GRPC_UNKNOWN ? "what answers there is not a gRPC server" : NULL;
    }
    if (!head->is_grpc)
        return "what answers there is not a gRPC server";
    if (!head->has_status)
        return "the reply ended without a grpc-status";
    *status = head->status;
    if (head->status != VR_GRPC_OK)
        return NULL;
    if (length < VR_FRAME_HEAD)
        return "the reply has no message";
    if (body[0] != 0)
        return "the reply is compressed, which was not asked for";
    if (vr_grpc_length(body) != length - VR_FRAME_HEAD)
        return "the reply's length is not what it announced";
    return NULL;
}

const char *vr_grpc_name(int status)
{
    static const char *const names[] = {
        "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
        "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
        "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
        "DATA_LOSS", "UNAUTHENTICATED"
    };
    return status >= 0 && status <= VR_GRPC_UNAUTHENTICATED ? names[status] : "an unknown status";
}

void vr_grpc_frame(uint8_t head[VR_FRAME_HEAD], size_t length)
{
    head[0] = 0;
    for (int i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(length >> (24 - 8 * i));
}

size_t vr_grpc_length(const uint8_t head[VR_FRAME_HEAD])
{
    return (size_t)head[1] << 24 | (size_t)head[2] << 16 | (size_t)head[3] << 8 | head[4];
}
