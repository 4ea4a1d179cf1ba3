/* Loops of ONNX: what Loop and Scan share (onnx_loop.c). */
#ifndef LN_IMPORT_ONNX_ONNX_LOOP_H
#define LN_IMPORT_ONNX_ONNX_LOOP_H

#include "import/onnx/onnx_lists.h"

/* Something that is cut into steps: one element along an axis for each. */
typedef struct ln_onnx_scanned {
  int32_t tensor; /* of the node's graph */
  int32_t axis;
  bool backwards;
} ln_onnx_scanned;

typedef struct ln_onnx_loop {
  ln_onnx_node *n;
  const struct Onnx__Graph *graph;
  bool takes_step; /* Loop: the graph has the step's number and the condition before the states, and a condition first
                      among its results */
  int32_t state_count;
  ln_onnx_value *states; /* [state_count] before the first step; after the last */
  int32_t in_count;
  ln_onnx_scanned *in; /* [in_count] */
  int32_t out_count;
  bool *out_backwards; /* [out_count]; NULL: none is */
  int32_t *out;        /* [out_count] what the steps made, one behind the other along axis 0 */
  int32_t trips;       /* int64 scalar; -1: no limit */
  int32_t condition;   /* bool scalar; -1: true */
} ln_onnx_loop;

/* Runs it: states and out become the results; false after a failure. */
bool ln_onnx_run_loop(ln_onnx_loop *loop);

#endif
