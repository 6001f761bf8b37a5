/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether some layer of the model rounds its products once, as ONNX means it. The exporter writes 0
 * here for a model that has none, whose kernels are then smaller.
 */
#ifndef ER_ROUNDING_H
#define ER_ROUNDING_H

#define ER_ROUNDS_ONCE 1

#endif
