/* Works around three faults of libcurl 7.88, which Debian 12 ships:
 *
 * It can't use an unencrypted HTTP/2 connection a second time: told again that the server speaks HTTP/2
 * (prior knowledge), it switches the protocol once more and fails. Told to negotiate instead (2TLS), it
 * finds the open connection and uses it as it is. If that has died meanwhile it dials a new one and speaks
 * HTTP/1.1 on it, which no gRPC server takes for a call: it is safe to start over.
 *
 * While the server's flow control holds an upload back, it doesn't wait, since the socket could take more:
 * a core's worth of asking.
 *
 * The end of a large reply can lie in its own buffers while it waits for the socket, up to a second.
 *
 * And around one that no version is safe from: it reads for as long as the peer sends, if that is frames
 * that mean nothing, and asks nobody meanwhile. So a call runs on a thread of its own, and the thread that
 * wants the answer looks at the time and at what its caller wishes, and cuts the connection.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "milvus/transport.h"

#include "base/memory.h"
#include "base/socket.h"
#include "base/system.h"
#include "base/text.h"
#include "base/threads.h"

#include <stdio.h>
#include <string.h>

enum {
    SERVICE_ROOM = 96,
    LOOK_MS = 25, /* how often the caller's wishes are asked for */
    GRACE_MS = 50 /* for the server to be the first to say that it's late: then the connection stays */
};

static const char service[] = "/milvus.proto.milvus.MilvusService/";

struct vr_channel {
    const vr_curl *curl;
    CURL *easy;
    CURLM *multi;         /* holds the connection */
    curl_socket_t socket; /* of the last call */
    vr_sockets sockets;
    const vr_target *target;
    bool reuse_fails; /* see above */
    bool connected;   /* a call has gone through */
    char error[CURL_ERROR_SIZE];

    /* Of the call under way. */
    vr_exchange *exchange;
    struct curl_slist *lines;
    CURLcode code;
    int64_t deadline;
    vr_grpc_head head;
    uint8_t *body;
    size_t received, room;
    curl_off_t uploaded;
    size_t rest_us;
    bool too_big, no_memory;
    bool unwatched;     /* nobody looks while it runs */
    bool stopped, late; /* set by who looks */
};

/* ---- What libcurl calls ---- */

static size_t on_header(char *line, size_t one, size_t length, void *context)
{
    vr_channel *channel = context;
    (void)one;
    vr_grpc_line(&channel->head, line, length);
    return length;
}

/* As soon as the frame's head is there, room for all of it. */
static bool make_room(vr_channel *channel, size_t length)
{
    size_t wanted = vr_max(channel->received + length, 64);
    if (channel->received >= VR_FRAME_HEAD)
        wanted = vr_max(wanted, VR_FRAME_HEAD + vr_grpc_length(channel->body));
    channel->too_big = wanted > channel->exchange->reply_max;
    if (channel->too_big)
        return false;
    if (wanted <= channel->room)
        return true;
    uint8_t *larger = vr_alloc(wanted, 1);
    channel->no_memory = !larger;
    if (!larger)
        return false;
    memcpy(larger, channel->body ? channel->body : larger, channel->received);
    vr_free(channel->body);
    channel->body = larger;
    channel->room = wanted;
    return true;
}

static size_t on_body(char *bytes, size_t one, size_t length, void *context)
{
    vr_channel *channel = context;
    size_t left = length;
    (void)one;
    while (left > 0) {
        bool head = channel->received < VR_FRAME_HEAD;
        size_t part = head ? vr_min(left, VR_FRAME_HEAD - channel->received) : left;
        if (!make_room(channel, part))
            return 0;
        memcpy(channel->body + channel->received, bytes + length - left, part);
        channel->received += part;
        left -= part;
    }
    return length;
}

static curl_socket_t on_open(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    (void)purpose;
    return vr_sockets_open(context, address->family, address->socktype, address->protocol);
}

static int on_close(void *context, curl_socket_t fd)
{
    return vr_sockets_close(context, (int)fd);
}

/* ---- A connection ---- */

static void set_up(vr_channel *channel)
{
    const vr_curl *curl = channel->curl;
    CURL *easy = channel->easy;
    const vr_target *target = channel->target;
    curl->easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl->easy_setopt(easy, CURLOPT_PROXY, ""); /* a proxy of the environment can't carry HTTP/2 */
    curl->easy_setopt(easy, CURLOPT_POST, 1L);
    curl->easy_setopt(easy, CURLOPT_ERRORBUFFER, channel->error);
    curl->easy_setopt(easy, CURLOPT_USERAGENT, "vrec");
    curl->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl->easy_setopt(easy, CURLOPT_HEADERDATA, channel);
    curl->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl->easy_setopt(easy, CURLOPT_WRITEDATA, channel);
    curl->easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl->easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &channel->sockets);
    curl->easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl->easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, &channel->sockets);
    curl->easy_setopt(
        easy, CURLOPT_HTTP_VERSION,
        (long)(target->is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
    if (target->is_socket)
        curl->easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, target->shown);
    if (*target->ca_file)
        curl->easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    if (*target->cert_file) {
        curl->easy_setopt(easy, CURLOPT_SSLCERT, target->cert_file);
        curl->easy_setopt(easy, CURLOPT_SSLKEY, target->key_file);
    }
}

vr_channel *vr_channel_open(const vr_curl *curl, const vr_target *target)
{
    vr_channel *channel = vr_alloc_zero(1, sizeof *channel);
    if (!channel)
        return NULL;
    channel->curl = curl;
    channel->target = target;
    channel->socket = CURL_SOCKET_BAD;
    vr_sockets_init(&channel->sockets);
    channel->easy = curl->easy_init();
    channel->multi = curl->multi_init();
    if (!channel->easy || !channel->multi) {
        vr_channel_close(channel);
        return NULL;
    }
    curl->multi_setopt(channel->multi, CURLMOPT_MAXCONNECTS, 1L);
    unsigned version = curl->version_info(CURLVERSION_NOW)->version_num;
    channel->reuse_fails = !target->is_tls && version >= 0x075800 && version <= 0x0758ff;
    set_up(channel);
    return channel;
}

void vr_channel_close(vr_channel *channel)
{
    if (!channel)
        return;
    channel->curl->easy_cleanup(channel->easy);
    channel->curl->multi_cleanup(channel->multi);
    vr_sockets_destroy(&channel->sockets);
    vr_free(channel);
}

/* ---- A call ---- */

static struct curl_slist *add_line(const vr_curl *curl, struct curl_slist *lines, const char *line,
                                   bool *failed)
{
    struct curl_slist *longer = *line ? curl->slist_append(lines, line) : lines;
    *failed = *failed || (*line && !longer);
    return longer ? longer : lines;
}

/* The header lines of a call; NULL if memory is short. */
static struct curl_slist *header_lines(const vr_curl *curl, const vr_target *target, int64_t timeout_ms)
{
    enum { TIMEOUT_MAX = 99999999 }; /* gRPC allows 8 digits */
    char timeout[40];
    bool failed = false;
    snprintf(timeout, sizeof timeout, "grpc-timeout: %lldm",
             (long long)(timeout_ms < TIMEOUT_MAX ? timeout_ms : TIMEOUT_MAX));
    const char *const all[] = {
        "content-type: application/grpc", /* some proxies compare it to the letter */
        "te: trailers",
        timeout,
        target->authorization,
        target->database,
        "Accept:",
        "Expect:"
    };
    struct curl_slist *lines = NULL;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        lines = add_line(curl, lines, all[i], &failed);
    if (!failed)
        return lines;
    curl->slist_free_all(lines);
    return NULL;
}

static void start_over(vr_channel *channel)
{
    channel->head = (vr_grpc_head){ .http_status = 0 };
    channel->received = 0;
    channel->uploaded = 0;
    channel->error[0] = '\0';
    channel->too_big = channel->no_memory = false;
}

static bool is_connected(const vr_channel *channel)
{
    return channel->socket != CURL_SOCKET_BAD && vr_socket_is_open((int)channel->socket);
}

/* Until there is something to do; not long where libcurl might not notice. */
static void wait_for_socket(vr_channel *channel)
{
    enum { REST_MIN_US = 100, REST_MAX_US = 2000, REPLYING_MS = 1, WAITING_MS = 50 };
    curl_off_t uploaded = 0;
    channel->curl->easy_getinfo(channel->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
    bool uploading = uploaded < (curl_off_t)channel->exchange->request->size;
    bool replying = channel->head.http_status != 0;
    bool held_back = uploading && uploaded > 0 && uploaded == channel->uploaded;
    channel->rest_us = !held_back ? REST_MIN_US : vr_min(2 * channel->rest_us, REST_MAX_US);
    channel->uploaded = uploaded;
    if (held_back)
        vr_sleep_us((int64_t)channel->rest_us);
    channel->curl->multi_poll(channel->multi, NULL, 0, replying ? REPLYING_MS : WAITING_MS, NULL);
}

static CURLcode result_of(const vr_channel *channel)
{
    int left;
    const CURLMsg *message;
    while ((message = channel->curl->multi_info_read(channel->multi, &left)))
        if (message->msg == CURLMSG_DONE)
            return message->data.result;
    return CURLE_ABORTED_BY_CALLBACK;
}

/* Cuts the connection if the deadline has passed, or the caller wishes the call to end. */
static void look(void *context)
{
    vr_channel *channel = context;
    const vr_exchange *exchange = channel->exchange;
    if (channel->stopped || channel->late)
        return;
    channel->late = vr_now_ms() >= channel->deadline;
    channel->stopped = !channel->late && exchange->stop && exchange->stop(exchange->context);
    if (channel->late || channel->stopped)
        vr_sockets_cut(&channel->sockets);
}

static CURLcode transfer(vr_channel *channel)
{
    int running = 1;
    if (channel->curl->multi_add_handle(channel->multi, channel->easy) != CURLM_OK)
        return CURLE_OUT_OF_MEMORY;
    while (channel->curl->multi_perform(channel->multi, &running) == CURLM_OK && running &&
           !vr_sockets_are_cut(&channel->sockets)) {
        wait_for_socket(channel);
        if (channel->unwatched)
            look(channel);
    }
    CURLcode code = result_of(channel);
    channel->curl->easy_getinfo(channel->easy, CURLINFO_ACTIVESOCKET, &channel->socket);
    channel->curl->multi_remove_handle(channel->multi, channel->easy);
    return code;
}

static CURLcode perform_with(vr_channel *channel, bool reuse)
{
    start_over(channel);
    channel->curl->easy_setopt(channel->easy, CURLOPT_FRESH_CONNECT, reuse ? 0L : 1L);
    channel->curl->easy_setopt(
        channel->easy, CURLOPT_HTTP_VERSION,
        (long)(reuse ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE));
    return transfer(channel);
}

static CURLcode perform(vr_channel *channel)
{
    long dialled = 0;
    if (!channel->reuse_fails) {
        start_over(channel);
        return transfer(channel);
    }
    bool reuse = channel->connected && is_connected(channel);
    CURLcode code = perform_with(channel, reuse);
    channel->curl->easy_getinfo(channel->easy, CURLINFO_NUM_CONNECTS, &dialled);
    return reuse && dialled > 0 && !vr_sockets_are_cut(&channel->sockets) ? perform_with(channel, false)
                                                                          : code;
}

/* Whether the request can have left: a connection stood. */
static bool was_sent(const vr_channel *channel)
{
    curl_off_t since = 0;
    channel->curl->easy_getinfo(channel->easy, CURLINFO_PRETRANSFER_TIME_T, &since);
    return since > 0;
}

static vr_fate fate_of(const vr_channel *channel, CURLcode code)
{
    if (channel->stopped)
        return VR_FATE_STOPPED;
    if (channel->late)
        return was_sent(channel) ? VR_FATE_LATE : VR_FATE_UNSENT;
    if (channel->too_big)
        return VR_FATE_REFUSED;
    if (channel->no_memory || code == CURLE_OUT_OF_MEMORY)
        return VR_FATE_NO_MEMORY;
    switch (code) {
    case CURLE_COULDNT_CONNECT: return VR_FATE_UNSENT;
    case CURLE_OPERATION_TIMEDOUT: return was_sent(channel) ? VR_FATE_LATE : VR_FATE_UNSENT;
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_NOT_BUILT_IN: return VR_FATE_HOPELESS;
    default: return was_sent(channel) ? VR_FATE_UNKNOWN : VR_FATE_UNSENT;
    }
}

/* What no server before 8.0 of libcurl gets to say: that it takes no request as large as this. */
static void explain(const vr_channel *channel, vr_exchange *exchange, CURLcode code)
{
    enum { SUSPICIOUS = 60 << 20 };
    const char *text = channel->error[0] ? channel->error : channel->curl->easy_strerror(code);
    char refused[128] = "";
    long errnum = 0;
    channel->curl->easy_getinfo(channel->easy, CURLINFO_OS_ERRNO, &errnum);
    /* The system's words: libcurl's own repeat where that was, and what the rest of the message says. */
    if (code == CURLE_COULDNT_CONNECT && errnum != 0 &&
        strerror_r((int)errnum, refused, sizeof refused) == 0)
        text = refused;
    if (exchange->fate == VR_FATE_REFUSED)
        snprintf(exchange->reason, sizeof exchange->reason,
                 "the reply is larger than the %zu bytes allowed", exchange->reply_max);
    else if (code == CURLE_HTTP2_STREAM && exchange->request->size > SUSPICIOUS)
        snprintf(exchange->reason, sizeof exchange->reason,
                 "the server refused a request of %zu bytes; its limit is proxy.grpc.serverMaxRecvSize "
                 "(64 MiB by default); set a smaller batch_bytes",
                 exchange->request->size);
    else
        vr_text_fit(exchange->reason, sizeof exchange->reason, text, strlen(text));
}

static void take_reply(vr_channel *channel, vr_exchange *exchange)
{
    long version = 0;
    channel->curl->easy_getinfo(channel->easy, CURLINFO_HTTP_VERSION, &version);
    const char *wrong = vr_grpc_check(&channel->head, channel->body, channel->received, &exchange->grpc);
    if (!wrong && version != CURL_HTTP_VERSION_2)
        wrong = "what answers there is not a gRPC server";
    exchange->fate = wrong ? VR_FATE_HOPELESS : VR_FATE_REPLIED;
    snprintf(exchange->reason, sizeof exchange->reason, "%s", wrong ? wrong : channel->head.message);
    if (wrong || exchange->grpc != VR_GRPC_OK)
        return;
    exchange->reply = channel->body;
    exchange->reply_size = channel->received;
    channel->body = NULL;
}

static void run(void *context)
{
    vr_channel *channel = context;
    vr_exchange *exchange = channel->exchange;
    char url[sizeof channel->target->url + SERVICE_ROOM];
    const vr_curl *curl = channel->curl;
    CURL *easy = channel->easy;
    snprintf(url, sizeof url, "%s%s%s", channel->target->url, service, exchange->rpc);
    curl->easy_setopt(easy, CURLOPT_URL, url);
    curl->easy_setopt(easy, CURLOPT_HTTPHEADER, channel->lines);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDS, (const char *)exchange->request->data);
    curl->easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)exchange->request->size);
    curl->easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->connect_ms);
    curl->easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(exchange->timeout_ms + GRACE_MS));
    channel->code = perform(channel);
}

/* What a call that has ended means. */
static void conclude(vr_channel *channel, vr_exchange *exchange)
{
    bool whole = channel->code == CURLE_OK && !vr_sockets_are_cut(&channel->sockets);
    channel->connected = whole;
    if (whole) {
        take_reply(channel, exchange);
        return;
    }
    exchange->fate = fate_of(channel, channel->code);
    explain(channel, exchange, channel->code);
}

void vr_channel_call(vr_channel *channel, vr_exchange *exchange)
{
    channel->exchange = exchange;
    exchange->fate = VR_FATE_NO_MEMORY;
    exchange->grpc = VR_GRPC_OK;
    exchange->reason[0] = '\0';
    exchange->reply = NULL;
    exchange->reply_size = 0;
    channel->deadline = vr_now_ms() + exchange->timeout_ms + GRACE_MS;
    channel->stopped = channel->late = channel->unwatched = false;
    vr_sockets_mend(&channel->sockets);
    channel->lines = header_lines(channel->curl, channel->target, exchange->timeout_ms);
    if (channel->lines) {
        channel->unwatched = !vr_run_watched(run, look, channel, LOOK_MS);
        if (channel->unwatched)
            run(channel);
        conclude(channel, exchange);
    }
    channel->curl->easy_setopt(channel->easy, CURLOPT_HTTPHEADER, NULL);
    channel->curl->slist_free_all(channel->lines);
    vr_free(channel->body);
    channel->body = NULL;
    channel->received = channel->room = 0;
    channel->exchange = NULL;
}
