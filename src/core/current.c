/* SPDX-License-Identifier: Apache-2.0 */
#include "core/current.h"

#include "base/system.h"

enum {
    PLACE_SHIFT = 56,  /* the bits below count readers: 2^56 of one thing are more than there can be */
    PATIENCE_US = 1000 /* how long to sleep before looking for a free place again */
};

static size_t place_of(uint64_t entered)
{
    return (size_t)(entered >> PLACE_SHIFT);
}

static uint64_t count_of(uint64_t entered)
{
    return entered & (((uint64_t)1 << PLACE_SHIFT) - 1);
}

void vr_current_init(vr_current *current, void *thing, void (*end)(void *context, void *thing),
                     void *context)
{
    atomic_init(&current->entered, 0);
    for (size_t i = 0; i < VR_CURRENT_PLACES; i++) {
        atomic_init(&current->places[i].thing, NULL);
        atomic_init(&current->places[i].balance, 0);
    }
    atomic_init(&current->places[0].thing, thing);
    current->end = end;
    current->context = context;
}

void *vr_current_enter(vr_current *current, size_t *place)
{
    *place = place_of(atomic_fetch_add(&current->entered, 1));
    return atomic_load_explicit(&current->places[*place].thing, memory_order_relaxed);
}

/* The place is free as soon as its thing is NULL, which therefore comes last. */
static void end_thing(vr_current *current, size_t place)
{
    current->end(current->context, atomic_load(&current->places[place].thing));
    atomic_store(&current->places[place].thing, NULL);
}

void vr_current_leave(vr_current *current, size_t place)
{
    if (atomic_fetch_sub(&current->places[place].balance, 1) == 1)
        end_thing(current, place);
}

static size_t find_free(vr_current *current)
{
    for (;;) {
        for (size_t i = 0; i < VR_CURRENT_PLACES; i++)
            if (!atomic_load(&current->places[i].thing))
                return i;
        vr_sleep_us(PATIENCE_US);
    }
}

void vr_current_replace(vr_current *current, void *thing)
{
    size_t next = find_free(current);
    atomic_store(&current->places[next].thing, thing);
    uint64_t entered = atomic_exchange(&current->entered, (uint64_t)next << PLACE_SHIFT);
    int64_t count = (int64_t)count_of(entered);
    size_t last = place_of(entered);
    if (atomic_fetch_add(&current->places[last].balance, count) == -count)
        end_thing(current, last);
}

void vr_current_clear(vr_current *current)
{
    for (size_t i = 0; i < VR_CURRENT_PLACES; i++)
        if (atomic_load(&current->places[i].thing))
            end_thing(current, i);
}
