/* AMX: code_tile and code_tile_sums by the processor's matrix unit, all else as avx512.c has it, which
 * includes this.
 *
 * The unit has eight registers, called tiles, of up to 16 rows of 64 bytes. One instruction multiplies a
 * tile with a tile, and adds the products to a third:
 *
 *     digits of queries, signed   16 queries x 64 digits
 *     digits of rows, biased      16 groups x 16 rows x 4 digits: half a block's rows, as blocks have them
 *     sums                        16 queries x 16 rows, int32
 *
 * How large tiles are has to be told beforehand, thread by thread: amx_begin(). (Intel's Software
 * Developer's Manual, volume 1, chapter 18.)
 *
 * SPDX-License-Identifier: Apache-2.0 */

enum {
    AMX_QUERIES = 16,
    AMX_FEW = 2,
    AMX_GROUPS = 16, /* of 4 digits, that a tile takes */
    /* 0 and 1: sums with the lower and with the upper half of a block's rows. 2: queries; 3 and 4: the two
     * halves. 5, 6 and 7: the same for the last groups, where fewer are left than a tile takes. The numbers
     * are part of the instructions, so that the intrinsics want them as they are. */
    AMX_TILES = 8
};

/* The tiles' shapes, as the processor reads them. */
typedef struct amx_shapes {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} amx_shapes;

_Static_assert(sizeof(amx_shapes) == 64, "as the manual has it");

static void amx_begin(size_t groups)
{
    amx_shapes shapes = { .palette = 1 };
    size_t last = groups % AMX_GROUPS;
    for (size_t t = 0; t < AMX_TILES; t++) {
        shapes.row_bytes[t] = 64;
        shapes.rows[t] = 16;
    }
    if (last > 0) {
        shapes.row_bytes[5] = (uint16_t)(last * 4);
        shapes.rows[6] = shapes.rows[7] = (uint8_t)last;
    }
    /* The instruction by name: gcc 12 takes the intrinsic to read 8 bytes, and leaves out what is stored in
     * the others. */
    __asm__ volatile("ldtilecfg %0" : : "m"(shapes));
}

static void amx_end(void)
{
    _tile_release();
}

/* Every query's sums of products, with the lower half of a block's rows and with the upper one. */
typedef struct amx_dots {
    _Alignas(64) int32_t low[AMX_QUERIES][LANES], high[AMX_QUERIES][LANES];
} amx_dots;

static inline void amx_products(const vr_code_queries *queries, const uint8_t *codes, size_t groups,
                                amx_dots *dots)
{
    enum { STRIDE = ROWS * 4 };
    const int8_t *digits = queries->digits;
    size_t g = 0, bytes = groups * 4;
    _tile_zero(0);
    _tile_zero(1);
    for (; g + AMX_GROUPS <= groups; g += AMX_GROUPS) {
        _tile_loadd(2, digits + g * 4, bytes);
        _tile_loadd(3, codes + g * STRIDE, STRIDE);
        _tile_loadd(4, codes + g * STRIDE + LANES * 4, STRIDE);
        _tile_dpbsud(0, 2, 3);
        _tile_dpbsud(1, 2, 4);
    }
    if (g < groups) {
        _tile_loadd(5, digits + g * 4, bytes);
        _tile_loadd(6, codes + g * STRIDE, STRIDE);
        _tile_loadd(7, codes + g * STRIDE + LANES * 4, STRIDE);
        _tile_dpbsud(0, 5, 6);
        _tile_dpbsud(1, 5, 7);
    }
    _tile_stored(0, dots->low, sizeof dots->low[0]);
    _tile_stored(1, dots->high, sizeof dots->high[0]);
}

static uint32_t amx_tile(const vr_code_queries *queries, size_t count, const uint8_t *codes, size_t groups,
                         const float *factors, const float *floors, uint32_t *masks)
{
    amx_dots dots;
    uint32_t any = 0;
    amx_products(queries, codes, groups, &dots);
    for (size_t q = 0; q < count; q++) {
        masks[q] = code_mask(queries, q, _mm512_load_si512(dots.low[q]), _mm512_load_si512(dots.high[q]),
                             factors, floors[q]);
        any |= masks[q];
    }
    return any;
}

static void amx_tile_sums(const vr_code_queries *queries, size_t count, const uint8_t *codes, size_t groups,
                          const float *factors, float *sums, size_t stride)
{
    amx_dots dots;
    amx_products(queries, codes, groups, &dots);
    for (size_t q = 0; q < count; q++) {
        float *out = sums + q * stride;
        v_store(out, code_bounds(queries, q, _mm512_load_si512(dots.low[q]), factors));
        v_store(out + LANES, code_bounds(queries, q, _mm512_load_si512(dots.high[q]), factors + LANES));
    }
}

const vr_simd vr_simd_amx = {
    "amx",         ROWS,     QUERIES,    dot_rows,    l2_rows,   dot_ids, l2_ids,   mix,       add_to_mean,
    pack,          tile,     tile_sums,  passing,     amx_begin, amx_end, code_one, amx_tile,  code_sums,
    amx_tile_sums, code_ids, nibble_ids, AMX_QUERIES, AMX_FEW,   true,    CODE_MAX, CODE_BIAS, DIGIT_MAX,
};
