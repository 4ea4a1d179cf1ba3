/*
 * Operators of a program's own: what the session calls for a custom operator of the model that no row of the library
 * knows, or that the program wants to compute itself; for StableHLO's composites and custom calls too. Given to a
 * session in ln_session_options.
 */
#ifndef LINNET_OP_H
#define LINNET_OP_H

#include "linnet/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An operator of the session's graph with its tensors; lives as long as the session. */
typedef struct ln_node ln_node;

/* What infer returns when the shapes depend on values that are known only in the run: it is then called again in every
 * run, when all inputs hold data. */
enum { LN_INFER_LATER = 1000 };

typedef struct ln_custom_op {
  size_t size; /* sizeof(ln_custom_op) */
  /* Of the custom operator in the model, of a STABLEHLO_COMPOSITE, or a STABLEHLO_CUSTOM_CALL's target. */
  const char *name;
  void *context; /* for create; not looked at */
  /* Once for every node of that name when a session is made; `*state` is handed to the other functions. NULL: the state
   * is `context`. */
  ln_status (*create)(void *context, const ln_node *node, ln_error *err, void **state);
  void (*destroy)(void *state); /* NULL: nothing to do */
  /* Sets the shape of every output from the inputs' types and shapes, and their data where they hold any. */
  ln_status (*infer)(void *state, ln_node *node, ln_error *err);
  /* Once all shapes are known, after every change of them. NULL: nothing to do. */
  ln_status (*prepare)(void *state, ln_node *node, ln_error *err);
  /* Computes the outputs. Inputs must not be written. */
  ln_status (*run)(void *state, const ln_node *node, ln_error *err);
} ln_custom_op;

LN_API int32_t ln_node_input_count(const ln_node *node);
LN_API int32_t ln_node_output_count(const ln_node *node);
LN_API const ln_tensor *ln_node_input(const ln_node *node, int32_t index); /* NULL: absent, or out of range */
LN_API ln_tensor *ln_node_output(const ln_node *node, int32_t index);      /* NULL: out of range */
/* The operator's options as they stand in the model, FlexBuffers in most; of a composite its attributes, of a custom
 * call its attributes or its configuration's text. NULL and 0 when there are none. */
LN_API const void *ln_node_options(const ln_node *node, size_t *size);
/* In infer: the shape of an output. */
LN_API ln_status ln_node_resize_output(ln_node *node, int32_t index, const int32_t *dims, int32_t rank, ln_error *err);
/* Fills `err` with "op 12 Name "tensor": text" and returns `status`. */
LN_API ln_status ln_node_fail(const ln_node *node, ln_error *err, ln_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;

#ifdef __cplusplus
}
#endif
#endif
