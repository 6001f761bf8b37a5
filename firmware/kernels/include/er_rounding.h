/* SPDX-License-Identifier: Apache-2.0
 *
 * How layers of the model scale their sums, so that kernels leave out what none needs: the exporter
 * writes 0 for that.
 */
#ifndef ER_ROUNDING_H
#define ER_ROUNDING_H

/* Some layer rounds its products once, as ONNX means it. */
#define ER_ROUNDS_ONCE 1

/* Some convolution or fully connected layer does so twice, as TensorFlow Lite Micro does. */
#define ER_ROUNDS_TWICE 1

/* By portable convolutions: factors of some layer are three bytes, words, or mantissas and shifts. */
#define ER_FACTOR_BYTES 1
#define ER_FACTOR_WORDS 1
#define ER_FACTOR_PAIRS 1

/* By kernels for the DSP extension: outputs of some layer lie on a line (er_scale_straight), and
 * those of some do not. */
#define ER_CONV_STRAIGHT 1
#define ER_CONV_OTHER 1
#define ER_DEPTHWISE_STRAIGHT 1
#define ER_DEPTHWISE_OTHER 1
#define ER_LINEAR_STRAIGHT 1
#define ER_LINEAR_OTHER 1

#endif
