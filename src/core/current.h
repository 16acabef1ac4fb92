/* Something that many read while somebody replaces it: the index of an indexer.
 *
 * Readers enter, read and leave; none of them ever waits, tries again, or allocates. Nobody who replaces
 * the thing waits for them: those who are reading go on with what they have entered, and the last of them
 * to leave ends it.
 *
 * A thing stands in one of a few places. A single number says which place is the current one, in its upper
 * bits, and how many have entered it, in the lower: to enter is to add 1, and what was there before says
 * where to read. Who leaves is taken off the place's balance, which begins at 0. When the thing is
 * replaced, nobody enters its place any more, so that the number of those who did is known for good, and is
 * added to the balance, which from then on says how many are still there. It comes to 0 once, and who
 * brings it there ends the thing and frees the place.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_CURRENT_H
#define VR_CORE_CURRENT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* So many things at a time: the current one, and others that somebody still reads. */
enum { VR_CURRENT_PLACES = 64 };

typedef struct vr_current {
    atomic_uint_least64_t entered; /* the current place << 56, and how many have entered it */
    struct {
        _Atomic(void *) thing; /* NULL: the place is free */
        atomic_int_least64_t balance;
    } places[VR_CURRENT_PLACES];
    void (*end)(void *context, void *thing); /* what becomes of a thing that nobody reads any more */
    void *context;
} vr_current;

/* Begins with a first thing. */
void vr_current_init(vr_current *current, void *thing, void (*end)(void *context, void *thing),
                     void *context);

/* The thing, which stays until the caller has left the place. Any number of threads, at any time; also a
 * child that was forked at any time. */
void *vr_current_enter(vr_current *current, size_t *place);
void vr_current_leave(vr_current *current, size_t place);

/* Puts another thing in its place: all who enter from now on get that. One caller at a time. Waits,
 * sleeping, only when somebody is still reading each of the VR_CURRENT_PLACES - 1 things before. */
void vr_current_replace(vr_current *current, void *thing);

/* Ends all things. Nobody reads them any more. */
void vr_current_clear(vr_current *current);

#endif
