/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/hits.h"

#include "base/memory.h"

#include <string.h>

/* At most an eighth of the slots are full: what isn't there should meet an empty one at once. */
enum { FEWEST_BITS = 4 };

static uint32_t bits_for(size_t items)
{
    uint32_t bits = FEWEST_BITS;
    while ((size_t)1 << (bits - 3) < items)
        bits++;
    return bits;
}

static size_t words_of(size_t slots)
{
    return (slots + 63) / 64;
}

vrec_status vr_hits_init(vr_hits *hits, size_t longest, size_t width, vrec_error *err)
{
    size_t slots = (size_t)1 << bits_for(longest); /* longest ids are in memory, so this can't overflow */
    *hits = (vr_hits){ .slots = vr_alloc(slots, sizeof *hits->slots),
                       .found = vr_alloc(words_of(slots), sizeof *hits->found),
                       .ranks = vr_alloc(width, sizeof *hits->ranks) };
    if (hits->slots && hits->found && hits->ranks)
        return VREC_OK;
    vr_hits_free(hits);
    return vr_fail_memory(err, slots * sizeof *hits->slots + width * sizeof *hits->ranks, "evaluating");
}

void vr_hits_free(vr_hits *hits)
{
    vr_free(hits->slots);
    vr_free(hits->found);
    vr_free(hits->ranks);
    *hits = (vr_hits){ 0 };
}

/* Where an item belongs. The upper bits of a product with the golden ratio spread ids that follow one
 * another, or are multiples of something. */
static inline size_t home_of(uint32_t bits, int64_t item)
{
    return (size_t)((uint64_t)item * 0x9e3779b97f4a7c15u >> (64 - bits));
}

/* The slot of an item, or the empty one where it would be. */
static inline size_t slot_of(const int64_t *slots, uint32_t bits, int64_t item)
{
    size_t slot = home_of(bits, item);
    while (slots[slot] != item && slots[slot] != -1)
        slot = (slot + 1) & (((size_t)1 << bits) - 1);
    return slot;
}

/* Puts the truth into the table. Returns how many different items it has; SIZE_MAX if one is -1. */
static size_t put(int64_t *slots, uint32_t bits, const int64_t *truth, size_t count)
{
    size_t different = 0;
    memset(slots, 0xff, sizeof *slots << bits);
    for (size_t i = 0; i < count; i++) {
        if (truth[i] == -1)
            return SIZE_MAX;
        size_t slot = slot_of(slots, bits, truth[i]);
        different += slots[slot] == -1;
        slots[slot] = truth[i];
    }
    return different;
}

/* The ranks of an item, one by one. */
static void find_all(size_t *ranks, int64_t item, const int64_t *list, size_t width)
{
    for (size_t rank = 0; rank < width; rank++)
        if (list[rank] == item)
            *ranks++ = rank;
}

/* One item of truth, which is all that many tests have, needs no table. Nor a branch, which a processor
 * couldn't foresee: the sum of the ranks that it has is its rank, unless it has several. */
static void find_only(vr_hits *hits, int64_t item, const int64_t *list, size_t width, bool repeats)
{
    size_t sum = 0, count = 0;
    for (size_t rank = 0; rank < width; rank++) {
        size_t mask = (size_t)0 - (size_t)(list[rank] == item);
        sum += mask & rank;
        count -= mask;
    }
    hits->ranks[0] = count == 0 ? width : sum;
    if (count > 1)
        find_all(hits->ranks, item, list, width);
    hits->count = repeats ? count : vr_min(count, 1);
}

/* Ranks whose item belongs where some item is. Most belong where none is; the others are written down
 * without a branch, which a processor couldn't foresee. */
static size_t suspect(vr_hits *hits, uint32_t bits, const int64_t *list, size_t width)
{
    const int64_t *slots = hits->slots;
    size_t *ranks = hits->ranks, count = 0;
    for (size_t rank = 0; rank < width; rank++) {
        ranks[count] = rank;
        count += slots[home_of(bits, list[rank])] != -1;
    }
    return count;
}

static void find_in_table(vr_hits *hits, uint32_t bits, const int64_t *list, size_t width, bool repeats)
{
    size_t suspects = suspect(hits, bits, list, width);
    if (!repeats)
        memset(hits->found, 0, words_of((size_t)1 << bits) * sizeof *hits->found);
    hits->count = 0;
    for (size_t i = 0; i < suspects; i++) {
        size_t rank = hits->ranks[i], slot = slot_of(hits->slots, bits, list[rank]);
        uint64_t bit = (uint64_t)1 << slot % 64;
        if (hits->slots[slot] == -1) /* an item that isn't there; or no item, which -1 is */
            continue;
        if (!repeats && hits->found[slot / 64] & bit)
            continue;
        if (!repeats)
            hits->found[slot / 64] |= bit;
        hits->ranks[hits->count++] = rank;
    }
    if (hits->count == 0)
        hits->ranks[0] = width;
}

bool vr_hits_find(vr_hits *hits, const int64_t *truth, size_t truth_count, const int64_t *list,
                  size_t width, bool repeats)
{
    hits->truth = truth_count;
    hits->count = 0;
    if (truth_count == 0)
        return true;
    if (truth_count == 1) {
        find_only(hits, truth[0], list, width, repeats);
        return truth[0] != -1;
    }
    uint32_t bits = bits_for(truth_count);
    size_t different = put(hits->slots, bits, truth, truth_count);
    if (different == SIZE_MAX)
        return false;
    if (!repeats)
        hits->truth = different;
    find_in_table(hits, bits, list, width, repeats);
    return true;
}
