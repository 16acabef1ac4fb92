/* SPDX-License-Identifier: Apache-2.0 */
#include "abi/program.h"

void ask_for_more(const vrec_indexer *indexer)
{
    (void)indexer;
}
