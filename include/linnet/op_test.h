/*
 * One operator alone, for the tests of a program's own operators (linnet/op.h): a model of it is made in memory, run in
 * sessions of one and of two threads and in one that learns all shapes only in the run, run again after a reset, and
 * compared with what is expected.
 */
#ifndef LINNET_OP_TEST_H
#define LINNET_OP_TEST_H

#include "linnet/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A tensor of a trial. `data` of an input is fed to it, or with `constant` stands in the model; of an output it is what
 * is expected, NULL to compare the shape only. Bytes lie as ln_session_set_input takes them. */
typedef struct ln_trial_tensor {
  size_t size; /* sizeof(ln_trial_tensor) */
  ln_type type;
  int32_t rank;        /* of an output also -1: of any shape, and not compared */
  const int32_t *dims; /* [rank] */
  const void *data;
  size_t bytes;
  bool constant;
  bool absent; /* of an input: an optional one that is left out */
  float scale; /* of a quantized tensor; 0: not quantized */
  int64_t zero_point;
} ln_trial_tensor;

typedef struct ln_op_trial {
  size_t size;            /* sizeof(ln_op_trial) */
  const char *name;       /* of a custom operator, or of a builtin one, which then has its default options */
  const ln_custom_op *op; /* what computes it; NULL: the library's own kernel */
  const void *options;    /* of a custom operator, as they would stand in a model */
  size_t options_size;
  const ln_trial_tensor *inputs; /* [input_count] */
  int32_t input_count;
  const ln_trial_tensor *outputs; /* [output_count] */
  int32_t output_count;
  /* Float outputs may differ from what is expected by absolute + relative * the largest magnitude expected; everything
   * else is compared byte for byte. Results never depend on the number of threads. */
  double absolute;
  double relative;
  /* Shown every output of every run before it is compared; what it answers other than LN_OK ends the trial. NULL: none.
   */
  ln_status (*on_output)(void *user, int32_t index, const ln_tensor *output, ln_error *err);
  void *user; /* handed to on_output */
} ln_op_trial;

/* LN_OK when all runs gave what is expected; LN_ERR_DATA when one did not, `err` naming the output, the place and both
 * values; otherwise what making the model or running it says. Keeps nothing. */
LN_API ln_status ln_op_try(const ln_op_trial *trial, ln_error *err);

#ifdef __cplusplus
}
#endif
#endif
