/* All that a user does with the library, once. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_FAULT_SCENARIO_H
#define VR_TESTS_FAULT_SCENARIO_H

#include "vrec/vrec.h"

/* Draws the data and learns what the files must be; in a folder of the test's own. */
void scenario_init(void);

/* Runs it up to the first call that fails, checks what that leaves, and frees everything. */
vrec_status scenario_run(vrec_error *err);

/* Nothing but queries, large enough for several threads: one and a batch, often enough that the index has
 * all that it makes on the way; twice. Calls before() ahead of each time, with its number. */
vrec_status scenario_query(void (*before)(size_t time), vrec_error *err);

#endif
