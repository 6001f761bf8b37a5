/* SPDX-License-Identifier: Apache-2.0
 *
 * What treats each element by itself.
 */
#ifndef ER_ELEMENTWISE_H
#define ER_ELEMENTWISE_H

#include "er_types.h"

/* How two operands are broadcast: `shape` is the output's, with leading ones, and axes merged that
 * follow on from each other; a stride of 0 repeats an operand along that axis. */
typedef struct {
    uint32_t shape[4];
    uint32_t stride_a[4], stride_b[4];
} er_pairs;

/* A function of one float; `a` and `b` are its constants. */
typedef struct {
    uint32_t elements;
    float a, b;
} er_map_f32;

/* Any function of one int8: what stands for -128 to 127. */
typedef struct {
    uint32_t elements;
    const int8_t *table;
} er_table_s8;

/* Any function of one int16: 513 points. */
typedef struct {
    uint32_t elements;
    const int16_t *table;
} er_table_s16;

typedef struct {
    uint32_t elements;
    int16_t low, high;
} er_clamp_s8;

typedef struct {
    uint32_t elements;
    int16_t in_zero, out_zero;
    int16_t act_min, act_max;
    er_multiplier positive, negative;
} er_rectify_s16;

/* `factor` and `shift` to the right bring the input to steps of 1 / 12288. */
typedef struct {
    uint32_t elements;
    int32_t factor, shift;
} er_sigmoid_s16;

typedef struct {
    er_pairs pairs;
    float act_min, act_max;
} er_pairs_f32;

typedef struct {
    er_pairs pairs;
} er_pairs_plain;

/* Sum, difference or squared difference of quantized numbers. */
typedef struct {
    uint32_t elements;
    er_pairs pairs;
    int16_t zero_a, zero_b, out_zero;
    int16_t act_min, act_max;
    er_multiplier factor_a, factor_b, factor_out;
} er_sum_params;

/* An affine function of two int8: the output plus 128 is the upper half of
 * floor(slope_a * a / 256) + floor(slope_b * b / 256) + offset, clamped. */
typedef struct {
    uint32_t elements;
    int16_t act_min, act_max;
    int32_t slope_a, slope_b, offset;
} er_affine_s8;

/* Product or quotient of quantized numbers. */
typedef struct {
    uint32_t elements;
    er_pairs pairs;
    int16_t zero_a, zero_b, out_zero;
    int16_t act_min, act_max;
    er_multiplier factor;
} er_product_params;

typedef struct {
    er_pairs pairs;
    int16_t zero_a, zero_b, out_zero;
    er_multiplier positive, negative;
} er_prelu_s8;

/* A comparison holds where a < b if relations has 1, where a = b if it has 2, where a > b if it has
 * 4, and where one is no number if it has 8. For logic it is a truth table: bit a + 2 b. */
typedef struct {
    er_pairs pairs;
    uint32_t relations;
} er_compare;

typedef struct {
    er_pairs pairs;
    uint32_t relations;
    int16_t zero_a, zero_b;
    er_multiplier factor_a, factor_b;
} er_compare_scaled;

typedef struct {
    uint32_t shape[4];
    uint32_t stride_c[4], stride_a[4], stride_b[4];
} er_select;

typedef struct {
    uint32_t elements;
    float scale;
    int32_t zero;
} er_quantize_f32;

typedef struct {
    uint32_t elements;
    int32_t in_zero, out_zero;
    er_multiplier factor;
} er_requantize;

typedef struct {
    uint32_t elements;
    float scale;
    int32_t zero;
} er_dequantize;

/* int8 to uint8 and back, zero points being 128 apart. */
typedef struct {
    uint32_t elements;
} er_flip;

enum { ER_TYPE_F32, ER_TYPE_S8, ER_TYPE_U8, ER_TYPE_S16, ER_TYPE_S32, ER_TYPE_BOOL };

typedef struct {
    uint32_t elements;
    uint32_t from, to;
} er_cast;

void er_flip_x8_ref(const er_flip *p, const void *input, void *output, void *scratch);
void er_add_s8_ref(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_add_broadcast_s8_ref(const er_sum_params *p, const int8_t *a, const int8_t *b,
                             int8_t *output, void *scratch);
void er_quantize_f32_ref(const er_quantize_f32 *p, const float *input, int8_t *output,
                         void *scratch);
void er_requantize_s8_ref(const er_requantize *p, const int8_t *input, int8_t *output,
                          void *scratch);
void er_dequantize_s8_ref(const er_dequantize *p, const int8_t *input, float *output,
                          void *scratch);
void er_abs_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_ceil_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_clamp_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_cos_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_celu_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_elu_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_erf_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_exp_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_floor_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_gelu_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_gelu_tanh_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_hard_sigmoid_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_hard_swish_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_leaky_relu_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_log_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_logistic_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_mish_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_neg_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_reciprocal_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_round_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_rsqrt_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_selu_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_sign_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_silu_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_sin_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_softplus_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_softsign_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_sqrt_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_square_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_tanh_f32_ref(const er_map_f32 *p, const float *input, float *output, void *scratch);
void er_add_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                    void *scratch);
void er_sub_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                    void *scratch);
void er_mul_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                    void *scratch);
void er_div_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                    void *scratch);
void er_minimum_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                        void *scratch);
void er_maximum_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                        void *scratch);
void er_pow_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                    void *scratch);
void er_squared_difference_f32_ref(const er_pairs_f32 *p, const float *a, const float *b,
                                   float *output, void *scratch);
void er_floor_div_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                          void *scratch);
void er_floor_mod_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                          void *scratch);
void er_prelu_f32_ref(const er_pairs_f32 *p, const float *a, const float *b, float *output,
                      void *scratch);
void er_add_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b, int32_t *output,
                    void *scratch);
void er_sub_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b, int32_t *output,
                    void *scratch);
void er_mul_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b, int32_t *output,
                    void *scratch);
void er_div_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b, int32_t *output,
                    void *scratch);
void er_minimum_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b,
                        int32_t *output, void *scratch);
void er_maximum_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b,
                        int32_t *output, void *scratch);
void er_squared_difference_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b,
                                   int32_t *output, void *scratch);
void er_floor_div_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b,
                          int32_t *output, void *scratch);
void er_floor_mod_s32_ref(const er_pairs_plain *p, const int32_t *a, const int32_t *b,
                          int32_t *output, void *scratch);
void er_minimum_s8_ref(const er_pairs_plain *p, const int8_t *a, const int8_t *b, int8_t *output,
                       void *scratch);
void er_minimum_s16_ref(const er_pairs_plain *p, const int16_t *a, const int16_t *b,
                        int16_t *output, void *scratch);
void er_maximum_s8_ref(const er_pairs_plain *p, const int8_t *a, const int8_t *b, int8_t *output,
                       void *scratch);
void er_maximum_s16_ref(const er_pairs_plain *p, const int16_t *a, const int16_t *b,
                        int16_t *output, void *scratch);
void er_sub_s8_ref(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_squared_difference_s8_ref(const er_sum_params *p, const int8_t *a, const int8_t *b,
                                  int8_t *output, void *scratch);
void er_mul_s8_ref(const er_product_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_add_s16_ref(const er_sum_params *p, const int16_t *a, const int16_t *b, int16_t *output,
                    void *scratch);
void er_sub_s16_ref(const er_sum_params *p, const int16_t *a, const int16_t *b, int16_t *output,
                    void *scratch);
void er_squared_difference_s16_ref(const er_sum_params *p, const int16_t *a, const int16_t *b,
                                   int16_t *output, void *scratch);
void er_mul_s16_ref(const er_product_params *p, const int16_t *a, const int16_t *b, int16_t *output,
                    void *scratch);
void er_div_s8_ref(const er_product_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_prelu_s8_ref(const er_prelu_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                     void *scratch);
void er_compare_f32_ref(const er_compare *p, const float *a, const float *b, uint8_t *output,
                        void *scratch);
void er_compare_s32_ref(const er_compare *p, const int32_t *a, const int32_t *b, uint8_t *output,
                        void *scratch);
void er_compare_s8_ref(const er_compare_scaled *p, const int8_t *a, const int8_t *b,
                       uint8_t *output, void *scratch);
void er_compare_s16_ref(const er_compare_scaled *p, const int16_t *a, const int16_t *b,
                        uint8_t *output, void *scratch);
void er_logical_b8_ref(const er_compare *p, const uint8_t *a, const uint8_t *b, uint8_t *output,
                       void *scratch);
void er_select_x8_ref(const er_select *p, const uint8_t *condition, const void *a, const void *b,
                      void *output, void *scratch);
void er_select_x16_ref(const er_select *p, const uint8_t *condition, const void *a, const void *b,
                       void *output, void *scratch);
void er_select_x32_ref(const er_select *p, const uint8_t *condition, const void *a, const void *b,
                       void *output, void *scratch);
void er_table_s8_ref(const er_table_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_table_s16_ref(const er_table_s16 *p, const int16_t *input, int16_t *output, void *scratch);
void er_rectify_s16_ref(const er_rectify_s16 *p, const int16_t *input, int16_t *output,
                        void *scratch);
void er_clamp_s8_ref(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_logistic_s16_ref(const er_sigmoid_s16 *p, const int16_t *input, int16_t *output,
                         void *scratch);
void er_tanh_s16_ref(const er_sigmoid_s16 *p, const int16_t *input, int16_t *output, void *scratch);
void er_quantize_f32u8_ref(const er_quantize_f32 *p, const float *input, uint8_t *output,
                           void *scratch);
void er_dequantize_u8_ref(const er_dequantize *p, const uint8_t *input, float *output,
                          void *scratch);
void er_quantize_f32s16_ref(const er_quantize_f32 *p, const float *input, int16_t *output,
                            void *scratch);
void er_dequantize_s16_ref(const er_dequantize *p, const int16_t *input, float *output,
                           void *scratch);
void er_dequantize_s32_ref(const er_dequantize *p, const int32_t *input, float *output,
                           void *scratch);
void er_requantize_s8u8_ref(const er_requantize *p, const int8_t *input, uint8_t *output,
                            void *scratch);
void er_requantize_u8s8_ref(const er_requantize *p, const uint8_t *input, int8_t *output,
                            void *scratch);
void er_requantize_s8s16_ref(const er_requantize *p, const int8_t *input, int16_t *output,
                             void *scratch);
void er_requantize_s8s32_ref(const er_requantize *p, const int8_t *input, int32_t *output,
                             void *scratch);
void er_requantize_s16s8_ref(const er_requantize *p, const int16_t *input, int8_t *output,
                             void *scratch);
void er_requantize_s16s16_ref(const er_requantize *p, const int16_t *input, int16_t *output,
                              void *scratch);
void er_requantize_s16s32_ref(const er_requantize *p, const int16_t *input, int32_t *output,
                              void *scratch);
void er_requantize_s32s8_ref(const er_requantize *p, const int32_t *input, int8_t *output,
                             void *scratch);
void er_requantize_s32s16_ref(const er_requantize *p, const int32_t *input, int16_t *output,
                              void *scratch);
void er_cast_any_ref(const er_cast *p, const void *input, void *output, void *scratch);

void er_mul_s8_mve(const er_product_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_clamp_s8_mve(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch);
void er_add_s8_mve(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);

void er_add_s8_dsp(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_affine_s8_dsp(const er_affine_s8 *p, const int8_t *a, const int8_t *b, int8_t *output,
                      void *scratch);
void er_add_s8_vec(const er_sum_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_mul_s8_dsp(const er_product_params *p, const int8_t *a, const int8_t *b, int8_t *output,
                   void *scratch);
void er_clamp_s8_dsp(const er_clamp_s8 *p, const int8_t *input, int8_t *output, void *scratch);

#endif
