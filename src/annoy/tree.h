/* Building one tree. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_TREE_H
#define VR_ANNOY_TREE_H

#include "annoy/near.h"

/* The nodes of one tree in their order, the root last. A child below the number of items is an item,
 * else the number of items + a position among these nodes. */
typedef struct vr_annoy_tree {
    uint8_t *nodes;
    uint32_t count, room;
    uint32_t base; /* the number of its first node in the file, when that is known */
} vr_annoy_tree;
enum {
    VR_ANNOY_ROOM = 6 /* nodes, for each bucket that its items would fill: more than most trees have */
};

typedef struct vr_annoy_frame vr_annoy_frame;

/* What a thread needs to build trees. Zeroed is empty. */
typedef struct vr_annoy_bench {
    uint32_t *moved; /* room for a part of the ids */
    float *vectors;
    vr_annoy_items near;    /* the items that are being divided further, when they are few */
    vr_annoy_frame *frames; /* the splits that are being divided, from the root down, */
    uint8_t *planes;        /* and their nodes */
    size_t depth, room;
} vr_annoy_bench;

vrec_status vr_annoy_bench_init(vr_annoy_bench *bench, const vr_annoy_items *items, vrec_error *err);
void vr_annoy_bench_free(vr_annoy_bench *bench);

/* What every tree in the making needs: all ids, in the order of its leaves as far as that is known. */
typedef struct vr_annoy_order {
    uint32_t *ids;
    uint8_t *sides;    /* of them */
    uint32_t *part_of; /* top.c: which part an item is in; NULL in Annoy's plan */
} vr_annoy_order;
enum { VR_ANNOY_ORDER_BYTES = 9 /* for every item */ };

vrec_status vr_annoy_order_init(vr_annoy_order *order, const vr_annoy_items *items, vrec_error *err);
void vr_annoy_order_free(vr_annoy_order *order);

/* A tree in the making. */
typedef struct vr_annoy_work {
    const vr_annoy_items *items;
    vr_annoy_bench *bench;
    vr_annoy_order *order;
    vr_annoy_tree *tree;
    /* Is told how many more items have found their leaf, and how many have been looked at, and says whether
     * to go on. If not, the tree stays unfinished, and VREC_CANCELLED is returned without a message. */
    bool (*keep_on)(void *context, uint32_t placed, uint32_t seen);
    void *context;
} vr_annoy_work;

/* Puts all ids into the order, ascending: where a tree starts from. */
void vr_annoy_start(const vr_annoy_work *work);

/* Builds the part of the tree whose leaves hold the count ids from begin on. *child is the number of its
 * root, as a split has it in its children. */
vrec_status vr_annoy_grow(const vr_annoy_work *work, uint32_t begin, uint32_t count, vr_kiss *random,
                          uint32_t *child, vrec_error *err);

/* Divides the ids from begin to before begin + count by a plane, which it puts into node. The order's ids
 * on side 0 are moved to the front, and their number is returned.
 *
 * A plane that leaves nearly all ids on one side is given up for another. The first may have been found
 * already (tried): then it stands in node, the sides of the ids in the order, and ones is how many of them
 * are on side 1. Else ones doesn't matter. */
uint32_t vr_annoy_divide(const vr_annoy_work *work, const vr_annoy_items *items, uint32_t begin,
                         uint32_t count, bool tried, uint32_t ones, vr_kiss *random, uint8_t *node);

/* One more node, not initialised; NULL if memory, or numbers for nodes, are short. */
uint8_t *vr_annoy_append(vr_annoy_tree *tree, const vr_annoy_items *items);

/* A larger block with the first bytes of the old one, which is freed; NULL, and the old one kept, if
 * memory is short. */
void *vr_annoy_enlarge(void *old, size_t used, size_t bytes);

#endif
