/* What the files of full-integer quantization share: the plan that full_integer.c makes and full_integer_write.c
 * carries out. */
#ifndef LN_OPTIMIZE_FULL_INTEGER_H
#define LN_OPTIMIZE_FULL_INTEGER_H

#include "optimize/quantize.h"

/* What an operator computes in, and what a tensor is when it is made. */
typedef enum ln_compute { LN_COMPUTE_FLOAT = 0, LN_COMPUTE_INT8 = 1, LN_COMPUTE_INT16 = 2 } ln_compute;

typedef struct ln_scaling {
  ln_type type; /* LN_FLOAT32: the others say nothing */
  float scale;
  int64_t zero_point;
} ln_scaling;

/* Tensors in integers of one kind that have one scale. */
typedef struct ln_scale_group {
  int32_t parent; /* itself for the first one of a group, which holds for all */
  float low, high;
  uint32_t span; /* LN_OPF_SPAN_*: what the scale is fixed by; 0 for the range */
} ln_scale_group;

/* A layer's row of the report, while it is being made. */
typedef struct ln_integer_row {
  int32_t tensor; /* the layer's output; -1: there is no row */
  ln_report_layer row;
} ln_integer_row;

typedef struct ln_integer_plan {
  ln_optimizer *o;
  const ln_stage *stage;
  ln_model *before; /* the model in floats, to run */
  int32_t op_count, tensor_count;
  ln_quantize_format *formats; /* [op_count] that the stage asks for */
  ln_range *ranges;            /* [tensor_count] */
  bool *is_float;              /* [tensor_count] float32 at first */
  uint8_t *number;             /* [op_count] ln_compute */
  uint8_t *home;               /* [tensor_count] ln_compute that the tensor is made in */
  ln_scale_group *groups;      /* [2 * tensor_count] a tensor as int8, as int16 */
  ln_layer *layers;            /* of the whole graph */
  int32_t layer_count;
  ln_integer_row *rows; /* [layer_count] */
  int32_t *layer_of;    /* [op_count] the layer whose weights the operator reads; -1 */
  ln_type io;           /* of inputs and outputs that were float32 */
} ln_integer_plan;

/* Which operators compute in integers, and which tensors share a scale: all but the writing. The graph's activations
 * are fused. Closed whatever comes of it. */
ln_status ln_integer_plan_make(ln_optimizer *o, const ln_stage *stage, ln_integer_plan *plan);
void ln_integer_plan_close(ln_integer_plan *plan);
/* Makes activations part of the operators before them, as converters have it; operators are asked for their formats
 * before that, under the names that recipes know. Wants `o` and `stage`, gives `formats` and `op_count`. */
ln_status ln_integer_fuse_activations(ln_integer_plan *plan);
/* The same for all that share the scale of the tensor as such numbers: a place in `groups`. */
int32_t ln_integer_group(ln_integer_plan *plan, int32_t tensor, ln_compute number);

/* What tensor `tensor` is as numbers of this kind. */
ln_scaling ln_integer_scaling(ln_integer_plan *plan, int32_t tensor, ln_compute number);
/* What operator `op` (a place before any change) wants of its input `index`, which is a float that is no weight. */
ln_scaling ln_integer_wanted(ln_integer_plan *plan, const ln_op *op, int32_t place, int32_t index);
/* The same for an edge of the graph, which stands for `tensor`. */
ln_scaling ln_integer_edge(ln_integer_plan *plan, int32_t tensor);
/* Whether input `index` is the weights, or the bias, of the operator's layer. */
bool ln_integer_is_weights(const ln_integer_plan *plan, const ln_op *op, int32_t place, int32_t index);

ln_status ln_integer_write(ln_integer_plan *plan);
/* Hands the rows to the report. */
ln_status ln_integer_report(ln_integer_plan *plan);

#endif
