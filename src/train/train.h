/*
 * Training: gradients as operators of the graph. An operator's row (ops/ops.def) names the function that writes its
 * gradient; gradient.c walks a graph backwards and calls them, gradient_emit.c adds the operators they ask for.
 */
#ifndef LN_TRAIN_INTERNAL_H
#define LN_TRAIN_INTERNAL_H

#include "optimize/optimize.h"

/*
 * Reverse-mode differentiation (Linnainmaa, Taylor expansion of the accumulated rounding error, 1976). Appends to the
 * graph that `o` edits the operators that compute d loss / d tensors[i], and gives the tensors that hold them in
 * gradients[i]: float32, of tensors[i]'s shape; -1 where the loss does not depend on it. `loss` is a float32 tensor of
 * one element; all shapes are known (ln_grad_take_shapes). Tensors may be constants, variables, inputs or what
 * operators made. The graph's tensors keep their numbers, its operators their places; the model's graphs may move in
 * memory, as branches and loops add others. LN_ERR_UNSUPPORTED, naming operator and tensor, where one on the way has no
 * gradient.
 */
ln_status ln_grad_build(ln_optimizer *o, int32_t loss, const int32_t *tensors, int32_t count, int32_t *gradients);
/* The same with operators of this library's own where TensorFlow Lite's would be slow (train/operators.h): only
 * sessions of what ln_grad_snapshot makes of the model run them. */
ln_status ln_grad_build_fast(ln_optimizer *o, int32_t loss, const int32_t *tensors, int32_t count, int32_t *gradients);
/* ln_edit_snapshot of a model that may hold such operators. */
ln_status ln_grad_snapshot(const ln_model *model, ln_error *err, ln_model **out);
/* Gives the graph's tensors the shapes that they have in a session of it, which has run, or whose shapes its
 * preparation knew. */
ln_status ln_grad_take_shapes(ln_optimizer *o, ln_session *session);

/*
 * Memory against time: makes the arena of a session with so many threads take no more than `limit` bytes, where
 * its inputs and outputs are bound to memory of the caller's. Operators [0, forward_ops) are the forward part; of their
 * values those that are not worth keeping are computed again where the rest first reads them (Chen et al., Training
 * deep nets with sublinear memory cost, 2016). Results are the same bits. The graph is the model's
 * first, or that of its first signature, and its outputs are set; tensors keep their numbers, forward operators their
 * places. LN_ERR_LIMIT, naming the least that is possible, leaves it as it was.
 */
ln_status ln_grad_recompute(ln_optimizer *o, int32_t forward_ops, int32_t threads, size_t limit);

/* ---- for gradient functions ---- */

typedef struct ln_grad {
  ln_optimizer *o;
  bool fast;             /* operators of train/operators.h may be used; else TensorFlow Lite's alone */
  ln_status status;      /* of the first thing that failed: what is emitted after it is -1 */
  int32_t forward_count; /* tensors that were there before */
  const bool *wanted;    /* [forward_count] depends on what is differentiated */
  int32_t *of;           /* [forward_count] the gradient so far; -1 none */
  int32_t *values;       /* [forward_count] as float32, where it has been asked for; -1 */
  const ln_op *op;       /* whose gradient is being written */
  int32_t depth;         /* of graphs that run others */
} ln_grad;

/*
 * Adds (ln_grad_add) the gradients of the operator's inputs, given those of its outputs: dy[i] is -1 where the loss
 * does not depend on output i. dy[0] of an operator that clamps has passed the clamp. `op` is a copy that stays.
 */
typedef void ln_gradient_fn(ln_grad *g, const ln_op *op, const int32_t *dy);

/* Whether input `index` is there and its gradient is asked for. */
bool ln_grad_wants(const ln_grad *g, const ln_op *op, int32_t index);
/* Adds `gradient` to that of input `index`: of its shape, or of one that it was broadcast to. */
void ln_grad_add(ln_grad *g, const ln_op *op, int32_t index, int32_t gradient);
/* The tensor's value as float32. */
int32_t ln_grad_value(ln_grad *g, int32_t tensor);
static inline int32_t ln_grad_in(ln_grad *g, const ln_op *op, int32_t index) {
  return ln_grad_value(g, op->inputs[index]);
}
static inline int32_t ln_grad_out(ln_grad *g, const ln_op *op) { return ln_grad_value(g, op->outputs[0]); }
const ln_shape *ln_grad_shape(const ln_grad *g, int32_t tensor); /* moves when something is emitted; never NULL */
/* The integers of a constant input; fails, naming it, when they are not known. */
bool ln_grad_constant_ints(ln_grad *g, const ln_op *op, int32_t index, int64_t *values, int32_t capacity,
                           int32_t *count);
/* That of the tensor's gradient: its own, and of complex numbers one dimension more, of two. */
ln_shape ln_grad_gradient_shape(const ln_grad *g, int32_t tensor);
/* Fails with LN_ERR_UNSUPPORTED, naming the operator. */
void ln_grad_refuse(ln_grad *g, const char *why);
void ln_grad_fail_memory(ln_grad *g);

/* ---- emitting: each gives the tensor that it made, -1 once something has failed ---- */

/* An operator with one output of `type`, whose shape its row infers; `options` is the row's struct, NULL: defaults. */
int32_t ln_grad_emit(ln_grad *g, int32_t code, ln_type type, const void *options, int32_t count, const int32_t *inputs);
/* The same of any row and number of outputs, which follow one another from the tensor that is given. `shapes` are
 * theirs; NULL: the row infers them. */
int32_t ln_grad_emit_row(ln_grad *g, const ln_op *like, const void *options, int32_t count, const int32_t *inputs,
                         int32_t output_count, const ln_type *types, const ln_shape *shapes);
int32_t ln_grad_unary(ln_grad *g, int32_t code, int32_t a);
int32_t ln_grad_binary(ln_grad *g, int32_t code, int32_t a, int32_t b);
int32_t ln_grad_compare(ln_grad *g, int32_t code, int32_t a, int32_t b);
int32_t ln_grad_select(ln_grad *g, int32_t condition, int32_t yes, int32_t no);
static inline int32_t ln_grad_mul(ln_grad *g, int32_t a, int32_t b) { return ln_grad_binary(g, LN_OP_MUL, a, b); }
int32_t ln_grad_scalar(ln_grad *g, float value);
int32_t ln_grad_scale(ln_grad *g, int32_t a, float by);
/* `a` where the condition holds, else 0. */
int32_t ln_grad_mask(ln_grad *g, int32_t condition, int32_t a);
/* dy where low < a < high. */
int32_t ln_grad_between(ln_grad *g, int32_t a, int32_t dy, float low, float high);
/*
 * Fake quantization to `bits` (2 to 16) over a range that tensors hold, which is learned or changes from step to step:
 * `low` and `high` are float32 [] or [channels of x]; narrow leaves out the lowest number. The range is moved so that
 * zero is one of its points, and its ends have gradients (TensorFlow's FakeQuantWithMinMaxVars, whose operator it is).
 */
int32_t ln_grad_fake_quant(ln_grad *g, int32_t x, int32_t low, int32_t high, int32_t bits, bool narrow);
int32_t ln_grad_int(ln_grad *g, int32_t value); /* [] */
int32_t ln_grad_ints(ln_grad *g, int32_t count, const int32_t *values);
int32_t ln_grad_zeros(ln_grad *g, const ln_shape *shape);
int32_t ln_grad_reshape(ln_grad *g, int32_t a, const ln_shape *shape);
int32_t ln_grad_reshape_dims(ln_grad *g, int32_t a, int32_t rank, const int32_t *dims);
int32_t ln_grad_transpose(ln_grad *g, int32_t a, const int32_t *order); /* [rank] */
int32_t ln_grad_broadcast(ln_grad *g, int32_t a, const ln_shape *shape);
/* Sums along the axes of the set bits, which become 1. */
int32_t ln_grad_sum(ln_grad *g, int32_t a, uint32_t axes);
int32_t ln_grad_sum_to(ln_grad *g, int32_t a, const ln_shape *shape); /* undoes broadcasting */
int32_t ln_grad_pad_with(ln_grad *g, int32_t a, const int32_t *before, const int32_t *after, float value);
int32_t ln_grad_pad(ln_grad *g, int32_t a, const int32_t *before, const int32_t *after);
int32_t ln_grad_slice(ln_grad *g, int32_t a, const int32_t *begin, const int32_t *size);
int32_t ln_grad_concat(ln_grad *g, int32_t axis, int32_t count, const int32_t *parts);
int32_t ln_grad_matmul(ln_grad *g, int32_t a, int32_t b, bool adj_a, bool adj_b);
/* Product of dims [from, to) as a dimension. */
int32_t ln_grad_span(ln_grad *g, const ln_shape *shape, int32_t from, int32_t to);
/* Of a fused activation: what reaches it, times what it lets through where its output is `y`. */
int32_t ln_grad_activation(ln_grad *g, int32_t activation, int32_t dy, int32_t y);

/* Shapes of the operator's outputs by its row's own function; LN_ERR_UNSUPPORTED when they are not known. */
ln_status ln_grad_infer(ln_grad *g, ln_op *op);

/*
 * Where operators from place `first` on compute what the operator does, as `output`: adds the gradients of its inputs
 * by theirs.
 */
void ln_grad_through(ln_grad *g, int32_t first, int32_t output, int32_t dy);
/* The same with several outputs; dy[i] is -1 where there is no gradient. */
void ln_grad_through_all(ln_grad *g, int32_t first, int32_t count, const int32_t *outputs, const int32_t *dy);
/* Differentiates the graph that `o` edits, which `outer` made: from outputs with gradients to tensors; gradients[i] is
 * -1 where there is none. */
ln_status ln_grad_outputs_back(const ln_grad *outer, ln_optimizer *o, int32_t output_count, const int32_t *outputs,
                               const int32_t *dy, int32_t count, const int32_t *tensors, int32_t *gradients);

/* ---- of images [n, h, w, c] ---- */

/* Puts stride - 1 zeros behind each row and column: [n, h * stride_h, w * stride_w, c]. */
int32_t ln_grad_dilate(ln_grad *g, int32_t a, int32_t stride_h, int32_t stride_w);
/* Begins `before` rows and columns further out (negative: in), and holds height x width from there: zeros outside. */
int32_t ln_grad_window(ln_grad *g, int32_t a, int32_t before_h, int32_t before_w, int32_t height, int32_t width);

/* Declares the gradient functions that rows name. */
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) gradient
#undef LN_GRADIENT
#define LN_GRADIENT(name) ln_gradient_fn ln_gradient_##name;
#define LN_NO_AUTODIFF
#define LN_NO_GRADIENT
#define LN_CUSTOM_OP(id, name, infer, prepare, run, macs, variant, flags, types, gradient) gradient
#include "ops/custom.def"
#include "ops/ops.def"
#undef LN_GRADIENT
#undef LN_NO_AUTODIFF
#undef LN_NO_GRADIENT

#endif
