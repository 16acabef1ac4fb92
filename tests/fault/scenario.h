/* All that a user does with the library, once. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_FAULT_SCENARIO_H
#define VR_TESTS_FAULT_SCENARIO_H

#include "vrec/vrec.h"

/* faiss Flat; the same with ids of its own; annoy, mapped; annoy with one stream, read to memory; faiss
 * IVF; faiss HNSW */
enum { SCENARIO_KINDS = 8 };

/* From now on all is done with this kind of index: draws the data and learns what the files must be; in a
 * folder of the test's own. */
void scenario_init(size_t kind);

/* Runs it up to the first call that fails, checks what that leaves, and frees everything. */
vrec_status scenario_run(vrec_error *err);

/* Nothing but a build that is large enough for several threads. */
vrec_status scenario_build(vrec_error *err);
vrec_status scenario_codes(vrec_error *err);

/* Nothing but a tuning of the small index, which makes codes, too, where there is memory for them. */
vrec_status scenario_tune(vrec_error *err);

/* A build that is tuned, with a sample of queries. */
vrec_status scenario_build_tuned(vrec_error *err);

/* Nothing but a build whose kind is chosen by trials. */
vrec_status scenario_auto(vrec_error *err);

/* Nothing but queries, also large enough: one and a batch, often enough that the index has all that it
 * makes on the way; so many times. Calls before() ahead of each time, with its number. */
vrec_status scenario_query(size_t times, void (*before)(size_t time), vrec_error *err);

#endif
