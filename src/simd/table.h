/* The table of an instruction set. Whoever includes this has functions of these names, ROWS, QUERIES,
 * CODE_QUERIES, CODE_MAX, CODE_BIAS and DIGIT_MAX, and names the table: TABLE, TABLE_NAME.
 *
 * The values are in the order of vr_simd and without names: for one that is missing the compiler warns,
 * whereas a slot that is left out of a list with names would be NULL, and crash at its first use.
 *
 * SPDX-License-Identifier: Apache-2.0 */
/* Nothing has to be told beforehand. */
static void begin(size_t groups)
{
    (void)groups;
}

static void end(void) {}

const vr_simd TABLE = {
    TABLE_NAME,
    ROWS,
    QUERIES,
    dot_rows,
    l2_rows,
    dot_ids,
    l2_ids,
    mix,
    add_to_mean,
    pack,
    tile,
    tile_sums,
    passing,
    begin,
    end,
    code_one,
    code_tile,
    code_sums,
    code_tile_sums,
    code_ids,
    nibble_ids,
    CODE_QUERIES,
    CODE_QUERIES / 2,
    false,
    CODE_MAX,
    CODE_BIAS,
    DIGIT_MAX,
};
