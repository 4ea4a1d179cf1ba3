/*
 * What importers are written with: operators at the end of a graph, constants, shapes, control flow and state.
 *
 * Tensors are indices into the graph. -1 stands for "absent", and for the result of what failed: the first failure
 * stays in import->status and everything after it does nothing and gives -1, so that results need no checks on the way.
 * Copy a shape before emitting: pointers into the graph move.
 *
 * Open dimensions. An importer works with shapes that are not all known, yet every operator's own shape inference wants
 * numbers. So each open dimension (ln_symbol) has two sizes, and everything is inferred twice, with all first sizes and
 * with all second ones (`probe` 0 and 1). A dimension that comes out the same is fixed, one that differs is open. Small
 * values computed from shapes are computed twice in the same way: a value that comes out the same is a constant,
 * whatever it was computed by. Operators whose inputs are constants are computed at once and leave a constant.
 *
 * Results are as TFLite's kernels give them; data lies as TFLite's operators want it (NHWC). Importers of frameworks
 * with other layouts put ln_emit_transpose around, and passes move these away.
 */
#ifndef LN_IMPORT_EMIT_H
#define LN_IMPORT_EMIT_H

#include "import/import.h"

/* What is known of a tensor under either assignment of the open dimensions. */
typedef struct ln_fact {
  ln_shape shape[2];
  const void *value[2]; /* of small tensors and constants; NULL: not known before the run */
  bool constant;        /* the tensor holds data itself */
} ln_fact;

typedef struct ln_capture ln_capture;

/* A graph that is being made. */
typedef struct ln_emit {
  ln_import *import;
  int32_t graph;         /* in import->model->graphs; take ln_emit_graph(), it moves */
  struct ln_emit *outer; /* of a body or branch: where it may capture from; NULL */
  ln_fact *facts;        /* [tensor_count] */
  int32_t fact_capacity;
  const char *origin;    /* the part of the source that is being translated: "block1/conv"; NULL */
  const char *origin_op; /* what the source calls its operator: "Conv" */
  ln_capture *captures;
  int32_t capture_count, capture_capacity;
  const char **input_names, **output_names; /* [input_count], [output_count] of the graph */
  int32_t input_name_capacity, output_name_capacity;
  const char **names; /* those taken: a hash table with a power of two of places */
  int32_t name_count, name_capacity;
  bool uses_state;   /* reads or changes variables or tables */
  bool without_fold; /* what is emitted stays an operator */
} ln_emit;

ln_graph *ln_emit_graph(const ln_emit *e);
ln_arena *ln_emit_arena(const ln_emit *e);

/* ---- where it is ---- */

/* What follows comes from this part of the source: names tensors, messages and ln_op.origin. Both are copied. */
void ln_emit_at(ln_emit *e, const char *origin, const char *op);
/*
 * "conv1 (Conv): REASON": the part in hand cannot be converted; -1. A reason says what would help, where anything does:
 * "dilations with strides are not in TensorFlow Lite; export with strides=1".
 */
int32_t ln_emit_refuse(ln_emit *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same for a source that contradicts itself (LN_ERR_MODEL). */
int32_t ln_emit_wrong(ln_emit *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool ln_emit_failed(const ln_emit *e) { return e->import->status != LN_OK; }
/* The tensor's name in the file; copied, made unique. */
void ln_emit_name(ln_emit *e, int32_t tensor, const char *name);

/* ---- graphs, inputs, outputs, signatures (emit.c) ---- */

/* A new graph of the model; outer: NULL. */
ln_emit *ln_emit_begin(ln_import *import, const char *name);

/* An open dimension of that name, the same for the same name (NULL: a new one). `multiple`: what its sizes are
 * multiples of, 1 where nothing is halved. */
int32_t ln_import_symbol(ln_import *import, const char *name, int32_t multiple);

/* A dimension of an input: a size, or a symbol where size is -1. */
typedef struct ln_input_dim {
  int32_t size, symbol;
} ln_input_dim;

/*
 * An input of the graph. Where --shape names it, it gets those dimensions. `dims` of an open dimension without a symbol
 * (symbol -1): the first one is "batch", others new.
 */
int32_t ln_emit_input(ln_emit *e, const char *name, ln_type type, int32_t rank, const ln_input_dim *dims);
/* An output of the graph. A constant, an input as it came, or one that is an output already gets an operator that
 * copies. */
void ln_emit_output(ln_emit *e, const char *name, int32_t tensor);
/* Makes a signature of the graph's inputs and outputs, in the order they were added, under these names. */
void ln_emit_sign(ln_emit *e, const char *key);
/* Whether --signature asks for it. */
bool ln_import_wants_signature(const ln_import *import, const char *key);

/* ---- what is known ---- */

int32_t ln_emit_rank(const ln_emit *e, int32_t t); /* 0 for -1 */
ln_type ln_emit_type(const ln_emit *e, int32_t t);
static inline bool ln_emit_is_float(ln_type type) { /* that numbers are computed in */
  return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16 || type == LN_FLOAT64;
}
int32_t ln_emit_dim(const ln_emit *e, int32_t t, int32_t axis); /* -1: open; axis may be negative */
bool ln_emit_is_fixed(const ln_emit *e, int32_t t);             /* no dimension is open */
/* All dimensions, -1 for open ones. */
ln_shape ln_emit_shape(const ln_emit *e, int32_t t);
/* Whether both have the same dimensions, open ones under either assignment. */
bool ln_emit_same_shape(const ln_emit *e, int32_t a, int32_t b);
/* Elements of a fixed tensor; -1 where a dimension is open. */
int64_t ln_emit_elements(const ln_emit *e, int32_t t);
/* The data of a constant in its own type; NULL for what is none. Valid as long as the model. */
const void *ln_emit_data(const ln_emit *e, int32_t t);
static inline bool ln_emit_is_const(const ln_emit *e, int32_t t) { return ln_emit_data(e, t) != NULL; }
/* A constant's numbers, whatever its type; false when it is none or holds more than `capacity`. */
bool ln_emit_ints(const ln_emit *e, int32_t t, int64_t *values, int32_t capacity, int32_t *count);
bool ln_emit_floats(const ln_emit *e, int32_t t, double *values, int32_t capacity, int32_t *count);
/* One number of a constant of one element. */
bool ln_emit_number(const ln_emit *e, int32_t t, double *out);

/* ---- constants (emit_const.c): data is copied unless it is said otherwise ---- */

int32_t ln_emit_const(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, const void *data);
/* Without a copy: `data` outlives the model's writing (the source's map, the arena). */
int32_t ln_emit_const_view(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, const void *data);
/* For constants that are larger than what the source says of them: whether all of these may take so much more. */
bool ln_emit_may_take(ln_emit *e, size_t bytes);
int32_t ln_emit_strings(ln_emit *e, int32_t rank, const int32_t *dims, const char *const *texts, const size_t *lengths);
/* A scalar of any type of numbers or bool. */
int32_t ln_emit_scalar(ln_emit *e, ln_type type, double value);
static inline int32_t ln_emit_f32(ln_emit *e, double value) { return ln_emit_scalar(e, LN_FLOAT32, value); }
static inline int32_t ln_emit_i32(ln_emit *e, int32_t value) { return ln_emit_scalar(e, LN_INT32, value); }
/* int32 [count] */
int32_t ln_emit_vector(ln_emit *e, int32_t count, const int32_t *values);
int32_t ln_emit_vector64(ln_emit *e, int32_t count, const int64_t *values); /* int64 [count] */
/* float32 [dims], all of one value. */
int32_t ln_emit_filled(ln_emit *e, ln_type type, int32_t rank, const int32_t *dims, double value);

/* ---- operators (emit.c) ---- */

/*
 * One operator with one output of `type`. `options`: the row's struct (NULL: its defaults). Element-wise operators
 * broadcast. Inputs of -1 are absent ones only where `count` says so: use LN_EMIT_NONE for an absent input.
 */
enum { LN_EMIT_NONE = -2 };
int32_t ln_emit_op(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs, ln_type type);
/* Several outputs; false after a failure. */
bool ln_emit_ops(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs,
                 int32_t output_count, const ln_type *types, int32_t *outputs);
/* A custom operator of ops/custom.def with FlexBuffers. Shapes that only the run can tell: ln_emit_declare. */
bool ln_emit_custom(ln_emit *e, const char *name, const uint8_t *options, size_t size, int32_t count,
                    const int32_t *inputs, int32_t output_count, const ln_type *types, int32_t *outputs);
/*
 * Says the shape of an output that inference left open because it depends on data: rank, and -1 for dimensions that are
 * open. Where nothing was said, operators of builtin codes have fresh open dimensions of the right rank.
 */
void ln_emit_declare(ln_emit *e, int32_t t, int32_t rank, const int32_t *dims);
/* A fact with fixed dimensions, those of -1 new open ones. */
ln_fact ln_emit_fact(ln_emit *e, int32_t rank, const int32_t *dims);

/* Operators that run graphs or keep state: nothing is inferred, outputs have the shapes of `facts` [output_count],
 * whose values are ignored; false after a failure. */
bool ln_emit_given(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs,
                   int32_t output_count, const ln_type *types, const ln_fact *facts, int32_t *outputs);
/* A tensor of the graph that nothing computes: what inputs begin with. */
int32_t ln_emit_tensor(ln_emit *e, const char *name, ln_type type, const ln_fact *fact);

int32_t ln_emit_unary(ln_emit *e, int32_t code, int32_t a); /* of a's type */
/* Element-wise, of a's type. Shapes broadcast as NumPy's do, whatever their ranks. */
int32_t ln_emit_binary(ln_emit *e, int32_t code, int32_t a, int32_t b);
int32_t ln_emit_compare(ln_emit *e, int32_t code, int32_t a, int32_t b); /* LN_OP_EQUAL ...; bool */
int32_t ln_emit_select(ln_emit *e, int32_t condition, int32_t yes, int32_t no);
static inline int32_t ln_emit_add(ln_emit *e, int32_t a, int32_t b) { return ln_emit_binary(e, LN_OP_ADD, a, b); }
static inline int32_t ln_emit_sub(ln_emit *e, int32_t a, int32_t b) { return ln_emit_binary(e, LN_OP_SUB, a, b); }
static inline int32_t ln_emit_mul(ln_emit *e, int32_t a, int32_t b) { return ln_emit_binary(e, LN_OP_MUL, a, b); }
static inline int32_t ln_emit_div(ln_emit *e, int32_t a, int32_t b) { return ln_emit_binary(e, LN_OP_DIV, a, b); }
/* With a number of a's type. */
int32_t ln_emit_add_number(ln_emit *e, int32_t a, double b);
int32_t ln_emit_mul_number(ln_emit *e, int32_t a, double b);
/* The same tensor where the type is that already. */
int32_t ln_emit_cast(ln_emit *e, int32_t a, ln_type type);

/* ---- shapes (emit_shape.c); axes may be negative everywhere ---- */

/*
 * One dimension of a shape to be made: a size; or {-1, tensor, axis}: as `tensor` has it at `axis`; or
 * {-1, tensor, LN_DIM_VALUE}: the value of an integer tensor with one element; or LN_DIM_REST: what is left.
 */
typedef struct ln_dim {
  int32_t size, tensor, axis;
} ln_dim;
enum { LN_DIM_VALUE = 1000 };
#define LN_DIM(size_) ((ln_dim){(size_), -1, 0})
#define LN_DIM_OF(tensor_, axis_) ((ln_dim){-1, (tensor_), (axis_)})
#define LN_DIM_IS(tensor_) ((ln_dim){-1, (tensor_), LN_DIM_VALUE})
#define LN_DIM_REST ((ln_dim){-1, -1, 0})

/* int32 [rank] of the tensor's dimensions: a constant where they are fixed. */
int32_t ln_emit_shape_of(ln_emit *e, int32_t a);
/* int32 scalar. */
int32_t ln_emit_size_of(ln_emit *e, int32_t a, int32_t axis);
/* int32 scalar: elements. */
int32_t ln_emit_count_of(ln_emit *e, int32_t a);
/* int32 [count] from dimensions; LN_DIM_REST becomes -1. */
int32_t ln_emit_dims(ln_emit *e, int32_t count, const ln_dim *dims);

int32_t ln_emit_reshape(ln_emit *e, int32_t a, int32_t rank, const ln_dim *dims);
/* To a shape that is a tensor (int32 or int64 [rank]), -1 for what is left. */
int32_t ln_emit_reshape_to(ln_emit *e, int32_t a, int32_t shape);
int32_t ln_emit_reshape_like(ln_emit *e, int32_t a, int32_t like); /* the dimensions of `like` */
int32_t ln_emit_squeeze(ln_emit *e, int32_t a, int32_t count, const int32_t *axes);
int32_t ln_emit_expand(ln_emit *e, int32_t a, int32_t count, const int32_t *axes); /* places in the result */
/* Joins dimensions [from, to] into one. */
int32_t ln_emit_flatten(ln_emit *e, int32_t a, int32_t from, int32_t to);
int32_t ln_emit_transpose(ln_emit *e, int32_t a, const int32_t *order); /* [rank] */
int32_t ln_emit_swap(ln_emit *e, int32_t a, int32_t axis, int32_t with);
/* Moves the channel dimension from 1 to the end, and back; whatever the rank (of 2 and less: nothing). */
int32_t ln_emit_channels_last(ln_emit *e, int32_t a);
int32_t ln_emit_channels_first(ln_emit *e, int32_t a);
int32_t ln_emit_broadcast(ln_emit *e, int32_t a, int32_t rank, const ln_dim *dims);
int32_t ln_emit_broadcast_to(ln_emit *e, int32_t a, int32_t shape);
int32_t ln_emit_tile(ln_emit *e, int32_t a, const int32_t *times); /* [rank] */
int32_t ln_emit_concat(ln_emit *e, int32_t axis, int32_t count, const int32_t *parts);
int32_t ln_emit_pack(ln_emit *e, int32_t axis, int32_t count, const int32_t *parts);
bool ln_emit_unpack(ln_emit *e, int32_t a, int32_t axis, int32_t count, int32_t *parts);
/* Parts of these sizes along the axis. */
bool ln_emit_split(ln_emit *e, int32_t a, int32_t axis, int32_t count, const int32_t *sizes, int32_t *parts);
/* Elements [from, to) of an axis, by `step`; negative ones count from the end, INT32_MAX (or INT32_MIN for a negative
 * step) is "to the end", all as Python has it. */
int32_t ln_emit_slice(ln_emit *e, int32_t a, int32_t axis, int32_t from, int32_t to, int32_t step);
/* All axes at once: begin and size, size -1: the rest. */
int32_t ln_emit_slice_all(ln_emit *e, int32_t a, const int32_t *begin, const int32_t *size);
/* One element of an axis, which goes. */
int32_t ln_emit_pick(ln_emit *e, int32_t a, int32_t axis, int32_t index);
int32_t ln_emit_gather(ln_emit *e, int32_t a, int32_t indices, int32_t axis, int32_t batch_dims);
int32_t ln_emit_reverse(ln_emit *e, int32_t a, int32_t axis);
/* [rank] before and after each axis; `value` of a's type. Negative ones crop. */
int32_t ln_emit_pad(ln_emit *e, int32_t a, const int32_t *before, const int32_t *after, double value);
/* LN_OP_SUM, MEAN, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, REDUCE_ANY, REDUCE_ALL over axes (count 0: all). */
int32_t ln_emit_reduce(ln_emit *e, int32_t code, int32_t a, int32_t count, const int32_t *axes, bool keep);
/* LN_OP_ARG_MAX or ARG_MIN, as `type` (int32, int64). */
int32_t ln_emit_arg(ln_emit *e, int32_t code, int32_t a, int32_t axis, bool keep, ln_type type);
int32_t ln_emit_cumsum(ln_emit *e, int32_t a, int32_t axis, bool exclusive, bool reverse);
/* Scalars or constants of one type, int32 or float32. */
int32_t ln_emit_range(ln_emit *e, int32_t from, int32_t to, int32_t step);

/* ---- places (emit_places.c) ---- */

/* int32 [end]: 0, 1, 2 ..; `end` is an int32 scalar. */
int32_t ln_emit_count_up(ln_emit *e, int32_t end);
/* int32 [rows, columns] of the last two dimensions: the column less the row. Triangles and bands are comparisons. */
int32_t ln_emit_diagonals(ln_emit *e, int32_t a);
/* Of a's shape, all of one value. */
int32_t ln_emit_filled_like(ln_emit *e, int32_t a, ln_type type, double value);
/* A new axis of `depth` elements (a scalar): `on` at each place, `off` elsewhere, and everywhere for no place. */
int32_t ln_emit_one_hot(ln_emit *e, int32_t places, int32_t depth, int32_t axis, int32_t on, int32_t off);
/* The same with 1 and 0 of the type. */
int32_t ln_emit_ones(ln_emit *e, int32_t places, int32_t depth, int32_t axis, ln_type type);
/* Zeros of `shape` to which the updates at places [.., coordinates] are added. */
int32_t ln_emit_scatter(ln_emit *e, int32_t places, int32_t updates, int32_t shape);
/* `a` with the updates in place of what was there; those of one place are added up. */
int32_t ln_emit_write_at(ln_emit *e, int32_t a, int32_t places, int32_t updates);
/* Along an axis of a fixed size. */
int32_t ln_emit_cumprod(ln_emit *e, int32_t a, int32_t axis, bool exclusive, bool reverse);

/* ---- mathematics (emit_math.c): to a few units in the last place ---- */

typedef enum ln_emit_activation {
  LN_EMIT_LINEAR,
  LN_EMIT_RELU,
  LN_EMIT_RELU6,
  LN_EMIT_TANH,
  LN_EMIT_SIGMOID,
  LN_EMIT_HARD_SWISH,     /* x * relu6(x + 3) / 6 */
  LN_EMIT_HARD_SIGMOID_6, /* relu6(x + 3) / 6: Keras 3, PyTorch */
  LN_EMIT_HARD_SIGMOID_5, /* clip(0.2 x + 0.5): Keras 2, ONNX's default */
  LN_EMIT_GELU,
  LN_EMIT_GELU_TANH,
  LN_EMIT_SWISH,
  LN_EMIT_SOFTPLUS,
  LN_EMIT_SOFTSIGN,
  LN_EMIT_MISH,
  LN_EMIT_SELU,
  LN_EMIT_ELU, /* of alpha 1 */
  LN_EMIT_EXP,
  LN_EMIT_LOG_SIGMOID,
  LN_EMIT_HARD_TANH /* clip to -1..1 */
} ln_emit_activation;
int32_t ln_emit_activate(ln_emit *e, ln_emit_activation which, int32_t a);
int32_t ln_emit_clip(ln_emit *e, int32_t a, double low, double high); /* infinite: no limit */
int32_t ln_emit_leaky_relu(ln_emit *e, int32_t a, double alpha);
int32_t ln_emit_elu(ln_emit *e, int32_t a, double alpha);
int32_t ln_emit_prelu(ln_emit *e, int32_t a, int32_t alpha); /* alpha broadcasts */
int32_t ln_emit_softmax(ln_emit *e, int32_t a, int32_t axis);
int32_t ln_emit_log_softmax(ln_emit *e, int32_t a, int32_t axis);
int32_t ln_emit_erf(ln_emit *e, int32_t a);
int32_t ln_emit_erf_inverse(ln_emit *e, int32_t a);
int32_t ln_emit_pow(ln_emit *e, int32_t a, int32_t b);
int32_t ln_emit_reciprocal(ln_emit *e, int32_t a);
int32_t ln_emit_log1p(ln_emit *e, int32_t a);
int32_t ln_emit_expm1(ln_emit *e, int32_t a);
int32_t ln_emit_tan(ln_emit *e, int32_t a);
int32_t ln_emit_sinh(ln_emit *e, int32_t a);
int32_t ln_emit_cosh(ln_emit *e, int32_t a);
int32_t ln_emit_asin(ln_emit *e, int32_t a);
int32_t ln_emit_acos(ln_emit *e, int32_t a);
int32_t ln_emit_atan(ln_emit *e, int32_t a);
int32_t ln_emit_asinh(ln_emit *e, int32_t a);
int32_t ln_emit_acosh(ln_emit *e, int32_t a);
int32_t ln_emit_atanh(ln_emit *e, int32_t a);
int32_t ln_emit_trunc(ln_emit *e, int32_t a);
int32_t ln_emit_is_nan(ln_emit *e, int32_t a);
int32_t ln_emit_is_inf(ln_emit *e, int32_t a, bool positive, bool negative);
int32_t ln_emit_is_finite(ln_emit *e, int32_t a);
/* What is left of a / b rounded towards zero: C's fmod. LN_OP_FLOOR_MOD is that of division rounded down. */
int32_t ln_emit_remainder(ln_emit *e, int32_t a, int32_t b);
/* Matrix product of the last two dimensions, as NumPy's matmul (ranks of 1 too). */
int32_t ln_emit_matmul(ln_emit *e, int32_t a, int32_t b, bool adj_a, bool adj_b);
/* [..., in] by constant or computed weights [out, in]; bias [out] or -1. */
int32_t ln_emit_dense(ln_emit *e, int32_t a, int32_t weights, int32_t bias);
/* NumPy's einsum with any number of operands (einsum.c). */
int32_t ln_emit_einsum(ln_emit *e, const char *equation, int32_t count, const int32_t *operands);
bool ln_emit_top_k(ln_emit *e, int32_t a, int32_t k, int32_t axis, bool largest, int32_t *values, int32_t *indices);

/* ---- normalizations (emit_norm.c): over `count` axes ---- */

/* The variance; the mean (its axes kept) and a - mean beside it. */
int32_t ln_emit_variance(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, bool keep, int32_t *mean,
                         int32_t *apart);
/* (a - mean) / sqrt(variance + epsilon), computed in a's type */
int32_t ln_emit_standardize(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double epsilon);
/* The same by float32 [* scale] [+ shift]; scale and shift may be absent. */
int32_t ln_emit_layer_norm(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double epsilon, int32_t scale,
                           int32_t shift);
/* a / sqrt(mean(a^2) + epsilon) [* scale], by float32 */
int32_t ln_emit_rms_norm(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double epsilon, int32_t scale);
/* a / sqrt(max(sum(a^2), least)), of float32 */
int32_t ln_emit_unit_norm(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double least);
/* Stored statistics as what multiplies each element and is added: a * factor + offset. scale, shift: may be absent. */
bool ln_emit_batch_factors(ln_emit *e, int32_t mean, int32_t variance, int32_t scale, int32_t shift, double epsilon,
                           int32_t *factor, int32_t *offset);

/* ---- layers (emit_layers.c): NHWC (NWC, NDHWC), spatial dimensions 1 to 3 ---- */

typedef enum ln_emit_padding { LN_EMIT_VALID, LN_EMIT_SAME, LN_EMIT_EXPLICIT } ln_emit_padding;

/* What slides over the spatial dimensions; zero strides and dilations count as 1. */
typedef struct ln_window {
  int32_t rank; /* 1 to 3 */
  int32_t size[3], stride[3], dilation[3];
  ln_emit_padding padding;
  int32_t before[3], after[3]; /* of EXPLICIT */
  bool ceil;                   /* the last window may reach over the end (pools) */
  bool count_pads;             /* averages count padded zeros */
} ln_window;

/* Explicit padding, strides and sizes that SAME gives in TensorFlow become SAME. Filter [spatial..., in / groups, out]
 * (Keras's HWIO), constant or not; bias -1 or [out]. Picks CONV_2D, DEPTHWISE_CONV_2D or CONV_3D. */
int32_t ln_emit_conv(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups, const ln_window *window);
/* Keras's depthwise filter [spatial..., in, multiplier]. */
int32_t ln_emit_depthwise(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *window);
/* Filter [spatial..., out / groups, in] (Keras's Conv2DTranspose). `output_padding`: elements more at the end. EXPLICIT
 * pads are what is cut off the full result, as in ONNX and PyTorch; SAME gives size * stride. `output`: NULL, or sizes.
 */
int32_t ln_emit_conv_transpose(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups,
                               const ln_window *window, const int32_t *output_padding);
int32_t ln_emit_max_pool(ln_emit *e, int32_t a, const ln_window *window);
int32_t ln_emit_average_pool(ln_emit *e, int32_t a, const ln_window *window);

typedef enum ln_emit_resizing {
  LN_EMIT_HALF_PIXEL, /* sources at (i + 0.5) * scale - 0.5 */
  LN_EMIT_ASYMMETRIC, /* i * scale */
  LN_EMIT_ALIGN_CORNERS
} ln_emit_resizing;
/* [n, h, w, c] to int32 [2] `size`. */
int32_t ln_emit_resize(ln_emit *e, int32_t a, int32_t size, bool bilinear, ln_emit_resizing how);

/* ---- recurrent layers (emit_recurrent.c) ---- */

typedef enum ln_cell { LN_CELL_RNN, LN_CELL_LSTM, LN_CELL_GRU } ln_cell;

/*
 * One direction of a recurrent layer over [batch, time, in]. Weights are constants as the cell's gates have them, gate
 * by gate: kernel[g] [units, in], recurrent[g] [units, units], bias[g] [units] or -1. Gates: LSTM input, forget, cell,
 * output; GRU update, reset, new; RNN one.
 */
typedef struct ln_recurrent {
  ln_cell cell;
  int32_t units;
  int32_t kernel[4], recurrent[4], bias[4];
  int32_t recurrent_bias[4];    /* GRU with reset_after, ONNX and PyTorch: inside the reset gate's product; or -1 */
  bool reset_after;             /* GRU: the reset gate multiplies after the product */
  int32_t peephole[3];          /* LSTM: input, forget, output [units]; -1: none */
  ln_emit_activation gate, act; /* SIGMOID and TANH where nothing is said otherwise; act of the cell */
  ln_emit_activation output_act;
  double clip;       /* of the cell's inputs (ONNX); 0: none */
  bool input_forget; /* ONNX: the forget gate is 1 - input gate */
  bool backwards;    /* from the last step to the first; outputs in the order they are made */
  int32_t h0, c0;    /* [batch, units]; -1: zeros */
  int32_t lengths;   /* int32 [batch]; -1: all steps count. Behind a length outputs are 0 and states stay */
  int32_t mask;      /* bool [batch, time]; -1: none. Where false states and outputs stay (Keras) */
  bool zero_masked;  /* Keras's zero_output_for_mask */
} ln_recurrent;

/* A layer with the usual activations and nothing that is optional: kernel and recurrent are to be filled in. */
ln_recurrent ln_recurrent_make(ln_cell cell, int32_t units);
/* sequence: [batch, time, units]; h, c: the last states [batch, units] (c -1 where the cell has none); NULL for what is
 * not wanted. A fused operator of TFLite where one computes the same; else WHILE, or steps one by one. */
bool ln_emit_recurrent(ln_emit *e, int32_t a, const ln_recurrent *layer, int32_t *sequence, int32_t *h, int32_t *c);

/* ---- control flow (emit_control.c) ---- */

/* A tensor of an outer graph, for use in this one: a constant is copied, another becomes an input. The tensor itself
 * when `from` is `e`. */
int32_t ln_emit_capture(ln_emit *e, const ln_emit *from, int32_t tensor);

/* Emits a body: `in` are its variables (a loop's), `out` its results; false after a failure. */
typedef bool (*ln_emit_body)(ln_emit *sub, const int32_t *in, int32_t *out, void *user);

/* condition: bool scalar. A constant one emits a branch in place. Results of both have one type. */
bool ln_emit_if(ln_emit *e, int32_t condition, ln_emit_body then_, void *then_user, ln_emit_body else_, void *else_user,
                int32_t count, int32_t *results);
/* `test` gives one bool scalar. Dimensions that change from step to step are found and left open. */
bool ln_emit_while(ln_emit *e, int32_t count, const int32_t *initial, ln_emit_body test, void *test_user,
                   ln_emit_body body, void *body_user, int32_t *results);

/* ---- state (emit_state.c) ---- */

/* A variable of the model with a value to begin with: the same for the same name. -1 after a failure. */
int32_t ln_import_variable(ln_import *import, const char *name, ln_type type, int32_t rank, const int32_t *dims,
                           const void *initial);
int32_t ln_emit_read(ln_emit *e, int32_t variable);
void ln_emit_assign(ln_emit *e, int32_t variable, int32_t value);
/* A table from strings to int64 or from int64 to strings, [count] of each. */
int32_t ln_import_lookup(ln_import *import, const char *name, ln_type key_type, ln_type value_type, int32_t count,
                         const void *keys, size_t key_bytes, const void *values, size_t value_bytes);
int32_t ln_emit_find(ln_emit *e, int32_t lookup, int32_t keys, int32_t default_value);
int32_t ln_emit_lookup_size(ln_emit *e, int32_t lookup);

#endif
