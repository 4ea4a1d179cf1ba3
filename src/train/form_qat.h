/*
 * Quantization-aware training: form_qat.c makes weights what integers will stand for, form_qat_ranges.c does so with
 * activations, where full-integer quantization (optimize/full_integer.c) will have integers, by the plan it makes.
 */
#ifndef LN_TRAIN_FORM_QAT_H
#define LN_TRAIN_FORM_QAT_H

#include "optimize/full_integer.h"
#include "train/form.h"

extern const ln_parameter ln_form_qat_parameters[];

/* What a checkpoint holds of a range: low and high. */
typedef struct ln_qat_span {
  float now[2], batch[2]; /* `batch`: of the samples since the last step */
  int32_t fresh, updates; /* whether `batch` says something */
} ln_qat_span;

/* What tensors with one scale lie in. */
typedef struct ln_qat_range {
  int32_t group; /* of the plan */
  bool fixed;    /* by the operator that makes them */
  bool wide;     /* int16: symmetric */
  ln_qat_span span;
  const char *name;
  ln_param *learned; /* NULL: a moving average */
} ln_qat_range;

/* A reader that wants a tensor in other numbers than it was made in. */
typedef struct ln_qat_conversion {
  int32_t tensor, reader; /* which is known by its first output */
  ln_qat_range *range;
} ln_qat_conversion;

typedef struct ln_qat_weights {
  ln_form_layer layer;
  bool per_tensor, fitted; /* scales that fit the weights best, not their greatest */
  float *scales;           /* [rows] */
} ln_qat_weights;

typedef struct ln_qat {
  ln_recipe *recipe; /* of one stage: how the model will be quantized */
  const ln_stage *stage;
  ln_quantize_format format;
  int32_t bits; /* of weights; 0: they become bfloat16, 16: float16 */
  ln_qat_weights *weights;
  int32_t weight_count;
  bool learns;
  double momentum;
  bool refit; /* scales of weights with the next step */
  /* of activations */
  int32_t tensor_count; /* of the graph; 0: activations stay floats */
  ln_range *planned;    /* [tensor_count] by calibration */
  int32_t *homes;       /* [tensor_count] the range of what a tensor is made in; -1: floats */
  int32_t *groups;      /* [2 * tensor_count] the range of a tensor as int8, as int16; -1 */
  bool *whole;          /* [tensor_count] of weights: the plan has them as integers */
  ln_qat_range *ranges;
  int32_t range_count;
  ln_qat_conversion *conversions;
  int32_t conversion_count;
} ln_qat;

/* Sees the ranges on samples, and which tensors will be integers. */
ln_status ln_qat_plan(ln_trainer *t, ln_qat *q);
void ln_qat_plan_free(ln_qat *q);
ln_status ln_qat_rewrite(ln_trainer *t, void *state, ln_grad *g, bool training);
/* Ranges follow what the batch had. */
void ln_qat_move_ranges(ln_qat *q);
/* As quantization takes them: `planned` [tensor_count], `scaled` [2 * tensor_count]. */
void ln_qat_give_ranges(const ln_qat *q, ln_range *planned, ln_range *scaled);

#endif
