/* SPDX-License-Identifier: Apache-2.0 */
#include "api/ids_file.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/memory.h"
#include "core/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 64,
    SAMPLE = 16 << 10, /* bytes */
    BLOCK = 1 << 20,   /* read or written at a time */
    HEADER = 96        /* room for the first line */
};

static const char magic[] = "vrec-ids ";

/* ---- Where it is ---- */

/* The two names that a table may have. */
typedef struct paths {
    char *table, *next;
} paths;

static char *join(const char *path, const char *ending)
{
    size_t length = strlen(path), more = strlen(ending) + 1;
    char *joined = malloc(length + more);
    if (joined) {
        memcpy(joined, path, length);
        memcpy(joined + length, ending, more);
    }
    return joined;
}

static void free_paths(paths *p)
{
    free(p->table);
    free(p->next);
}

/* Beside path; if nothing is there, beside what path leads to as a symbolic link. */
static vrec_status find_paths(const char *path, paths *out, vrec_error *err)
{
    bool there = false;
    *out = (paths){ .table = NULL };
    char *beside = join(path, ".ids");
    vrec_status status = beside ? vr_file_exists(beside, &there, err) : VREC_OK;
    if (there) {
        out->table = vr_follow_links(beside);
    } else if (beside && status == VREC_OK) {
        char *target = vr_follow_links(path);
        out->table = target ? join(target, ".ids") : NULL;
        free(target);
    }
    free(beside);
    if (status != VREC_OK)
        return status;
    out->next = out->table ? join(out->table, ".next") : NULL;
    if (out->next)
        return VREC_OK;
    free_paths(out);
    *out = (paths){ .table = NULL };
    return vr_fail_memory(err, strlen(path) + sizeof ".ids.next", "the name of a table of ids");
}

vrec_status vr_ids_file_exists(const char *path, bool *out, vrec_error *err)
{
    paths p;
    *out = false;
    vrec_status status = find_paths(path, &p, err);
    if (status == VREC_OK)
        status = vr_file_exists(p.table, out, err);
    if (status == VREC_OK && !*out)
        status = vr_file_exists(p.next, out, err);
    free_paths(&p);
    return status;
}

/* ---- Checksums ---- */

typedef struct checksum {
    uint64_t sampled, whole;
} checksum;

static vrec_status hash_part(const vr_input *in, uint64_t first, size_t length, uint8_t *room,
                             vr_hash *hash, vrec_error *err)
{
    vrec_status status = vr_input_read(in, first, room, length, err);
    if (status == VREC_OK)
        vr_hash_add(hash, room, length);
    return status;
}

/* Of a file's size, and of samples at equal distances, the first at its beginning, the last at its end; of
 * all of it where that is no more. */
static vrec_status hash_samples(const vr_input *in, uint8_t *room, uint64_t *out, vrec_error *err)
{
    vr_hash hash;
    uint8_t size[8];
    vrec_status status = VREC_OK;
    vr_put_u64(size, in->size);
    vr_hash_start(&hash, 0);
    vr_hash_add(&hash, size, sizeof size);
    if (in->size <= SAMPLES * SAMPLE)
        status = hash_part(in, 0, (size_t)in->size, room, &hash, err);
    else
        for (uint64_t i = 0; i < SAMPLES && status == VREC_OK; i++) {
            uint64_t step = (in->size - SAMPLE) / (SAMPLES - 1);
            uint64_t first = i + 1 < SAMPLES ? i * step : in->size - SAMPLE;
            status = hash_part(in, first, SAMPLE, room, &hash, err);
        }
    *out = vr_hash_end(&hash);
    return status;
}

static vrec_status hash_whole(const vr_input *in, const vrec_progress *progress, uint8_t *room,
                              uint64_t *out, vrec_error *err)
{
    vr_hash hash;
    vrec_status status = VREC_OK;
    vr_hash_start(&hash, 0);
    for (uint64_t first = 0; first < in->size && status == VREC_OK; first += BLOCK) {
        size_t length = in->size - first < BLOCK ? (size_t)(in->size - first) : BLOCK;
        status = hash_part(in, first, length, room, &hash, err);
        if (status == VREC_OK)
            status = vr_report(progress, "checking", "bytes", first + length, in->size, err);
    }
    *out = vr_hash_end(&hash);
    return status;
}

static vrec_status find_checksum(const vr_input *in, bool whole, const vrec_progress *progress,
                                 checksum *out, vrec_error *err)
{
    _Static_assert(SAMPLES * SAMPLE <= BLOCK, "the room holds all samples");
    *out = (checksum){ 0 };
    uint8_t *room = vr_alloc(BLOCK, 1);
    if (!room)
        return vr_fail_memory(err, BLOCK, "a checksum");
    vrec_status status = hash_samples(in, room, &out->sampled, err);
    if (status == VREC_OK && whole)
        status = hash_whole(in, progress, room, &out->whole, err);
    vr_free(room);
    return status;
}

/* ---- The first line ---- */

typedef struct header {
    uint64_t rows;
    checksum sum;
    bool numbers; /* ids, not names */
    size_t length;
} header;

static size_t print_header(const header *h, char text[HEADER])
{
    return (size_t)snprintf(text, HEADER, "%s1 %" PRIu64 " %016" PRIx64 "-%016" PRIx64 "%s\n", magic,
                            h->rows, h->sum.sampled, h->sum.whole, h->numbers ? " int64" : "");
}

/* It is read, printed again, and has to be the same: nothing else passes for it. */
static bool parse_header(const char text[HEADER], header *out)
{
    char again[HEADER], *at;
    if (strncmp(text, magic, sizeof magic - 1) != 0 || strncmp(text + sizeof magic - 1, "1 ", 2) != 0)
        return false;
    out->rows = strtoull(text + sizeof magic + 1, &at, 10);
    out->sum.sampled = *at == ' ' ? strtoull(at + 1, &at, 16) : 0;
    out->sum.whole = *at == '-' ? strtoull(at + 1, &at, 16) : 0;
    out->numbers = *at == ' ';
    out->length = print_header(out, again);
    return strncmp(text, again, out->length) == 0;
}

static vrec_status read_header(const vr_input *in, header *out, vrec_error *err)
{
    char text[HEADER + 1] = { 0 };
    vrec_status status = vr_input_read(in, 0, text, in->size < HEADER ? (size_t)in->size : HEADER, err);
    if (status != VREC_OK || parse_header(text, out))
        return status;
    bool later = strncmp(text, magic, sizeof magic - 1) == 0 && text[sizeof magic - 1] > '1' &&
                 text[sizeof magic - 1] <= '9';
    if (later)
        return vr_fail(err, VREC_UNSUPPORTED, "its first line is of a later version of vrec");
    return vr_fail_at(err, VREC_CORRUPT, vr_at_byte(0), "its first line isn't that of a table of ids");
}

/* ---- Opening ---- */

/* A table that is being read, and whose it is to be. */
typedef struct reading {
    const vr_input *file;
    vr_input table;
    header head;
    bool whole;
    const vrec_progress *progress;
} reading;

/* What went wrong, about both files. */
static vrec_status fail_table(const reading *r, const vrec_error *cause, vrec_error *err)
{
    return vr_fail_from(err, cause,
                        "opening %s: its table of ids, %s: %s; save the index with its ids again, or move "
                        "the table away to open the index without",
                        r->file->path, r->table.path, cause->message);
}

/* Whether the table is this file's. */
static vrec_status match(const reading *r, bool *out, vrec_error *err)
{
    checksum sum;
    vrec_status status = find_checksum(r->file, r->whole, r->progress, &sum, err);
    *out = sum.sampled == r->head.sum.sampled && (!r->whole || sum.whole == r->head.sum.whole);
    return status;
}

static vrec_status read_lines(const reading *r, char *text, size_t size, vrec_error *err)
{
    vrec_status status = VREC_OK;
    for (size_t first = 0; first < size && status == VREC_OK; first += BLOCK) {
        size_t length = vr_min(BLOCK, size - first);
        status = vr_input_read(&r->table, r->head.length + first, text + first, length, err);
        if (status == VREC_OK)
            status = vr_report(r->progress, "loading", "bytes", first + length, size, err);
    }
    if (status == VREC_OK && (size == 0 || text[size - 1] != '\n'))
        status =
            vr_fail_at(err, VREC_CORRUPT, vr_at_byte(r->table.size), "it is cut short in its last line");
    return status;
}

static vrec_status take_numbers(const char *text, size_t size, const vr_lines *lines, vr_index *indexer,
                                vrec_error *err)
{
    if (!indexer->ids_beside)
        return vr_fail(err, VREC_CORRUPT, "it holds int64 ids, which such an index has inside");
    int64_t *ids = vr_alloc(indexer->rows, sizeof *ids);
    if (!ids)
        return vr_fail_memory(err, indexer->rows * sizeof *ids, "the ids");
    vrec_status status = vr_lines_to_ids(text, size, indexer->rows, lines, ids, err);
    if (status == VREC_OK)
        indexer->ids = ids;
    else
        vr_free(ids);
    return status;
}

/* Reads the lines of a table that is the file's own. */
static vrec_status take_lines(const reading *r, vr_index *indexer, vrec_error *err)
{
    const vr_lines lines = { .before = "", .subject = "", .above = 1 };
    uint64_t size = r->table.size - r->head.length;
    char *text = size < SIZE_MAX ? vr_alloc((size_t)size + 1, 1) : NULL;
    if (!text)
        return vr_fail_memory(err, (size_t)size, "a table of ids");
    vrec_status status = read_lines(r, text, (size_t)size, err);
    if (status == VREC_OK && !r->head.numbers)
        return vr_names_make(text, (size_t)size, indexer->rows, &lines, &indexer->names, err);
    if (status == VREC_OK)
        status = take_numbers(text, (size_t)size, &lines, indexer, err);
    vr_free(text);
    return status;
}

static void describe(vr_index *indexer)
{
    if (indexer->names)
        vr_fact_truth(&indexer->facts, "names", true);
    else if (indexer->ids && indexer->ids_beside)
        vr_fact(&indexer->facts, "ids", "own, beside the file");
}

static vrec_status take_table(const reading *r, vr_index *indexer, vrec_error *err)
{
    bool ours = false;
    if (r->head.rows != indexer->rows)
        return vr_fail(err, VREC_CORRUPT, "it has ids for %" PRIu64 " rows, but the index has %zu",
                       r->head.rows, indexer->rows);
    if (indexer->ids)
        return vr_fail(err, VREC_CORRUPT, "the index has ids of its own inside");
    vrec_status status = match(r, &ours, err);
    if (status == VREC_OK && !ours)
        return vr_fail(err, VREC_CORRUPT, "it belongs to another index, since the checksums differ");
    return status == VREC_OK ? take_lines(r, indexer, err) : status;
}

/* Opens a table and reads its first line. *found: whether there is a file. */
static vrec_status open_table(reading *r, const char *path, bool *found, vrec_error *err)
{
    r->table.path = path;
    vrec_status status = vr_file_exists(path, found, err);
    if (status == VREC_OK && *found)
        status = vr_input_open(path, &r->table, err);
    if (status != VREC_OK || !*found)
        return status;
    status = read_header(&r->table, &r->head, err);
    if (status != VREC_OK)
        vr_input_close(&r->table);
    return status;
}

/* The table that a save which was interrupted has left, if it is the file's. *settled: it is. */
static vrec_status try_next(reading *r, const char *next, vr_index *indexer, bool *settled, vrec_error *err)
{
    bool found;
    *settled = false;
    vrec_status status = open_table(r, next, &found, err);
    if (status == VREC_CORRUPT || status == VREC_UNSUPPORTED)
        return VREC_OK; /* whatever it is, no save has left it */
    if (status != VREC_OK || !found)
        return status;
    status = match(r, settled, err);
    if (status == VREC_OK && *settled && r->head.rows > 0)
        status = take_table(r, indexer, err);
    vr_input_close(&r->table);
    return status;
}

static vrec_status read_table(reading *r, const paths *p, vr_index *indexer, vrec_error *err)
{
    bool settled, found;
    vrec_status status = try_next(r, p->next, indexer, &settled, err);
    if (status != VREC_OK || settled)
        return status;
    status = open_table(r, p->table, &found, err);
    if (status != VREC_OK || !found)
        return status;
    status = take_table(r, indexer, err);
    vr_input_close(&r->table);
    return status;
}

vrec_status vr_ids_file_open(const vr_input *file, bool whole, const vrec_progress *progress,
                             vr_index *indexer, vrec_error *err)
{
    paths p;
    vrec_error cause = { .status = VREC_OK };
    reading r = { .file = file, .whole = whole || !indexer->mapped, .progress = progress };
    vrec_status status = find_paths(file->path, &p, err);
    if (status != VREC_OK)
        return status;
    status = read_table(&r, &p, indexer, &cause);
    if (status == VREC_OK)
        describe(indexer);
    else if (status == VREC_CANCELLED || status == VREC_NO_MEMORY)
        status = vr_fail_from(err, &cause, "%s", cause.message);
    else
        status = fail_table(&r, &cause, err);
    free_paths(&p);
    return status;
}

/* ---- Saving ---- */

static vrec_status add_line(vr_output *out, char *room, size_t *used, const char *line, size_t length,
                            vrec_error *err)
{
    vrec_status status = VREC_OK;
    if (*used + length + 1 > BLOCK) {
        status = vr_output_write(out, room, *used, err);
        *used = 0;
    }
    if (status == VREC_OK && length + 1 > BLOCK) {
        status = vr_output_write(out, line, length, err);
        length = 0;
    }
    memcpy(room + *used, line, length);
    *used += length;
    room[(*used)++] = '\n';
    return status;
}

static vrec_status write_lines(const vr_index *indexer, vr_output *out, const vrec_progress *progress,
                               vrec_error *err)
{
    enum { STEP = 1 << 16 };
    size_t used = 0, rows = indexer->rows;
    vrec_status status = VREC_OK;
    char *room = vr_alloc(BLOCK, 1), number[24];
    if (!room)
        return vr_fail_memory(err, BLOCK, "writing a table of ids");
    for (size_t row = 0; row < rows && status == VREC_OK; row++) {
        if (!indexer->names)
            snprintf(number, sizeof number, "%" PRId64, indexer->ids[row]);
        const char *line = indexer->names ? vr_name_of(indexer->names, row) : number;
        status = add_line(out, room, &used, line, strlen(line), err);
        if (status == VREC_OK && row % STEP == 0)
            status = vr_report(progress, "saving", "ids", row, rows, err);
    }
    if (status == VREC_OK)
        status = vr_output_write(out, room, used, err);
    vr_free(room);
    return status;
}

static bool has_table(const vr_index *indexer)
{
    return indexer->names || (indexer->ids && indexer->ids_beside);
}

static vrec_status find_header(const vr_index *indexer, const char *path, const vrec_progress *progress,
                               header *out, vrec_error *err)
{
    vr_input in;
    *out = (header){ .rows = has_table(indexer) ? indexer->rows : 0,
                     .numbers = has_table(indexer) && !indexer->names };
    vrec_status status = vr_input_open(path, &in, err);
    if (status == VREC_OK)
        status = find_checksum(&in, true, progress, &out->sum, err);
    vr_input_close(&in);
    return status;
}

/* Writes the table for the index that has been written, but not yet renamed. */
static vrec_status write_next(const vr_index *indexer, const paths *p, const vr_output *index,
                              const vrec_progress *progress, vrec_error *err)
{
    vr_output out;
    header h;
    char text[HEADER];
    vrec_status status = vr_output_create(p->next, &out, err);
    if (status == VREC_OK)
        status = vr_output_match(&out, index, err);
    if (status == VREC_OK)
        status = find_header(indexer, index->temporary, progress, &h, err);
    if (status == VREC_OK)
        status = vr_output_write(&out, text, print_header(&h, text), err);
    if (status == VREC_OK && h.rows > 0)
        status = write_lines(indexer, &out, progress, err);
    if (status == VREC_OK)
        status = vr_output_commit(&out, err);
    vr_output_close(&out);
    return status;
}

/* What is at a table's place: nothing, or a table, of which head tells; anything else isn't ours to
 * replace.
 */
static vrec_status look(const char *path, bool *found, header *head, vrec_error *err)
{
    vrec_error cause;
    reading r = { .file = NULL };
    vrec_status status = open_table(&r, path, found, &cause);
    if (status != VREC_OK)
        return vr_fail_from(err, &cause,
                            "writing %s: what stands there is no table of ids (%s); move it away", path,
                            cause.message);
    *head = r.head;
    if (*found)
        vr_input_close(&r.table);
    return VREC_OK;
}

/* Puts in place what an interrupted save has left, if the index that stands at path is that which it was
 * for; else it is of no use. */
static vrec_status settle(const char *path, const paths *p, const vrec_progress *progress, vrec_error *err)
{
    header left = { .rows = 0 };
    checksum sum = { 0 };
    vr_input in = { .fd = -1 };
    bool found, exists = false;
    vrec_status status = look(p->next, &found, &left, err);
    if (status != VREC_OK || !found)
        return status;
    status = vr_file_exists(path, &exists, err);
    if (status == VREC_OK && exists)
        status = vr_input_open(path, &in, err);
    if (status == VREC_OK && exists)
        status = find_checksum(&in, true, progress, &sum, err);
    vr_input_close(&in);
    if (status != VREC_OK)
        return status;
    bool ours = sum.sampled == left.sum.sampled && sum.whole == left.sum.whole;
    if (ours && left.rows > 0)
        return vr_file_rename(p->next, p->table, err);
    if (ours)
        status = vr_file_remove(p->table, err);
    return status == VREC_OK ? vr_file_remove(p->next, err) : status;
}

/* Once the index is in its place, the table follows. */
static vrec_status follow_index(const vr_index *indexer, const paths *p, vrec_error *err)
{
    vrec_error cause;
    vrec_status status =
        has_table(indexer) ? vr_file_rename(p->next, p->table, &cause) : vr_file_remove(p->table, &cause);
    if (status == VREC_OK && !has_table(indexer))
        status = vr_file_remove(p->next, &cause);
    if (status == VREC_OK)
        return VREC_OK;
    return vr_fail_from(err, &cause, "%s (the new file is in place, and its table is %s)", cause.message,
                        p->next);
}

static vrec_status commit_both(const vr_index *indexer, const paths *p, vr_output *index,
                               const vrec_progress *progress, vrec_error *err)
{
    vrec_status status = write_next(indexer, p, index, progress, err);
    if (status == VREC_OK)
        status = vr_output_commit(index, err);
    if (status == VREC_OK)
        return follow_index(indexer, p, err);
    if (index->temporary) /* it hasn't been renamed */
        vr_file_remove(p->next, NULL);
    return status;
}

vrec_status vr_ids_file_commit(const vr_index *indexer, const char *path, vr_output *index,
                               const vrec_progress *progress, vrec_error *err)
{
    paths p;
    header old;
    bool had = false;
    vrec_status status = find_paths(path, &p, err);
    if (status != VREC_OK)
        return status;
    status = settle(path, &p, progress, err);
    if (status == VREC_OK)
        status = look(p.table, &had, &old, err);
    if (status == VREC_OK && (had || has_table(indexer)))
        status = commit_both(indexer, &p, index, progress, err);
    else if (status == VREC_OK)
        status = vr_output_commit(index, err);
    free_paths(&p);
    return status;
}
