/* FILE.ids: the ids, or names, of the items of an index in FILE whose own format has no room for them.
 *
 *     vrec-ids 1 ROWS CHECKSUM        names: a line of UTF-8 for each row
 *     vrec-ids 1 ROWS CHECKSUM int64  ids: a whole number in each line
 *
 * CHECKSUM tells which FILE they belong to, as two XXH64 of 16 hex digits with a hyphen between them: that
 * of FILE's size and of 64 samples, which suffices where FILE is mapped and shouldn't be read as a whole;
 * and that of all of FILE.
 *
 * Two files can't be renamed at once. So a table is written as FILE.ids.next, FILE is renamed, and then the
 * table. At any moment FILE has its own table beside it, under one of the two names; whichever doesn't have
 * FILE's checksum belongs to the FILE before or after. An index without a table takes the place of one that
 * had one in the same way, with a table of 0 rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_IDS_FILE_H
#define VR_API_IDS_FILE_H

#include "core/index.h"

/* Whether there is a table beside a file. */
vrec_status vr_ids_file_exists(const char *path, bool *out, vrec_error *err);

/* Gives an indexer what stands beside the file that it was opened from: ids, names, or nothing. whole:
 * check the checksum of the whole file, and not of samples only, though it is mapped. VREC_CORRUPT if the
 * table belongs to another file, or isn't one; the message names both. */
vrec_status vr_ids_file_open(const vr_input *file, bool whole, const vrec_progress *progress,
                             vr_index *indexer, vrec_error *err);

/* Commits an index that has been written for path, and puts its table beside it, or takes away that of the
 * index before. */
vrec_status vr_ids_file_commit(const vr_index *indexer, const char *path, vr_output *index,
                               const vrec_progress *progress, vrec_error *err);

#endif
