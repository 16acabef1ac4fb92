/* The sums of a vec's or ivec's lanes on x86, after fold() or i_fold() has made them four.
 * SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

static inline float v_sum(vec v)
{
    __m128 four = fold(v);
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}

static inline void v_sum4(const vec v[4], float out[4])
{
    __m128 a = fold(v[0]), b = fold(v[1]), c = fold(v[2]), d = fold(v[3]);
    __m128 ab = _mm_add_ps(_mm_unpacklo_ps(a, b), _mm_unpackhi_ps(a, b));
    __m128 cd = _mm_add_ps(_mm_unpacklo_ps(c, d), _mm_unpackhi_ps(c, d));
    _mm_storeu_ps(out, _mm_add_ps(_mm_movelh_ps(ab, cd), _mm_movehl_ps(cd, ab)));
}

static inline void i_sum4(const ivec v[4], int32_t out[4])
{
    __m128i a = i_fold(v[0]), b = i_fold(v[1]), c = i_fold(v[2]), d = i_fold(v[3]);
    __m128i ab = _mm_add_epi32(_mm_unpacklo_epi32(a, b), _mm_unpackhi_epi32(a, b));
    __m128i cd = _mm_add_epi32(_mm_unpacklo_epi32(c, d), _mm_unpackhi_epi32(c, d));
    __m128i sums = _mm_add_epi32(_mm_unpacklo_epi64(ab, cd), _mm_unpackhi_epi64(ab, cd));
    memcpy(out, &sums, sizeof sums);
}
