/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/convention.h"

static const vr_convention conventions[] = {
    { .name = "rechub",
      .summary = "Torch-RecHub: means over all users; Hit is the share of all truth that was found",
      .counted = VR_EVERYBODY,
      .hit_is_share = true,
      .repeats = true },
    { .name = "recbole",
      .summary = "RecBole: means over users with truth; Hit is the share of users with a hit",
      .counted = VR_WITH_TRUTH },
    { .name = "comirec",
      .summary =
          "ComiRec: as recbole, but NDCG asks only whether the hits come first, not how many there are",
      .counted = VR_WITH_TRUTH,
      .ideal_of_hits = true,
      .repeats = true },
    { .name = "recommenders",
      .summary = "Microsoft's recommenders: as recbole, but users without a list aren't counted either",
      .counted = VR_WITH_BOTH },
};

const vr_convention *vr_convention_at(size_t i)
{
    return i < sizeof conventions / sizeof conventions[0] ? &conventions[i] : NULL;
}
