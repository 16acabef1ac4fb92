/* A budget: how many rows a query of an IVF index compares, which depends on how near its nearest are.
 *
 * With nprobe an easy query, whose nearest items all stand in the first list, looks into as many lists as a
 * hard one. With a budget it goes through lists, nearest first, until it has compared
 *
 *     budget x T / D   rows, at most budget
 *
 * T being how far its k-th nearest is in the nearest list, known without further cost, and D how far items
 * are from each other. L2: T is the squared distance, D the mean of it over pairs of items. IP: T is 1 less
 * the cosine that the inner product would have if the item were the longest of the index; D is 1. For
 * vectors of length 1, L2 and IP mean the same by that.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_BUDGET_H
#define VR_FAISS_IVF_BUDGET_H

#include "faiss/ivf/ivf.h"

/* Lists that a query with this budget looks into at the most: twice as many as hold so many rows on
 * average. */
size_t vr_ivf_budget_lists(const vr_ivf *ivf, uint64_t budget);

/* Rows that a query compares: norm is its squared length, kth the value of its k-th nearest so far, smaller
 * being nearer. */
double vr_ivf_budget_rows(vr_ivf *ivf, uint64_t budget, float norm, float kth);

#endif
