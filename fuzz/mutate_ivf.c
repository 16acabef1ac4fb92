/* Changes FAISS's IVF files: sizes of lists and the form they have, ids, the direct map, the quantizer,
 * nlist, nprobe, metric and code_size. One value gets another that could be meant; or an item goes to
 * another list, comes anew, or sizes get the other form, with all that goes with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

enum { WORD = sizeof(uint64_t), NUMBERS = 2 /* nlist, nprobe */, LISTS_MAX = 4096 };
enum {
    HEAD,
    COUNTS,
    QUANTIZER,
    CENTROIDS,
    KIND,
    PLACES,
    PAIRS,
    FORM,
    SHAPE,
    SIZES_FORM,
    SIZES,
    REST,
    PARTS
};

typedef struct lists {
    file *f;
    size_t begin; /* of the index */
    uint64_t count, dim;
    part parts[PARTS];
} lists;

static bool take(const lists *l, size_t *at, size_t count, size_t size, part *out)
{
    if (count > (l->f->size - *at) / size)
        return false;
    *out = (part){ *at, count, size };
    *at += count * size;
    return true;
}

bool pass_flat(const file *f, size_t *at)
{
    part values;
    if (f->size - *at < MUTATE_HEADER)
        return false;
    *at += MUTATE_HEADER;
    return find_vector(f, at, sizeof(float), &values);
}

static bool find_quantizer(lists *l, size_t *at)
{
    file *f = l->f;
    size_t begin = *at;
    if (!take(l, at, MUTATE_HEADER, 1, &l->parts[QUANTIZER]))
        return false;
    *at = begin;
    if (!(memcmp(f->data + begin, "IHNf", MUTATE_TYPE) == 0 ? pass_graph(f, at) : pass_flat(f, at)))
        return false;
    l->parts[CENTROIDS] = (part){ begin + MUTATE_HEADER, (*at - begin - MUTATE_HEADER) / 4, 4 };
    return true;
}

/* Finds all of a file as it is written today. One of before 2018 has a quantizer, and then words. */
static bool find_parts(lists *l, bool old)
{
    const file *f = l->f;
    size_t at = l->begin;
    l->dim = get(f, at + MUTATE_TYPE, 4);
    if (!take(l, &at, MUTATE_HEADER, 1, &l->parts[HEAD]) || !take(l, &at, NUMBERS, WORD, &l->parts[COUNTS]))
        return false;
    l->count = get(f, l->parts[COUNTS].at, WORD);
    if (!find_quantizer(l, &at))
        return false;
    if (!old) {
        if (!take(l, &at, 1, 1, &l->parts[KIND]) || !find_vector(f, &at, WORD, &l->parts[PLACES]))
            return false;
        if (get(f, l->parts[KIND].at, 1) == 2 && !find_vector(f, &at, 2 * WORD, &l->parts[PAIRS]))
            return false;
        if (!take(l, &at, MUTATE_TYPE, 1, &l->parts[FORM]) || !take(l, &at, 2, WORD, &l->parts[SHAPE]) ||
            !take(l, &at, MUTATE_TYPE, 1, &l->parts[SIZES_FORM]) ||
            !find_vector(f, &at, WORD, &l->parts[SIZES]))
            return false;
    }
    l->parts[REST] = (part){ at, (f->size - at) / 4, 4 };
    return true;
}

static bool is_sparse(const lists *l)
{
    return memcmp(l->f->data + l->parts[SIZES_FORM].at, "sprs", MUTATE_TYPE) == 0;
}

/* A number that could be meant: an end of a range, or one beyond; one that stands elsewhere; a neighbour of
 * what is there; a place in a list. */
static uint64_t other_value(const lists *l, size_t at, size_t size)
{
    file *f = l->f;
    const part *source = &l->parts[draw(f, PARTS)];
    uint64_t rows = get(f, l->begin + MUTATE_ROWS_AT, WORD), here = get(f, at, size);
    switch (draw(f, 8)) {
    case 0: return draw(f, 4) - UINT64_C(1);
    case 1: return rows + draw(f, 3) - 1;
    case 2: return l->count + draw(f, 3) - 1;
    case 3: return (UINT64_C(1) << 31 << draw(f, 34)) + draw(f, 3) - 1;
    case 4: return (uint64_t)draw(f, l->count % LISTS_MAX + 1) << 32 | draw(f, 4);
    case 5:
        return source->count > 0 && source->size <= WORD
                   ? get(f, source->at + draw(f, source->count) * source->size, source->size)
                   : 0;
    case 6: return here + draw(f, 3) * l->dim * sizeof(float);
    default: return here + draw(f, 3) - 1;
    }
}

/* Words of a header and of pairs stand at 4 and 8 bytes; single bytes are letters and flags. */
static size_t change_value(const lists *l)
{
    static const uint8_t fields[][2] = { { 4, 4 }, { 8, 8 }, { 32, 1 }, { 33, 4 } };
    file *f = l->f;
    uint32_t which = draw(f, PARTS);
    const part *p = &l->parts[which];
    if (p->count == 0)
        return 0;
    size_t size = p->size > WORD ? WORD : p->size, at = p->at + draw(f, p->count) * p->size;
    if (p->size > WORD)
        at += draw(f, 2) * WORD;
    if (which == HEAD || which == QUANTIZER) {
        const uint8_t *field = fields[draw(f, sizeof fields / sizeof fields[0])];
        at = p->at + field[0];
        size = field[1];
    }
    put(f, at, size, other_value(l, at, size));
    return f->size;
}

/* Where the size of a list stands that is in the table; SIZE_MAX if there is none. */
static size_t any_size(const lists *l)
{
    const part *sizes = &l->parts[SIZES];
    size_t step = is_sparse(l) ? 2 : 1, count = sizes->count / step;
    return count > 0 ? sizes->at + (draw(l->f, count) * step + step - 1) * WORD : SIZE_MAX;
}

/* One list has an item less, another one more: what stands behind them is then read otherwise. */
static size_t move_item(const lists *l)
{
    size_t from = any_size(l), to = any_size(l);
    if (from == SIZE_MAX || get(l->f, from, WORD) == 0)
        return 0;
    put(l->f, from, WORD, get(l->f, from, WORD) - 1);
    put(l->f, to, WORD, get(l->f, to, WORD) + 1);
    return l->f->size;
}

/* Puts zeros, or takes away what is there, where an item stands; rows and a size follow. */
static size_t resize(const lists *l)
{
    file *f = l->f;
    size_t size = any_size(l), rest = l->parts[REST].at, rows = l->begin + MUTATE_ROWS_AT;
    bool grows = draw(f, 2) > 0;
    if (size == SIZE_MAX || l->dim > 64 || get(f, rows, WORD) == 0 || get(f, size, WORD) == 0)
        return 0;
    size_t bytes = (size_t)l->dim * sizeof(float) + WORD;
    if (bytes > (grows ? f->max_size - f->size : f->size - rest))
        return 0;
    put(f, rows, WORD, get(f, rows, WORD) + (grows ? 1 : UINT64_MAX));
    put(f, size, WORD, get(f, size, WORD) + (grows ? 1 : UINT64_MAX));
    if (!grows) {
        memmove(f->data + rest, f->data + rest + bytes, f->size - rest - bytes);
        return f->size - bytes;
    }
    memmove(f->data + rest + bytes, f->data + rest, f->size - rest);
    memset(f->data + rest, 0, bytes);
    return f->size + bytes;
}

/* From full sizes to sparse ones, and back. */
static size_t change_form(const lists *l)
{
    file *f = l->f;
    const part *sizes = &l->parts[SIZES];
    static uint64_t words[2 * LISTS_MAX];
    size_t count = 0, end = sizes->at + sizes->count * WORD;
    bool sparse = is_sparse(l);
    if (l->count > LISTS_MAX || (!sparse && sizes->count != l->count) || sizes->count > 2 * LISTS_MAX)
        return 0;
    memset(words, 0, sizeof words);
    for (size_t i = 0; i < sizes->count; i++) {
        uint64_t word = get(f, sizes->at + i * WORD, WORD);
        if (sparse && i % 2 == 0 && word < l->count && i + 1 < sizes->count)
            words[word] = get(f, sizes->at + (i + 1) * WORD, WORD);
        if (!sparse && word > 0) {
            words[count++] = i;
            words[count++] = word;
        }
    }
    count = sparse ? (size_t)l->count : count;
    if (count > sizes->count && (count - sizes->count) * WORD > f->max_size - f->size)
        return 0;
    memmove(f->data + sizes->at + count * WORD, f->data + end, f->size - end);
    memcpy(f->data + sizes->at, words, count * WORD);
    put(f, sizes->at - WORD, WORD, count);
    memcpy(f->data + l->parts[SIZES_FORM].at, sparse ? "full" : "sprs", MUTATE_TYPE);
    return f->size + count * WORD - sizes->count * WORD;
}

/* Gives an index without a direct map an array of places, each of the first item of some list. */
static size_t add_map(const lists *l)
{
    file *f = l->f;
    uint64_t rows = get(f, l->begin + MUTATE_ROWS_AT, WORD);
    size_t at = l->parts[PLACES].at;
    if (get(f, l->parts[KIND].at, 1) != 0 || l->parts[PLACES].count > 0 ||
        rows > (f->max_size - f->size) / WORD)
        return 0;
    size_t bytes = (size_t)rows * WORD;
    memmove(f->data + at + bytes, f->data + at, f->size - at);
    for (size_t i = 0; i < rows; i++)
        put(f, at + i * WORD, WORD,
            draw(f, 3) == 0 ? UINT64_MAX : (uint64_t)draw(f, l->count % LISTS_MAX + 1) << 32);
    put(f, at - WORD, WORD, rows);
    put(f, l->parts[KIND].at, 1, 1);
    return f->size + bytes;
}

size_t mutate_ivf(file *f)
{
    lists l = { .f = f, .begin = find_index(f, "IwFl") };
    bool old = l.begin == SIZE_MAX;
    for (size_t i = 0; old && i < 2 && l.begin == SIZE_MAX; i++)
        l.begin = find_index(f, i ? "IvFL" : "IvFl");
    if (l.begin == SIZE_MAX || !find_parts(&l, old))
        return 0;
    switch (old ? UINT32_MAX : draw(f, 10)) {
    case 0: return change_form(&l);
    case 1: return move_item(&l);
    case 2: return resize(&l);
    case 3: return add_map(&l);
    default: return change_value(&l);
    }
}
