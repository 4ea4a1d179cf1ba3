/*
 * Select-TF operators on variables: VarHandleOp and what reads, assigns, gathers from and scatters into what it names.
 * The variables are those of the builtin VAR_HANDLE (variable.c): both find one by container and name.
 */
#include "ops/flex_resource.h"

#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"
#include "ops/scatter.h"

/* ---- handles ---- */

/* What TensorFlow calls a variable that every operator has its own of. */
static const char anonymous[] = "cd2c89b7-88b7-44c8-ad83-06c2a9158347";

ln_status ln_flex_resource_key(const ln_node *node, ln_error *err, bool nameless_is_own, ln_resource_key *out) {
  *out = (ln_resource_key){.container = {"", 0}, .name = {"", 0}};
  LN_TRY(ln_attr_string(node, err, "container", &out->container.data, &out->container.size));
  LN_TRY(ln_attr_string(node, err, "shared_name", &out->name.data, &out->name.size));
  const bool is_anonymous =
      out->name.size == sizeof anonymous - 1 && memcmp(out->name.data, anonymous, out->name.size) == 0;
  if (is_anonymous || (nameless_is_own && out->name.size == 0)) out->owner = node->op->custom_options;
  return LN_OK;
}

ln_status ln_flex_var_handle_prepare(ln_node *node, ln_prep *prep) {
  ln_resource_key key;
  int32_t *handle = LN_NODE_ARGS(node, prep, int32_t); /* as ln_var_handle_run reads it */
  if (handle == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_flex_resource_key(node, prep->err, false, &key));
  return ln_host_variable(node, &key, prep->err, handle);
}

ln_status ln_flex_variable(const ln_node *node, int32_t input, ln_type type, ln_error *err, ln_tensor **out) {
  LN_TRY(ln_host_find_variable(node, node->in[input], err, out));
  if ((*out)->data == NULL) {
    return ln_node_fail(node, err, LN_ERR_STATE, "variable \"%.100s\" is used before it is assigned", (*out)->name);
  }
  if ((*out)->type == type) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_TYPE, "variable \"%.100s\" is %s, %s is wanted", (*out)->name,
                      ln_type_name((*out)->type), ln_type_name(type));
}

ln_status ln_flex_effect_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return LN_OK; /* no outputs, and no memory of its own */
}

/* ---- reading ---- */

ln_status ln_flex_read_variable_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  LN_TRY(ln_flex_variable(node, 0, node->out[0]->type, exec->err, &value));
  return ln_host_copy_output(node, 0, value, exec->err);
}

ln_status ln_var_is_initialized_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  LN_TRY(ln_host_find_variable(node, node->in[0], exec->err, &value));
  *(uint8_t *)node->out[0]->data = value->data != NULL;
  return LN_OK;
}

ln_status ln_variable_shape_infer(ln_node *node, ln_error *err) {
  (void)node;
  (void)err;
  return (ln_status)LN_INFER_IN_RUN; /* of whatever was assigned */
}

ln_status ln_variable_shape_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  LN_TRY(ln_host_find_variable(node, node->in[0], exec->err, &value));
  LN_TRY(ln_flex_variable(node, 0, value->type, exec->err, &value));
  const ln_shape shape = {1, {value->shape.rank}};
  const bool wide = node->out[0]->type == LN_INT64;
  LN_TRY(ln_host_output(node, 0, &shape, (size_t)value->shape.rank * (wide ? 8 : 4), exec->err)); /* bounded: a rank */
  for (int32_t i = 0; i < value->shape.rank; ++i) {
    if (wide) ((int64_t *)node->out[0]->data)[i] = value->shape.dims[i];
    else ((int32_t *)node->out[0]->data)[i] = value->shape.dims[i];
  }
  return LN_OK;
}

ln_status ln_destroy_resource_run(const ln_node *node, ln_exec *exec) {
  bool ignore = true, held = false;
  LN_TRY(ln_attr_bool(node, exec->err, "ignore_lookup_error", &ignore));
  LN_TRY(ln_host_forget(node, node->in[0], exec->err, &held));
  return held || ignore ? LN_OK : ln_node_fail(node, exec->err, LN_ERR_STATE, "there is nothing to destroy");
}

/* ---- assigning ---- */

static ln_status other_shape(const ln_node *node, const ln_tensor *value, const ln_tensor *given, ln_error *err) {
  char a[96], b[96];
  return ln_node_fail(node, err, LN_ERR_SHAPE, "variable \"%.100s\" is %s, %s is given", value->name,
                      ln_shape_format(&value->shape, a, sizeof a), ln_shape_format(&given->shape, b, sizeof b));
}

ln_status ln_flex_assign_variable_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *given = node->in[1];
  ln_tensor *value = NULL;
  bool validate = false;
  LN_TRY(ln_attr_bool(node, exec->err, "validate_shape", &validate));
  LN_TRY(ln_host_find_variable(node, node->in[0], exec->err, &value));
  if (value->data != NULL) {
    LN_TRY(ln_flex_variable(node, 0, given->type, exec->err, &value));
    if (validate && !ln_shape_equal(&value->shape, &given->shape)) return other_shape(node, value, given, exec->err);
  }
  LN_TRY(ln_node_check_strings(node, 1, exec->err));
  return ln_host_assign(node, value, given, exec->err);
}

/* AssignAddVariableOp, AssignSubVariableOp: the whole variable is one slice without coordinates. */
ln_status ln_assign_update_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  LN_TRY(ln_flex_variable(node, 0, node->in[1]->type, exec->err, &value));
  if (!ln_shape_equal(&value->shape, &node->in[1]->shape)) return other_shape(node, value, node->in[1], exec->err);
  const ln_scatter s = {
      .to = value, .updates = node->in[1], .rows = 1, .join = ln_scatter_kernel(node->op->def->variant, value->type)};
  return ln_scatter_run(node, &s, exec->err);
}

/* ---- scattering ---- */

/* TensorFlow's own kernels divide by a zero integer as the processor does. */
static ln_status check_divisors(const ln_node *node, const ln_tensor *updates, ln_error *err) {
  const ln_type type = updates->type;
  const bool integers = type != LN_FLOAT32 && type != LN_FLOAT64 && type != LN_FLOAT16 && type != LN_BFLOAT16 &&
                        type != LN_COMPLEX64 && type != LN_COMPLEX128;
  const size_t count = ln_shape_span(&updates->shape, 0, updates->shape.rank);
  if (node->op->def->variant != LN_BINARY_DIV || !integers) return LN_OK;
  if (!ln_k_any_equal(updates->data, count, ln_item_bytes(updates), 0)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "divides by zero");
}

/* Joins the updates, or refuses a type: an update alone needs no kernel. */
static ln_status scatter(const ln_node *node, ln_scatter *s, ln_error *err) {
  const int32_t op = node->op->def->variant;
  if (op != LN_FLEX_SCATTER_UPDATE) {
    s->join = ln_scatter_kernel(op, s->to->type);
    if (s->join == NULL) {
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "no kernel for %s", ln_type_name(s->to->type));
    }
  }
  LN_TRY(check_divisors(node, s->updates, err));
  return ln_scatter_run(node, s, err);
}

/* ResourceScatter*: variable, indices, updates [indices.., row] or one value. */
ln_status ln_resource_scatter_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *indices = node->in[1], *updates = node->in[2];
  ln_tensor *value = NULL;
  LN_TRY(ln_flex_variable(node, 0, updates->type, exec->err, &value));
  ln_shape pointed = indices->shape; /* as the N-dimensional operators have it */
  const bool fits = value->shape.rank > 0 && ln_shape_push(&pointed, 1) &&
                    (updates->shape.rank == 0 || ln_scatter_fits(&value->shape, &pointed, &updates->shape));
  if (!fits) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "variable, indices and updates do not fit together");
  ln_scatter s = {.to = value,
                  .indices = indices,
                  .updates = updates,
                  .depth = 1,
                  .rows = ln_shape_span(&indices->shape, 0, indices->shape.rank),
                  .one_value = updates->shape.rank == 0};
  return scatter(node, &s, exec->err);
}

/* ResourceScatterNd*: variable, indices [.., depth], updates. */
ln_status ln_resource_scatter_nd_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *indices = node->in[1], *updates = node->in[2];
  ln_tensor *value = NULL;
  LN_TRY(ln_flex_variable(node, 0, updates->type, exec->err, &value));
  if (!ln_scatter_fits(&value->shape, &indices->shape, &updates->shape)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "variable, indices and updates do not fit together");
  }
  ln_scatter s = {.to = value,
                  .indices = indices,
                  .updates = updates,
                  .depth = indices->shape.dims[indices->shape.rank - 1],
                  .rows = ln_shape_span(&indices->shape, 0, indices->shape.rank - 1)};
  return scatter(node, &s, exec->err);
}

/* ---- random numbers: RngReadAndSkip: variable, algorithm, numbers > the state before; RngSkip ---- */

enum { PHILOX = 1, ANY_ALGORITHM = 3, STATE = 3, STEP = 256 };

/* A state is a counter of two words and a key; each step skips a block of random numbers for each of STEP threads. */
ln_status ln_rng_skip_run(const ln_node *node, ln_exec *exec) {
  int64_t algorithm = 0;
  int32_t count = 0;
  ln_tensor *value = NULL;
  LN_TRY(ln_run_ints(node, 1, &algorithm, 1, &count, exec->err));
  LN_TRY(ln_flex_variable(node, 0, LN_INT64, exec->err, &value));
  if (count != 1 || (algorithm != PHILOX && algorithm != ANY_ALGORITHM)) {
    return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "the algorithm %lld is not Philox", (long long)algorithm);
  }
  if (value->shape.rank != 1 || value->shape.dims[0] < STATE ||
      ln_shape_span(&node->in[2]->shape, 0, node->in[2]->shape.rank) != 1) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the state is no list of %d numbers, or skips no number",
                        (int)STATE);
  }
  uint64_t *counter = value->data;
  if (node->out_count > 0) memcpy(node->out[0]->data, counter, node->out[0]->bytes);
  const uint64_t moved = counter[0] + *(const uint64_t *)node->in[2]->data * STEP;
  counter[1] += moved < counter[0];
  counter[0] = moved;
  return LN_OK;
}

ln_status ln_rng_skip_infer(ln_node *node, ln_error *err) {
  const ln_shape shape = {1, {STATE}};
  return node->out_count > 0 ? ln_node_set_shape(node, 0, &shape, err) : LN_OK;
}

/* ---- gathering ---- */

static int64_t index_at(const ln_tensor *indices, size_t at) {
  return indices->type == LN_INT64 ? ((const int64_t *)indices->data)[at] : ((const int32_t *)indices->data)[at];
}

/* What is gathered: `groups` times `picks` indices of `depth` coordinates, each a row of `bytes`. */
typedef struct gather_plan {
  ln_shape shape;
  size_t groups, picks, bytes;
  int32_t first, depth; /* the dimension of the first coordinate */
} gather_plan;

static ln_status gather(const ln_node *node, const ln_tensor *value, const gather_plan *g, ln_error *err) {
  size_t bytes;
  if (!ln_tensor_size(value->type, &g->shape, &bytes)) return ln_node_fail(node, err, LN_ERR_SHAPE, "is too large");
  LN_TRY(ln_host_output(node, 0, &g->shape, bytes, err));
  char *out = node->out[0]->data;
  for (size_t row = 0; row < g->groups * g->picks; ++row) { /* bounded: the elements of the indices */
    size_t at = g->picks == 0 ? 0 : row / g->picks;
    for (int32_t i = 0; i < g->depth; ++i) {
      const int64_t index = index_at(node->in[1], row * (size_t)g->depth + (size_t)i);
      const int32_t extent = value->shape.dims[g->first + i];
      if (index < 0 || index >= extent) {
        return ln_node_fail(node, err, LN_ERR_DATA, "index %lld is outside 0..%d", (long long)index, extent - 1);
      }
      at = at * (size_t)extent + (size_t)index;
    }
    if (g->bytes > 0) memcpy(out + row * g->bytes, (const char *)value->data + at * g->bytes, g->bytes);
  }
  return LN_OK;
}

static bool push_dims(ln_shape *shape, const ln_shape *from, int32_t first, int32_t end) {
  bool fits = true;
  for (int32_t i = first; i < end; ++i) fits = fits && ln_shape_push(shape, from->dims[i]);
  return fits;
}

ln_status ln_resource_gather_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *indices = &node->in[1]->shape;
  ln_tensor *value = NULL;
  int64_t batch = 0;
  LN_TRY(ln_flex_variable(node, 0, node->out[0]->type, exec->err, &value));
  LN_TRY(ln_attr_int(node, exec->err, "batch_dims", -LN_MAX_RANK, LN_MAX_RANK, &batch));
  if (batch < 0) batch += indices->rank;
  gather_plan g = {.first = (int32_t)batch, .depth = 1};
  const ln_shape *shape = &value->shape;
  bool fits = batch >= 0 && batch <= indices->rank && batch < shape->rank;
  for (int32_t i = 0; fits && i < g.first; ++i) fits = indices->dims[i] == shape->dims[i];
  fits = fits && push_dims(&g.shape, indices, 0, indices->rank) && push_dims(&g.shape, shape, g.first + 1, shape->rank);
  if (!fits) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the indices do not fit the variable");
  g.groups = ln_shape_span(indices, 0, g.first);
  g.picks = ln_shape_span(indices, g.first, indices->rank);
  g.bytes = ln_shape_span(shape, g.first + 1, shape->rank) * ln_item_bytes(value); /* bounded: part of the variable */
  return gather(node, value, &g, exec->err);
}

ln_status ln_resource_gather_nd_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *indices = &node->in[1]->shape;
  ln_tensor *value = NULL;
  LN_TRY(ln_flex_variable(node, 0, node->out[0]->type, exec->err, &value));
  const ln_shape *shape = &value->shape;
  gather_plan g = {.groups = 1, .depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : -1};
  const bool fits = g.depth >= 0 && g.depth <= shape->rank && push_dims(&g.shape, indices, 0, indices->rank - 1) &&
                    push_dims(&g.shape, shape, g.depth, shape->rank);
  if (!fits) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the indices do not fit the variable");
  g.picks = ln_shape_span(indices, 0, indices->rank - 1);
  g.bytes = ln_shape_span(shape, g.depth, shape->rank) * ln_item_bytes(value); /* bounded: part of the variable */
  g.groups = g.picks > 0;
  return gather(node, value, &g, exec->err);
}
