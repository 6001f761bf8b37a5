/* SPDX-License-Identifier: Apache-2.0
 *
 * How layers of the model round their products: whether some do so once, as ONNX means it, and
 * whether some convolution or fully connected layer does so twice, as TensorFlow Lite Micro does. The
 * exporter writes 0 for what a model has none of, whose kernels are then smaller.
 */
#ifndef ER_ROUNDING_H
#define ER_ROUNDING_H

#define ER_ROUNDS_ONCE 1
#define ER_ROUNDS_TWICE 1

#endif
