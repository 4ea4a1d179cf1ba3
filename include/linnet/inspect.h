/* Looking into a model: graphs, operators, their attributes; and the table of operators that this library knows. */
#ifndef LINNET_INSPECT_H
#define LINNET_INSPECT_H

#include "linnet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ln_graph ln_graph;
typedef struct ln_op ln_op;

LN_API int32_t ln_model_graph_count(const ln_model *model);
LN_API const ln_graph *ln_model_graph(const ln_model *model, int32_t index);
LN_API int32_t ln_model_signature_graph(const ln_model *model, int32_t signature); /* index of its graph */
/* Keys and tensor indices of a signature's inputs (outputs when `outputs`), in alphabetical order of the keys. */
LN_API int32_t ln_model_signature_arity(const ln_model *model, int32_t signature, bool outputs);
LN_API const char *ln_model_signature_key(const ln_model *model, int32_t signature, bool outputs, int32_t index);
LN_API int32_t ln_model_signature_tensor(const ln_model *model, int32_t signature, bool outputs, int32_t index);

LN_API const char *ln_graph_name(const ln_graph *graph);
LN_API int32_t ln_graph_tensor_count(const ln_graph *graph);
LN_API const ln_tensor *ln_graph_tensor(const ln_graph *graph, int32_t index);
LN_API int32_t ln_graph_input_count(const ln_graph *graph);
LN_API int32_t ln_graph_input(const ln_graph *graph, int32_t index); /* a tensor index */
LN_API int32_t ln_graph_output_count(const ln_graph *graph);
LN_API int32_t ln_graph_output(const ln_graph *graph, int32_t index);
LN_API int32_t ln_graph_op_count(const ln_graph *graph);
LN_API const ln_op *ln_graph_op(const ln_graph *graph, int32_t index);

LN_API const char *ln_op_name(const ln_op *op); /* "CONV_2D", or a custom operator's own name */
LN_API bool ln_op_is_custom(const ln_op *op);
LN_API int32_t ln_op_version(const ln_op *op);
LN_API int32_t ln_op_input_count(const ln_op *op);
LN_API int32_t ln_op_input(const ln_op *op, int32_t index); /* a tensor index; -1 where an optional input is absent */
LN_API int32_t ln_op_output_count(const ln_op *op);
LN_API int32_t ln_op_output(const ln_op *op, int32_t index);
/* Attributes as "padding=SAME stride_w=2 ..." into `buffer`; returns the length that would have been written. */
LN_API size_t ln_op_attributes(const ln_op *op, char *buffer, size_t size);

/* Of a converted model: the part of its source that the operator comes from ("block1/conv") and what the source calls
 * that part's operator ("Conv"). NULL where nothing is known. */
LN_API const char *ln_op_origin(const ln_op *op);
LN_API const char *ln_op_origin_op(const ln_op *op);
/* What a converted model was converted from: the kind of source ("onnx") and its name; NULL of others. */
LN_API const char *ln_model_source_kind(const ln_model *model);
LN_API const char *ln_model_source_name(const ln_model *model);

/* One row of the operator table. */
typedef struct ln_op_row {
  size_t size; /* sizeof(ln_op_row), set by the caller */
  const char *name;
  int32_t code; /* builtin code; 32 (CUSTOM) for a custom operator */
  bool custom;
  const char *types;            /* accepted element types, "f32 f32 f32? > f32; ..."; NULL where there is no kernel */
  const char *kernel_not_yet;   /* why there is no kernel; NULL when there is one */
  const char *gradient_not_yet; /* why there is no gradient yet; NULL when there is one */
  bool is_marker;               /* a code of the schema that stands for no operator (CUSTOM, DELEGATE) */
  int32_t alternatives;         /* of `types`; 0 where there is no kernel */
} ln_op_row;

LN_API int32_t ln_op_row_count(void);
LN_API ln_status ln_op_row_get(int32_t index, ln_op_row *row);
/* The name of the nth backend that runs the row's operator, in order from 0; NULL when there are no more. */
LN_API const char *ln_op_row_backend(int32_t index, int32_t nth);

/* One operand of an alternative of a row's types. */
typedef struct ln_op_operand {
  size_t size;      /* sizeof(ln_op_operand), set by the caller */
  bool output;      /* else an input */
  bool optional;    /* may be absent */
  bool repeated;    /* stands for any number, none included; the last of its side */
  uint32_t types;   /* bit 1 << t for each ln_type t that is taken */
  int32_t variable; /* operands with the same number have the same type; -1: a type of its own */
} ln_op_operand;

/* Operand `index`, inputs first. LN_ERR_ARGUMENT past the last one and where there is no such row or alternative. */
LN_API ln_status ln_op_row_operand(int32_t row, int32_t alternative, int32_t index, ln_op_operand *operand);

/*
 * What of this library running `count` models takes, as the text of the C header that a build of chosen operators is
 * made with (docs/size.md): operators, the element types that each meets, options. Written into `buffer` as far as
 * `size` allows and terminated; `*length` is what would have been written. A build of chosen operators lacks the
 * function.
 */
LN_API ln_status ln_models_selection(const ln_model *const *models, int32_t count, ln_error *err, char *buffer,
                                     size_t size, size_t *length);

#ifdef __cplusplus
}
#endif
#endif
