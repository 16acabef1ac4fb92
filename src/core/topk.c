/* SPDX-License-Identifier: Apache-2.0 */
#include "core/topk.h"

/* Parts this small are sorted by insertion; splits that go badly more often than this, by heap. */
enum { FEW = 16, ROUNDS = 64 };

static inline void swap(uint64_t *a, uint64_t *b)
{
    uint64_t t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(uint64_t *keys, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        size_t j = i;
        for (; j > 0 && keys[j - 1] > key; j--)
            keys[j] = keys[j - 1];
        keys[j] = key;
    }
}

static void sift_down(uint64_t *keys, size_t at, size_t count)
{
    uint64_t key = keys[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && keys[child + 1] > keys[child])
            child++;
        if (keys[child] <= key)
            break;
        keys[at] = keys[child];
    }
    keys[at] = key;
}

static void heap_sort(uint64_t *keys, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift_down(keys, i, count);
    for (size_t end = count; end-- > 1;) {
        swap(&keys[0], &keys[end]);
        sift_down(keys, 0, end);
    }
}

/* Splits at a middle value (of three) in Hoare's way: returns p, 0 < p < count, so that no key before p
 * is greater than any from p on. count is at least 3. */
static size_t split(uint64_t *keys, size_t count)
{
    size_t middle = count / 2, last = count - 1;
    if (keys[middle] < keys[0])
        swap(&keys[middle], &keys[0]);
    if (keys[last] < keys[middle]) {
        swap(&keys[last], &keys[middle]);
        if (keys[middle] < keys[0])
            swap(&keys[middle], &keys[0]);
    }
    uint64_t pivot = keys[middle];
    size_t i = 0, j = last;
    for (;;) {
        while (keys[i] < pivot)
            i++;
        while (keys[j] > pivot)
            j--;
        if (i >= j)
            return i > 0 ? i : 1;
        swap(&keys[i++], &keys[j--]);
    }
}

/* Puts the k smallest first, in any order: quickselect (Hoare 1961), heap sort if splits go badly. */
static void select_smallest(uint64_t *keys, size_t count, size_t k)
{
    for (size_t rounds = 0; count > FEW; rounds++) {
        if (rounds == ROUNDS) {
            heap_sort(keys, count);
            return;
        }
        size_t left = split(keys, count);
        if (k <= left) {
            count = left;
        } else {
            keys += left;
            count -= left;
            k -= left;
        }
    }
    insertion_sort(keys, count);
}

/* Quicksort down to small parts, which one insertion sort then finishes. */
static void sort(uint64_t *keys, size_t count, size_t depth)
{
    while (count > FEW && depth-- > 0) {
        size_t left = split(keys, count);
        if (left < count - left) {
            sort(keys, left, depth);
            keys += left;
            count -= left;
        } else {
            sort(keys + left, count - left, depth);
            count = left;
        }
    }
    if (count > FEW)
        heap_sort(keys, count);
}

void vr_topk_shrink(vr_topk *top)
{
    if (top->count < top->k)
        return;
    if (top->count > top->k)
        select_smallest(top->keys, top->count, top->k);
    top->count = top->k;
    uint64_t largest = 0;
    for (size_t i = 0; i < top->k; i++)
        largest = top->keys[i] > largest ? top->keys[i] : largest;
    top->limit = largest < top->limit ? largest : top->limit;
}

void vr_topk_finish(vr_topk *top)
{
    vr_topk_shrink(top);
    sort(top->keys, top->count, ROUNDS);
    insertion_sort(top->keys, top->count);
}
