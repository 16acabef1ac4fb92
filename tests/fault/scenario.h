/* All that a user does with the library, once. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_FAULT_SCENARIO_H
#define VR_TESTS_FAULT_SCENARIO_H

#include "vrec/vrec.h"

enum { SCENARIO_KINDS = 3 /* faiss Flat; annoy, mapped; annoy with one stream, read to memory */ };

/* From now on all is done with this kind of index: draws the data and learns what the files must be; in a
 * folder of the test's own. */
void scenario_init(size_t kind);

/* Runs it up to the first call that fails, checks what that leaves, and frees everything. */
vrec_status scenario_run(vrec_error *err);

/* Nothing but a build that is large enough for several threads. */
vrec_status scenario_build(vrec_error *err);

/* Nothing but queries, also large enough: one and a batch, often enough that the index has all that it
 * makes on the way; so many times. Calls before() ahead of each time, with its number. */
vrec_status scenario_query(size_t times, void (*before)(size_t time), vrec_error *err);

#endif
