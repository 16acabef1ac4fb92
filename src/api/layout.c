/* What programs that were compiled with this header rely on: where the fields of its structs stand. A
 * struct may grow at its end, which changes its size and adds a line here; every other change of these
 * numbers breaks programs. SPDX-License-Identifier: Apache-2.0 */
#include "vrec/vrec.h"

#define AT(type, field, offset)                                                                            \
    _Static_assert(offsetof(type, field) == (offset), #type "." #field " stands at byte " #offset)
#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "a " #type " has " #size " bytes")

SIZE(vrec_status, 4);
SIZE(vrec_type, 4);

SIZE(vrec_error, 512); /* never any other */
AT(vrec_error, status, 0);
AT(vrec_error, system_error, 4);
AT(vrec_error, row, 8);
AT(vrec_error, offset, 16);
AT(vrec_error, done, 24);
AT(vrec_error, subject, 32);
AT(vrec_error, message, 64);

#if SIZE_MAX == UINT64_MAX

SIZE(vrec_matrix, 56);
AT(vrec_matrix, struct_size, 0);
AT(vrec_matrix, data, 8);
AT(vrec_matrix, rows, 16);
AT(vrec_matrix, dim, 24);
AT(vrec_matrix, row_stride, 32);
AT(vrec_matrix, col_stride, 40);
AT(vrec_matrix, type, 48);
AT(vrec_matrix, reserved, 52);

SIZE(vrec_progress_report, 40);
AT(vrec_progress_report, struct_size, 0);
AT(vrec_progress_report, phase, 8);
AT(vrec_progress_report, unit, 16);
AT(vrec_progress_report, done, 24);
AT(vrec_progress_report, total, 32);

SIZE(vrec_progress, 24);
AT(vrec_progress, struct_size, 0);
AT(vrec_progress, report, 8);
AT(vrec_progress, context, 16);

SIZE(vrec_option, 64);
AT(vrec_option, key, 0);
AT(vrec_option, aliases, 8);
AT(vrec_option, type, 16);
AT(vrec_option, default_value, 24);
AT(vrec_option, range, 32);
AT(vrec_option, stage, 40);
AT(vrec_option, help, 48);
AT(vrec_option, kinds, 56);

SIZE(vrec_build, 48);
AT(vrec_build, struct_size, 0);
AT(vrec_build, ids, 8);
AT(vrec_build, queries, 16);
AT(vrec_build, progress, 24);
AT(vrec_build, names, 32);
AT(vrec_build, names_size, 40);

SIZE(vrec_plan, 48);
AT(vrec_plan, struct_size, 0);
AT(vrec_plan, rows, 8);
AT(vrec_plan, dim, 16);
AT(vrec_plan, items, 24);
AT(vrec_plan, own_ids, 32);
AT(vrec_plan, reserved, 36);
AT(vrec_plan, progress, 40);

SIZE(vrec_forecast, 72);
AT(vrec_forecast, struct_size, 0);
AT(vrec_forecast, file_bytes, 8);
AT(vrec_forecast, index_bytes, 16);
AT(vrec_forecast, codes_bytes, 24);
AT(vrec_forecast, peak_bytes, 32);
AT(vrec_forecast, seconds, 40);
AT(vrec_forecast, trial_rows, 48);
AT(vrec_forecast, opened_bytes, 56);
AT(vrec_forecast, mapped_bytes, 64);

SIZE(vrec_fact, 40);
AT(vrec_fact, key, 0);
AT(vrec_fact, text, 8);
AT(vrec_fact, integer, 16);
AT(vrec_fact, real, 24);
AT(vrec_fact, type, 32);
AT(vrec_fact, reserved, 36);

SIZE(vrec_query_options, 120);
AT(vrec_query_options, struct_size, 0);
AT(vrec_query_options, threads, 8);
AT(vrec_query_options, merge, 12);
AT(vrec_query_options, overrides, 16);
AT(vrec_query_options, progress, 24);
AT(vrec_query_options, exclude_offsets, 32);
AT(vrec_query_options, exclude_ids, 40);
AT(vrec_query_options, exclude_count, 48);
AT(vrec_query_options, allow, 56);
AT(vrec_query_options, allow_rows, 64);
AT(vrec_query_options, allow_stride, 72);
AT(vrec_query_options, interests, 80);
AT(vrec_query_options, interest_counts, 88);
AT(vrec_query_options, allow_offsets, 96);
AT(vrec_query_options, allow_ids, 104);
AT(vrec_query_options, allow_count, 112);

SIZE(vrec_results, 32);
AT(vrec_results, struct_size, 0);
AT(vrec_results, ids, 8);
AT(vrec_results, distances, 16);
AT(vrec_results, counts, 24);

SIZE(vrec_ranking, 120);
AT(vrec_ranking, struct_size, 0);
AT(vrec_ranking, ids, 8);
AT(vrec_ranking, users, 16);
AT(vrec_ranking, width, 24);
AT(vrec_ranking, truth_offsets, 32);
AT(vrec_ranking, truth_ids, 40);
AT(vrec_ranking, truth_count, 48);
AT(vrec_ranking, ks, 56);
AT(vrec_ranking, k_count, 64);
AT(vrec_ranking, convention, 72);
AT(vrec_ranking, items, 80);
AT(vrec_ranking, popularity, 88);
AT(vrec_ranking, embeddings, 96);
AT(vrec_ranking, threads, 104);
AT(vrec_ranking, reserved, 108);
AT(vrec_ranking, progress, 112);

SIZE(vrec_metrics, 72);
AT(vrec_metrics, struct_size, 0);
AT(vrec_metrics, ndcg, 8);
AT(vrec_metrics, mrr, 16);
AT(vrec_metrics, recall, 24);
AT(vrec_metrics, hit, 32);
AT(vrec_metrics, precision, 40);
AT(vrec_metrics, coverage, 48);
AT(vrec_metrics, diversity, 56);
AT(vrec_metrics, novelty, 64);

SIZE(vrec_comparison, 104);
AT(vrec_comparison, struct_size, 0);
AT(vrec_comparison, found, 8);
AT(vrec_comparison, exact, 16);
AT(vrec_comparison, users, 24);
AT(vrec_comparison, width, 32);
AT(vrec_comparison, exact_width, 40);
AT(vrec_comparison, ks, 48);
AT(vrec_comparison, k_count, 56);
AT(vrec_comparison, queries, 64);
AT(vrec_comparison, items, 72);
AT(vrec_comparison, metric, 80);
AT(vrec_comparison, threads, 88);
AT(vrec_comparison, reserved, 92);
AT(vrec_comparison, progress, 96);

#endif
