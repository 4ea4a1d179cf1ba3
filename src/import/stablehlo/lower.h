/*
 * StableHLO's operations as TFLite's operators: one row an operation (stablehlo_ops.def) with a function of the files
 * lower_*.c.
 *
 * A value may be kept small: its tensor broadcasts to what the value is, and only what needs all of it makes it
 * (ln_shlo_full). A complex value is two tensors. Types inside are those of mlir_elements.def.
 */
#ifndef LN_IMPORT_STABLEHLO_LOWER_H
#define LN_IMPORT_STABLEHLO_LOWER_H

#include "import/stablehlo/mlir.h"

typedef struct ln_shlo {
  ln_mlir_module *m;
  int64_t work; /* operations that may still be translated: calls are copied in */
  int32_t depth;
} ln_shlo;

typedef struct ln_shlo_value {
  const ln_emit *owner; /* of the tensors; NULL: nothing was given yet */
  int32_t tensor, imag; /* imag -1: real */
  bool small;           /* it broadcasts to the type's shape */
  int32_t shape;        /* of a small one with open dimensions: int32 [rank]; else -1 */
  int32_t count;        /* of a tuple, or of a list of sizes whose numbers are kept one by one, too */
  struct ln_shlo_value *parts;
} ln_shlo_value;

/* A function, or a region of one, that is being translated. */
typedef struct ln_shlo_frame {
  ln_shlo *s;
  ln_emit *e;
  const ln_mlir_function *function;
  ln_shlo_value *values;       /* [function->value_count] */
  struct ln_shlo_frame *outer; /* of a region: where its function's other values are */
} ln_shlo_frame;

typedef bool (*ln_shlo_fn)(ln_shlo_frame *f, const ln_mlir_op *op, int32_t argument);

/* ---- frames and values (lower.c) ---- */

bool ln_shlo_open(ln_shlo_frame *f, ln_shlo_frame *outer, ln_emit *e, const ln_mlir_function *function, ln_shlo *s);
void ln_shlo_close(ln_shlo_frame *f);
/* Translates a region's operations; `results` [count] are what it returns. */
bool ln_shlo_region(ln_shlo_frame *f, const ln_mlir_region *region, int32_t count, ln_shlo_value *results);
bool ln_shlo_call(ln_shlo_frame *f, const ln_mlir_op *op, const char *callee);
/* An operation by its name, whatever row it has. */
bool ln_shlo_operation(ln_shlo_frame *f, const ln_mlir_op *op);

ln_shlo_value ln_shlo_get(ln_shlo_frame *f, const ln_mlir_value *value); /* in this frame's graph */
void ln_shlo_set(ln_shlo_frame *f, const ln_mlir_value *value, ln_shlo_value given);
ln_shlo_value ln_shlo_of(const ln_shlo_frame *f, int32_t tensor); /* all of a value */
/* Operand `index`: as it is kept, and with all of its elements. */
ln_shlo_value ln_shlo_in(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index);
int32_t ln_shlo_full(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index);
/* All of what is kept small. */
ln_shlo_value ln_shlo_spread(ln_shlo_frame *f, ln_shlo_value value, const ln_mlir_type *type);
/* Result `index`; -1 fails where nothing was said yet. */
bool ln_shlo_give(ln_shlo_frame *f, const ln_mlir_op *op, int32_t index, int32_t tensor);
/* A result that broadcasts to its type's shape, or to `shape` (int32 [rank], -1: none). */
bool ln_shlo_give_small(ln_shlo_frame *f, const ln_mlir_op *op, int32_t tensor, int32_t shape);
/* The result of an element-wise operation on these operands. */
bool ln_shlo_give_like(ln_shlo_frame *f, const ln_mlir_op *op, int32_t tensor, int32_t count,
                       const ln_shlo_value *from);

const ln_mlir_type *ln_shlo_type(const ln_mlir_op *op, int32_t operand);
const ln_mlir_element_info *ln_shlo_element(const ln_mlir_op *op, int32_t operand);
const ln_mlir_element_info *ln_shlo_result_element(const ln_mlir_op *op);
bool ln_shlo_is_complex(const ln_mlir_op *op, int32_t operand);
/* Lists of axes and sizes. Absent: `count` times `otherwise`; false (with a message) where there are others than
 * `count`. */
bool ln_shlo_list(ln_shlo_frame *f, const ln_mlir_op *op, const char *name, int32_t count, int32_t otherwise,
                  int32_t *out);
/* Any number of them up to LN_MAX_RANK, each in 0 <= axis < rank, none twice. */
bool ln_shlo_axes(ln_shlo_frame *f, const ln_mlir_op *op, const char *name, int32_t rank, int32_t *out, int32_t *count);
/* The dimensions of a type, or of `like` where they are open. */
void ln_shlo_dims(const ln_mlir_type *type, ln_dim *dims);
/* The name of an enumeration's value, whatever it was read from. */
const char *ln_shlo_enum(const ln_mlir_op *op, const char *name, int32_t count, const char *const *names);
bool ln_shlo_refuse(ln_shlo_frame *f, const char *why); /* false */

/* ---- integers (lower_integer.c) ---- */

/* The number as the type has it after arithmetic that may have left its range. */
int32_t ln_shlo_wrap(ln_emit *e, int32_t a, const ln_mlir_element_info *info);
/* Unsigned numbers of 32 and 64 bits in the order that signed ones have; and back. Others as they are. */
int32_t ln_shlo_ordered(ln_emit *e, int32_t a, const ln_mlir_element_info *info);
int32_t ln_shlo_convert(ln_shlo_frame *f, int32_t a, const ln_mlir_element_info *from, const ln_mlir_element_info *to);
/* Between what is outside (an input's type) and inside. */
int32_t ln_shlo_enter(ln_emit *e, int32_t a, const ln_mlir_element_info *info);
int32_t ln_shlo_leave(ln_emit *e, int32_t a, const ln_mlir_element_info *info);
int32_t ln_shlo_bitcast(ln_emit *e, int32_t a, ln_type type);
int32_t ln_shlo_constant(ln_shlo_frame *f, const ln_mlir_attr *value);    /* one element of a splat */
int32_t ln_shlo_bitwise(ln_emit *e, int32_t a, int32_t b, int32_t which); /* '&', '|', '^' */

/* An operator of two operands for this element type: what add, maximum and the like are. */
int32_t ln_shlo_combine(ln_shlo_frame *f, const char *name, int32_t a, int32_t b, const ln_mlir_element_info *info);
/* Values between bounds, of an integer tensor. */
int32_t ln_shlo_clamp_index(ln_emit *e, int32_t a, int32_t low, int32_t high);
/* Zeros (or `value`) between elements; [rank] of each. */
int32_t ln_shlo_pad(ln_shlo_frame *f, int32_t a, int32_t value, const int32_t *low, const int32_t *high,
                    const int32_t *inner);
/* Stable order of the last dimension; NULL for what is not wanted. */
bool ln_shlo_top(ln_shlo_frame *f, int32_t a, const ln_mlir_element_info *info, int32_t k, bool largest,
                 int32_t *values, int32_t *indices);

/* Number `index` of a list, as a scalar. */
int32_t ln_shlo_part_at(ln_shlo_frame *f, ln_shlo_value v, int32_t index);
/* A body of scalars on whole tensors, which is what it means of element-wise operations; `count` results. */
bool ln_shlo_apply(ln_shlo_frame *f, const ln_mlir_region *body, const int32_t *in, int32_t count, int32_t *out);

/* What a body does of one operation to its arguments: its name ("stablehlo.add"); NULL for another body. */
const char *ln_shlo_simple_body(const ln_mlir_region *body, int32_t result);
/* The operation that gives a value within a region; NULL: an argument or from outside. */
const ln_mlir_op *ln_shlo_source(const ln_mlir_region *body, const ln_mlir_value *value);
int32_t ln_shlo_argument(const ln_mlir_region *body, const ln_mlir_value *value); /* -1: none */
const ln_mlir_op *ln_shlo_return(const ln_mlir_region *body);

/* ---- complex numbers (lower_complex.c) ---- */

bool ln_shlo_complex_unary(ln_shlo_frame *f, const ln_mlir_op *op);
bool ln_shlo_complex_binary(ln_shlo_frame *f, const ln_mlir_op *op, const char *name);

/* ---- rows ---- */

#define LN_SHLO(name, function, argument) \
  bool ln_shlo_##function(ln_shlo_frame *f, const ln_mlir_op *op, int32_t argument_);
#include "import/stablehlo/stablehlo_ops.def"

#endif
