/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel interface. A kernel's name is its contract: er_<op>_<type>_<isa>. Every ISA's version
 * of an operation takes the same parameters and gives the same bytes; they differ in speed, in the
 * scratch they need and in how their weights are packed. Which needs what stands in one list,
 * edge_runtime/kernels/catalog.
 *
 * Conventions. Images are NHWC, one image a call. A kernel writes only `output` and `scratch`.
 * Tensors, scratch and the arrays that parameters point to are aligned to 4 bytes. `scratch` may
 * be NULL where the list says 0 bytes. `output` may be `input` (or overlap it from the same start)
 * only where the list says in place.
 */
#ifndef ER_KERNELS_H
#define ER_KERNELS_H

#include "er_elementwise.h"
#include "er_linear.h"
#include "er_linear_f32.h"
#include "er_linear_s16.h"
#include "er_matmul.h"
#include "er_move.h"
#include "er_pool.h"
#include "er_recurrent.h"
#include "er_reduce.h"
#include "er_resize.h"

#endif
