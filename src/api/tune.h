/* Tuning, as other calls use it. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_TUNE_H
#define VR_API_TUNE_H

#include "api/indexer.h"

enum { VR_SHORTFALL = 160 };

/* Where somebody asks for a recall of 1, which no tuning can promise. */
#define VR_EXACT_FINDS_ALL "; exact search finds all (faiss, index_type=Flat)"

/* vrec_tune(); but where the recall is out of reach, and shortfall has VR_SHORTFALL bytes, that is told
 * there, and the setting is the least with the most recall. Otherwise shortfall becomes "". */
vrec_status vr_tune(const vrec_indexer *indexer, const vrec_tuning_options *options, vrec_tuning *tuning,
                    char *shortfall, vrec_error *err);

/* Refuses queries to tune on with a NaN or Inf: such a one finds nothing, whatever the setting. */
vrec_status vr_check_asked(const vrec_matrix *queries, vrec_error *err);

#endif
