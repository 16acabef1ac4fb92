/* Something that many threads read while another replaces it: the index of an indexer.
 *
 * A reader enters, reads, and leaves. It never waits, tries again, or allocates. The thread that replaces
 * the thing doesn't wait for readers either: those that have entered go on reading the old thing, and the
 * last of them to leave calls end() for it.
 *
 * Things stand in places[], and one 64-bit number, entered, has two parts: the upper bits say in which
 * place the current thing is, the lower ones count how many readers have entered it so far. So one atomic
 * addition of 1 enters, and the value from before it says where to read.
 *
 * Leaving can't be counted in the same number, since the place may not be the current one by then. Each
 * place has a balance for that: it begins at 0, and a reader that leaves subtracts 1. Replacing the thing
 * exchanges entered for the new place and a count of 0. The old count is then final, as nobody enters the
 * old place any more, and is added to the old place's balance: from then on that is the number of readers
 * still inside. It falls to 0 once, and the thread that brings it there (the last reader, or the one that
 * replaced the thing if nobody was inside) ends the thing and frees the place.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_CURRENT_H
#define VR_CORE_CURRENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* How many things there can be at a time: the current one, and replaced ones that are still being read. */
enum { VR_CURRENT_PLACES = 64 };

typedef struct vr_current {
    atomic_uint_least64_t entered; /* the current place << 56, and how many have entered it */
    struct {
        _Atomic(void *) thing; /* NULL: the place is free */
        atomic_int_least64_t balance;
    } places[VR_CURRENT_PLACES];
    void (*end)(void *context, void *thing); /* called once for a thing that nobody reads any more */
    void *context;
} vr_current;

/* Makes thing the current one. Before any other call. */
void vr_current_init(vr_current *current, void *thing, void (*end)(void *context, void *thing),
                     void *context);

/* Returns the current thing, which stays valid until the caller passes *place to vr_current_leave(). Any
 * number of threads may do so at any time, and so may a child process that was forked meanwhile. */
void *vr_current_enter(vr_current *current, size_t *place);
void vr_current_leave(vr_current *current, size_t place);

/* Makes another thing the current one: whoever enters from now on gets it. Callers must take turns. It
 * waits, sleeping, only if all places are taken, that is while the last VR_CURRENT_PLACES - 1 things that
 * were replaced are each still being read. */
void vr_current_replace(vr_current *current, void *thing);

/* Ends all things that are left. Nobody may be reading one, nor enter afterwards. */
void vr_current_clear(vr_current *current);

#endif
