/* The graph in a FAISS file, little-endian and packed. Every array begins with its count (uint64):
 *
 *     chances       double    of a node's highest level, level by level
 *     slots         int32     one more; where a level's links begin among those of a node
 *     levels        int32     on how many a node is, node by node
 *     offsets       uint64    one more; where a node's links begin among all
 *     links         int32     node by node, level by level; -1 in free slots, which come last
 *
 * and then, int32 each, the entry, its highest level, efConstruction, efSearch, and a 1 that nobody reads.
 * Without nodes the first two are -1.
 *
 * Offsets follow from levels and slots: they are checked and forgotten. What stands behind the first -1 of
 * a row is never looked at.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/graph_file.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "core/work.h"

#include <math.h>
#include <string.h>

enum {
    CHUNK = 4096,   /* elements read or written at a time, */
    ROOM = 1 << 15, /* links, and those are */
    TOGETHER = 8,   /* looked at so many at a time */
    PORTION = 1024  /* nodes that a thread takes */
};

/* ---- Reading the small parts ---- */

static vrec_status refuse(const vr_reader *reader, vrec_error *err, uint64_t at, const char *what,
                          long long found, const char *expected)
{
    return vr_fail(err, VREC_CORRUPT, "%s: HNSW: %s at byte %llu is %lld; expected %s", reader->path, what,
                   (unsigned long long)at, found, expected);
}

static vrec_status read_chances(vr_reader *reader, vr_hnsw_graph *graph, vrec_error *err)
{
    vr_span span;
    vrec_status status = vr_faiss_get_vector(reader, sizeof(double), "the level probabilities", &span, err);
    if (status != VREC_OK)
        return status;
    if (span.count < 1 || span.count > VR_HNSW_LEVELS_MAX)
        return refuse(reader, err, span.at - 8, "the number of levels", (long long)span.count, "1 to 63");
    graph->level_count = span.count;
    status = vr_reader_copy(reader, &span, 0, span.count, graph->chances, err);
    for (size_t l = 0; l < span.count && status == VREC_OK; l++)
        if (!isfinite(graph->chances[l]))
            status = vr_fail(err, VREC_CORRUPT, "%s: HNSW: the probability of level %zu is not finite",
                             reader->path, l);
    return status;
}

static vrec_status read_slots(vr_reader *reader, vr_hnsw_graph *graph, vrec_error *err)
{
    vr_span span;
    vrec_status status = vr_faiss_get_vector(reader, sizeof(int32_t), "the links per level", &span, err);
    if (status != VREC_OK)
        return status;
    if (span.count != graph->level_count + 1)
        return refuse(reader, err, span.at - 8, "the number of links per level", (long long)span.count,
                      "one more than there are levels");
    status = vr_reader_copy(reader, &span, 0, span.count, graph->slots, err);
    for (size_t l = 0; l < span.count && status == VREC_OK; l++) {
        uint32_t slots = graph->slots[l];
        if (slots > INT32_MAX || (l == 0 ? slots != 0 : slots < graph->slots[l - 1]) ||
            (l == 1 && slots < 1))
            status = refuse(reader, err, span.at + 4 * l, "where the links of a level begin",
                            (int32_t)slots, "numbers that grow from 0");
    }
    graph->degree = graph->slots[1];
    return status;
}

static vrec_status read_levels(vr_reader *reader, size_t rows, vr_hnsw_graph *graph, vrec_error *err)
{
    vr_span span;
    uint32_t chunk[CHUNK];
    vrec_status status =
        vr_faiss_get_vector(reader, sizeof(int32_t), "the levels of the nodes", &span, err);
    if (status != VREC_OK)
        return status;
    if (span.count != rows)
        return refuse(reader, err, span.at - 8, "the number of levels", (long long)span.count,
                      "as many as items");
    status = vr_hnsw_graph_add_levels(graph, rows, err);
    for (size_t first = 0; first < rows && status == VREC_OK; first += CHUNK) {
        size_t count = vr_min(CHUNK, rows - first);
        status = vr_reader_copy(reader, &span, first, count, chunk, err);
        for (size_t i = 0; i < count && status == VREC_OK; i++)
            if (chunk[i] < 1 || chunk[i] > graph->level_count)
                status = refuse(reader, err, span.at + 4 * (first + i), "the level of a node",
                                (int32_t)chunk[i], "1 to as many as there are");
            else
                graph->levels[first + i] = (uint8_t)chunk[i];
    }
    return status;
}

/* *total: where the links of all nodes end. */
static vrec_status read_offsets(vr_reader *reader, const vr_hnsw_graph *graph, uint64_t *total,
                                vrec_error *err)
{
    vr_span span;
    uint64_t chunk[CHUNK], expected = 0;
    vrec_status status =
        vr_faiss_get_vector(reader, sizeof(uint64_t), "where the links of the nodes begin", &span, err);
    if (status != VREC_OK)
        return status;
    if (span.count != graph->rows + 1)
        return refuse(reader, err, span.at - 8, "the number of offsets", (long long)span.count,
                      "one more than there are items");
    for (size_t first = 0; first < span.count && status == VREC_OK; first += CHUNK) {
        size_t count = vr_min(CHUNK, span.count - first);
        status = vr_reader_copy(reader, &span, first, count, chunk, err);
        for (size_t i = 0; i < count && status == VREC_OK; i++) {
            if (chunk[i] != expected)
                status = refuse(reader, err, span.at + 8 * (first + i), "where the links of a node begin",
                                (long long)chunk[i], "where those of the one before end");
            *total = expected;
            if (first + i < graph->rows) /* at most 2^31 times 2^31 */
                expected += graph->slots[graph->levels[first + i]];
        }
    }
    return status;
}

static vrec_status read_rest(vr_reader *reader, vr_hnsw_graph *graph, vrec_error *err)
{
    uint64_t at = reader->at;
    uint32_t rest[5] = { 0 };
    for (size_t i = 0; i < 5; i++) {
        vrec_status status = vr_reader_u32(reader, &rest[i], "the end of the graph", err);
        if (status != VREC_OK)
            return status;
    }
    uint32_t entry = rest[0], top = rest[1];
    if (graph->rows == 0 ? entry != UINT32_MAX : entry >= graph->rows)
        return refuse(reader, err, at, "the entry point", (int32_t)entry,
                      "a node, or -1 if there are none");
    if (graph->rows == 0 ? top != UINT32_MAX : top >= graph->levels[entry])
        return refuse(reader, err, at + 4, "the top level", (int32_t)top,
                      "one that the entry point is on, or -1 without nodes");
    graph->entry = graph->rows > 0 ? entry : 0;
    graph->top = graph->rows > 0 ? top : 0;
    graph->ef_construction = (int32_t)rest[2];
    graph->ef_search = (int32_t)rest[3];
    if (graph->ef_construction < 1)
        return refuse(reader, err, at + 8, "efConstruction", graph->ef_construction, "at least 1");
    if (graph->ef_search < 1)
        return refuse(reader, err, at + 12, "efSearch", graph->ef_search, "at least 1");
    return VREC_OK;
}

vrec_status vr_hnsw_graph_parse(vr_reader *reader, size_t rows, vr_hnsw_graph *graph, vr_span *links,
                                vrec_error *err)
{
    uint64_t total = 0;
    *graph = (vr_hnsw_graph){ 0 };
    if (rows > VR_HNSW_ROWS_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "%s: HNSW: %zu items; at most %d are supported", reader->path,
                       rows, VR_HNSW_ROWS_MAX);
    vrec_status status = read_chances(reader, graph, err);
    if (status == VREC_OK)
        status = read_slots(reader, graph, err);
    if (status == VREC_OK)
        status = read_levels(reader, rows, graph, err);
    if (status == VREC_OK)
        status = read_offsets(reader, graph, &total, err);
    if (status == VREC_OK)
        status = vr_faiss_get_vector(reader, sizeof(int32_t), "the links", links, err);
    if (status == VREC_OK && links->count < total)
        status = refuse(reader, err, links->at - 8, "the number of links", (long long)links->count,
                        "as many as the offsets say");
    return status == VREC_OK ? read_rest(reader, graph, err) : status;
}

/* ---- Reading the links ---- */

typedef struct loading {
    const vr_reader *reader;
    const vr_span *links;
    vr_hnsw_graph *graph;
    size_t room; /* links that each thread has room for */
} loading;

/* How many links of a row come before the first that is no node. Several are looked at at a time, for the
 * compiler's vectors. */
static uint32_t count_nodes(const vr_stored_u32 *links, uint32_t degree, uint32_t rows)
{
    uint32_t i = 0;
    for (uint32_t beyond = 0; i + TOGETHER <= degree; i += TOGETHER) {
        for (uint32_t j = 0; j < TOGETHER; j++)
            beyond |= links[i + j] >= rows;
        if (beyond)
            break;
    }
    while (i < degree && links[i] < rows)
        i++;
    return i;
}

/* Checks a row as it stands in the file, and counts its links. */
static vrec_status check_row(const loading *l, const vr_stored_u32 *links, uint32_t node, size_t level,
                             uint32_t *count, vrec_error *err)
{
    const vr_hnsw_graph *graph = l->graph;
    uint32_t degree = vr_hnsw_degree(graph, level), end = count_nodes(links, degree, (uint32_t)graph->rows);
    uint32_t i = level > 0 ? 0 : end;
    while (i < end && graph->levels[links[i]] > level)
        i++;
    *count = end;
    if (i == degree || (i == end && links[end] == UINT32_MAX))
        return VREC_OK;
    uint64_t at = l->links->at + 4 * (vr_hnsw_place(graph, node) + graph->slots[level] + i);
    return refuse(l->reader, err, at, "a link", (int32_t)links[i],
                  "-1, or a node that is on the level of the link");
}

/* Checks a node's rows, and copies them, with the id past the last in free slots, unless they are mapped.
 */
static vrec_status load_node(const loading *l, const vr_stored_u32 *rows, uint32_t node, vrec_error *err)
{
    vr_hnsw_graph *graph = l->graph;
    vrec_status status = VREC_OK;
    for (size_t level = 0; level < graph->levels[node] && status == VREC_OK; level++) {
        const vr_stored_u32 *row = rows + graph->slots[level];
        uint32_t count;
        status = check_row(l, row, node, level, &count, err);
        if (status != VREC_OK || graph->mapped)
            continue;
        uint32_t *links = vr_hnsw_links(graph, node, level), degree = vr_hnsw_degree(graph, level);
        memcpy(links, row, count * sizeof *links);
        for (uint32_t i = count; i < degree; i++)
            links[i] = (uint32_t)graph->rows;
    }
    return status;
}

/* Reads as many of the nodes from first to before end as there is room for, and puts the number of the last
 * into *last. */
static vrec_status read_nodes(const loading *l, size_t first, size_t end, uint32_t *room, size_t *last,
                              vrec_error *err)
{
    const vr_hnsw_graph *graph = l->graph;
    size_t from = vr_hnsw_place(graph, first);
    *last = first + 1;
    while (*last < end && vr_hnsw_place(graph, *last + 1) - from <= l->room)
        ++*last;
    return vr_reader_copy(l->reader, l->links, from, vr_hnsw_place(graph, *last) - from, room, err);
}

/* Rows are read some hundred nodes at a time, since a call of the system for each would take longer than
 * all the rest. */
static vrec_status load_nodes(void *context, vr_worker *me, vrec_error *err)
{
    const loading *l = context;
    const vr_hnsw_graph *graph = l->graph;
    uint32_t *room = graph->mapped ? NULL : vr_alloc(l->room, sizeof *room);
    vrec_status status = VREC_OK;
    if (!graph->mapped && !room)
        return vr_fail_memory(err, l->room * sizeof *room, "reading a graph");
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t node = first, end = first + count; node < end && status == VREC_OK;) {
            size_t from = vr_hnsw_place(graph, node), last = end;
            const vr_stored_u32 *rows = graph->mapped ? graph->mapped + from : room;
            if (!graph->mapped)
                status = read_nodes(l, node, end, room, &last, err);
            for (; node < last && status == VREC_OK; node++)
                status = load_node(l, rows + (vr_hnsw_place(graph, node) - from), (uint32_t)node, err);
        }
    vr_free(room);
    return status;
}

/* Room for a run of nodes, and for any one. */
static size_t room_for(const vr_hnsw_graph *graph)
{
    size_t most = ROOM;
    for (size_t node = 0; node < graph->rows; node++)
        most = vr_max(most, graph->slots[graph->levels[node]]);
    return most;
}

vrec_status vr_hnsw_graph_load(const vr_reader *reader, const vr_span *links, const vr_faiss_opening *how,
                               vr_hnsw_graph *graph, vrec_error *err)
{
    loading l = { .reader = reader, .links = links, .graph = graph };
    uint32_t entry = graph->entry, top = graph->top;
    graph->mapped = (const vr_stored_u32 *)(const void *)vr_reader_point(reader, links);
    vrec_status status =
        graph->mapped ? vr_hnsw_graph_place_rows(graph, err) : vr_hnsw_graph_take_rows(graph, err);
    graph->entry = entry; /* the file's, which may be another of those on the top level */
    graph->top = top;
    if (status != VREC_OK)
        return status;
    l.room = room_for(graph);
    vr_work work = { .threads = how->threads,
                     .count = graph->rows,
                     .portion = PORTION,
                     .run = load_nodes,
                     .context = &l,
                     .progress = how->progress,
                     .phase = "loading",
                     .unit = "bytes",
                     .steps = (reader->size - links->at) /
                              (2 * graph->rows + 1), /* half; the rest are the items */
                     .total_steps = reader->size };
    return vr_work_do(&work, err);
}

/* ---- Writing ---- */

/* Gathers small values into large pieces. */
typedef struct gathering {
    vr_faiss_writer *writer;
    vrec_status status;
    vrec_error *err;
    size_t used;
    uint8_t bytes[CHUNK * 8];
} gathering;

static void flush(gathering *g)
{
    if (g->status == VREC_OK)
        g->status = vr_faiss_put(g->writer, g->bytes, g->used, g->err);
    g->used = 0;
}

static void put_u32(gathering *g, uint32_t value)
{
    if (g->used == sizeof g->bytes)
        flush(g);
    vr_put_u32(g->bytes + g->used, value);
    g->used += sizeof value;
}

static void put_u64(gathering *g, uint64_t value)
{
    put_u32(g, (uint32_t)value);
    put_u32(g, (uint32_t)(value >> 32));
}

static void put_tables(gathering *g, const vr_hnsw_graph *graph)
{
    put_u64(g, graph->level_count);
    for (size_t l = 0; l < graph->level_count; l++) {
        uint64_t bits;
        memcpy(&bits, &graph->chances[l], sizeof bits);
        put_u64(g, bits);
    }
    put_u64(g, graph->level_count + 1);
    for (size_t l = 0; l <= graph->level_count; l++)
        put_u32(g, graph->slots[l]);
    put_u64(g, graph->rows);
    for (size_t i = 0; i < graph->rows; i++)
        put_u32(g, graph->levels[i]);
    put_u64(g, graph->rows + 1);
    for (size_t i = 0; i <= graph->rows; i++)
        put_u64(g, vr_hnsw_place(graph, i));
}

static void put_row(gathering *g, const vr_hnsw_graph *graph, uint32_t node, size_t level)
{
    const vr_stored_u32 *links = vr_hnsw_row(graph, node, level);
    size_t degree = vr_hnsw_degree(graph, level), i = 0;
    for (; i < degree && links[i] < graph->rows; i++)
        put_u32(g, links[i]);
    for (; i < degree; i++)
        put_u32(g, UINT32_MAX);
}

static uint64_t bytes_of(const vr_hnsw_graph *graph)
{
    uint64_t tables = 5 * 8 + graph->level_count * 8 + (graph->level_count + 1) * 4;
    return tables + graph->rows * 4 + (graph->rows + 1) * 8 + vr_hnsw_place(graph, graph->rows) * 4 + 5 * 4;
}

vrec_status vr_hnsw_graph_write(const vr_hnsw_graph *graph, vr_faiss_writer *writer, vrec_error *err)
{
    gathering g = { .writer = writer, .err = err };
    if (!writer->out)
        return vr_faiss_put(writer, NULL, bytes_of(graph), err); /* only counts */
    put_tables(&g, graph);
    put_u64(&g, vr_hnsw_place(graph, graph->rows));
    for (size_t node = 0; node < graph->rows && g.status == VREC_OK; node++)
        for (size_t level = 0; level < graph->levels[node]; level++)
            put_row(&g, graph, (uint32_t)node, level);
    put_u32(&g, graph->rows > 0 ? graph->entry : UINT32_MAX);
    put_u32(&g, graph->rows > 0 ? graph->top : UINT32_MAX);
    put_u32(&g, (uint32_t)graph->ef_construction);
    put_u32(&g, (uint32_t)graph->ef_search);
    put_u32(&g, 1);
    flush(&g);
    return g.status;
}
