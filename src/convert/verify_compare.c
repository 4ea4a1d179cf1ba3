/* Which tensors of two models are counterparts, how far these are apart, and where a difference begins. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "convert/verify.h"

/* ---- counterparts ---- */

typedef struct named {
  const char *name;
  int32_t tensor;
} named;

static int by_name(const void *a, const void *b) { return strcmp(((const named *)a)->name, ((const named *)b)->name); }

static bool *written(const ln_graph *graph, ln_arena *arena) {
  bool *out = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *out);
  for (int32_t i = 0; out != NULL && i < graph->op_count; ++i) {
    for (int32_t k = 0; k < graph->ops[i].output_count; ++k) out[graph->ops[i].outputs[k]] = true;
  }
  return out;
}

/* Tensors that operators write, sorted by their names. */
static named *sorted_names(const ln_graph *graph, ln_arena *arena, int32_t *count) {
  named *list = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *list);
  const bool *made = written(graph, arena);
  *count = 0;
  if (list == NULL || made == NULL) return NULL;
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (made[i] && graph->tensors[i].name[0] != '\0') list[(*count)++] = (named){graph->tensors[i].name, i};
  }
  qsort(list, (size_t)*count, sizeof *list, by_name);
  return list;
}

static int32_t find_name(const named *list, int32_t count, const char *name) {
  const named wanted = {name, 0};
  const named *found = count > 0 ? bsearch(&wanted, list, (size_t)count, sizeof *list, by_name) : NULL;
  return found == NULL ? -1 : found->tensor;
}

static int32_t output_of(const ln_verify_pair *pair, int32_t tensor) {
  for (int32_t i = 0; i < pair->source->output_count; ++i) {
    if (pair->source->outputs[i] != tensor) continue;
    const int32_t found = ln_session_find_output(pair->r, pair->source->output_keys[i]);
    if (found >= 0) return ln_session_output_tensor(pair->r, found);
  }
  return -1;
}

/* Operators that give other numbers each time, and everything made of them, cannot be compared. */
static bool is_random(const ln_op *op) {
  return strncmp(ln_op_name(op), "RANDOM_", 7) == 0 || strcmp(ln_op_name(op), "MULTINOMIAL") == 0;
}

static bool *random_tensors(const ln_graph *graph, ln_arena *arena) {
  bool *out = ln_arena_array(arena, (size_t)graph->tensor_count + 1, sizeof *out);
  for (int32_t i = 0; out != NULL && i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    bool random = is_random(op);
    for (int32_t k = 0; k < op->input_count && !random; ++k) random = op->inputs[k] >= 0 && out[op->inputs[k]];
    for (int32_t k = 0; k < op->output_count && random; ++k) out[op->outputs[k]] = true;
  }
  return out;
}

/* How many steps of a quantized number two ways of computing it may be apart. */
enum { STEPS = 2 };

/* Of a result's tensor, in its own unit: 0 where it is not quantized, nor made of what is. */
static double steps_of(const ln_graph *graph, const int32_t *makers, int32_t tensor) {
  const int32_t maker = makers[tensor];
  if (maker < 0 || graph->ops[maker].def->code != LN_OP_DEQUANTIZE) return 0;
  const ln_tensor *from = &graph->tensors[graph->ops[maker].inputs[0]];
  return from->quant->count == 1 ? STEPS * fabs((double)from->quant->scale[0]) : 0;
}

static ln_status match_pair(ln_verification *v, ln_verify_pair *pair) {
  const ln_graph *source = pair->s->graph, *result = pair->r->graph;
  int32_t count;
  const named *names = sorted_names(result, &v->arena, &count);
  const bool *random = random_tensors(source, &v->arena);
  const int32_t *makers = ln_graph_producers(result, &v->arena);
  if (names == NULL || random == NULL || makers == NULL)
    return ln_fail(v->err, LN_ERR_MEMORY, "no memory to verify the conversion");
  pair->first_row = v->row_count;
  for (int32_t i = 0; i < source->op_count; ++i) {
    for (int32_t k = 0; k < source->ops[i].output_count; ++k) {
      const int32_t tensor = source->ops[i].outputs[k];
      const int32_t output = output_of(pair, tensor);
      const int32_t other = output >= 0 ? output : find_name(names, count, source->tensors[tensor].name);
      if (other < 0 || random[tensor]) continue;
      v->steps[v->row_count] = steps_of(result, makers, other);
      v->rows[v->row_count++] = (ln_verify_row){.size = sizeof *v->rows,
                                                .signature = pair->source->key,
                                                .name = source->tensors[tensor].name,
                                                .graph = pair->source->graph,
                                                .tensor = tensor,
                                                .op = i,
                                                .result_tensor = other,
                                                .output = output >= 0,
                                                .error = -1};
    }
  }
  pair->row_count = v->row_count - pair->first_row;
  return LN_OK;
}

ln_status ln_verify_match(ln_verification *v) {
  size_t most = 1;
  for (int32_t i = 0; i < v->pair_count; ++i) most += (size_t)v->pairs[i].s->graph->tensor_count;
  v->rows = ln_arena_array(&v->arena, most, sizeof *v->rows);
  v->steps = ln_arena_array(&v->arena, most, sizeof *v->steps);
  if (v->rows == NULL || v->steps == NULL) return ln_fail(v->err, LN_ERR_MEMORY, "no memory to verify the conversion");
  for (int32_t i = 0; i < v->pair_count; ++i) LN_TRY(match_pair(v, &v->pairs[i]));
  return LN_OK;
}

/* ---- differences ---- */

bool ln_verify_moved(const ln_shape *from, const ln_shape *to, int32_t move, int32_t *axes) {
  const int32_t rank = from->rank;
  if (rank != to->rank || (move != 0 && rank < 3)) return false;
  for (int32_t i = 0; i < rank; ++i) axes[i] = i;
  for (int32_t i = 1; i < rank && move == 1; ++i) axes[i] = i + 1 < rank ? i + 1 : 1;
  for (int32_t i = 1; i < rank && move == 2; ++i) axes[i] = i == 1 ? rank - 1 : i - 1;
  for (int32_t i = 0; i < rank; ++i) {
    if (to->dims[i] != from->dims[axes[i]]) return false;
  }
  return true;
}

/* Numbers of a tensor in floats, two for a complex one; NULL for other types. ln_free. */
static float *numbers(const ln_tensor *tensor, size_t *count) {
  size_t n = ln_tensor_elements(tensor);
  const bool complex = tensor->type == LN_COMPLEX64;
  if (complex && !ln_size_mul(n, 2, &n)) return NULL;
  float *out = ln_alloc_array(n, sizeof *out);
  *count = n;
  if (out == NULL || n == 0) return out;
  if (complex && tensor->data != NULL) memcpy(out, tensor->data, n * sizeof *out);
  else if (complex || ln_tensor_copy_to_f32(tensor, out, n, NULL) != LN_OK) {
    ln_free(out);
    return NULL;
  }
  return out;
}

static double gap(float want, float got) {
  if (want == got || (isnan(want) && isnan(got))) return 0;
  const double d = fabs((double)got - (double)want);
  return isnan(d) ? INFINITY : d;
}

/* The greatest difference; `parts` elements lie together and in the same order. */
static double greatest_gap(const float *want, const ln_shape *shape, const float *got, const int32_t *axes,
                           size_t parts) {
  size_t strides[LN_MAX_RANK], index[LN_MAX_RANK] = {0}, count = 1, at = 0;
  double most = 0;
  for (int32_t i = shape->rank - 1; i >= 0; --i) { /* of `want`, along the axes of `got` */
    strides[i] = parts * ln_shape_span(shape, axes[i] + 1, shape->rank);
    count *= (size_t)shape->dims[axes[i]];
  }
  for (size_t n = 0; n < count; ++n) {
    for (size_t k = 0; k < parts; ++k) most = fmax(most, gap(want[at + k], got[n * parts + k]));
    for (int32_t i = shape->rank - 1; i >= 0; --i) {
      at += strides[i];
      if (++index[i] < (size_t)shape->dims[axes[i]]) break;
      at -= strides[i] * index[i];
      index[i] = 0;
    }
  }
  return most;
}

static bool is_float(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16 || type == LN_FLOAT64 || type == LN_COMPLEX64;
}

/* Of floats, under whichever layout fits best; -1: not to be compared. */
static double float_error(const ln_tensor *want, const ln_tensor *got, double *largest) {
  int32_t axes[LN_MAX_RANK];
  size_t count, other;
  double best = -1;
  float *a = numbers(want, &count), *b = numbers(got, &other);
  const size_t parts = want->type == LN_COMPLEX64 ? 2 : 1;
  *largest = 0;
  if (a != NULL && b != NULL && count == other) {
    for (size_t i = 0; i < count; ++i) *largest = isfinite(a[i]) ? fmax(*largest, fabs((double)a[i])) : *largest;
    for (int32_t move = 0; move < LN_VERIFY_MOVES && best != 0; ++move) {
      if (!ln_verify_moved(&want->shape, &got->shape, move, axes)) continue;
      const double error = greatest_gap(a, &want->shape, b, axes, parts);
      if (best < 0 || error < best) best = error;
    }
  }
  ln_free(a);
  ln_free(b);
  return best;
}

/* Of everything else: 0 or 1. */
static double exact_error(const ln_tensor *want, const ln_tensor *got) {
  if (want->type != got->type) return -1;
  if (!ln_shape_equal(&want->shape, &got->shape)) return -1;
  if (want->type == LN_RESOURCE || want->type == LN_VARIANT) return -1;
  if (want->bytes != got->bytes) return 1;
  return want->bytes == 0 ||
                 (want->data != NULL && got->data != NULL && memcmp(want->data, got->data, want->bytes) == 0)
             ? 0
             : 1;
}

static double part_of(double error, double allowed) {
  return error <= 0 ? 0 : allowed > 0 ? error / allowed : INFINITY;
}

static void compare_row(const ln_verification *v, const ln_verify_pair *pair, ln_verify_row *row) {
  const ln_tensor *want = &pair->s->tensors[row->tensor], *got = &pair->r->tensors[row->result_tensor];
  double largest = 0, error, allowed = 0;
  if (is_float(want->type) && is_float(got->type)) {
    error = float_error(want, got, &largest);
    allowed = v->options.abs_tolerance + v->options.rel_tolerance * largest + v->steps[row - v->rows];
  } else {
    error = exact_error(want, got);
  }
  if (error < 0 && row->output) error = INFINITY; /* another type or shape */
  if (error < 0 || (row->error >= 0 && part_of(error, allowed) <= part_of(row->error, row->allowed))) return;
  row->error = error;
  row->allowed = allowed;
  row->largest = largest;
  row->parts = !(error <= allowed);
}

void ln_verify_compare(ln_verification *v, ln_verify_pair *pair) {
  for (int32_t i = 0; i < pair->row_count; ++i) {
    ln_verify_row *row = &v->rows[pair->first_row + i];
    compare_row(v, pair, row);
    const double part = part_of(row->error, row->allowed);
    if (row->output && part > v->worst) v->worst = part;
  }
}

/* ---- where a difference begins ---- */

enum { UNKNOWN = 0, AGREES = 1, PARTS = 2 };

/* Which tensors lie on a way to an output that parts, on which nothing agrees. */
static void spread_back(const ln_graph *graph, const uint8_t *state, bool *shows) {
  for (int32_t i = graph->op_count - 1; i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    bool any = false;
    for (int32_t k = 0; k < op->output_count; ++k) any = any || shows[op->outputs[k]];
    for (int32_t k = 0; any && k < op->input_count; ++k) {
      if (op->inputs[k] >= 0 && state[op->inputs[k]] != AGREES) shows[op->inputs[k]] = true;
    }
  }
}

const ln_verify_row *ln_verify_first(ln_verification *v, const ln_verify_pair *pair) {
  const ln_graph *graph = pair->s->graph;
  uint8_t *state = ln_arena_array(&v->arena, (size_t)graph->tensor_count + 1, sizeof *state);
  bool *shows = ln_arena_array(&v->arena, (size_t)graph->tensor_count + 1, sizeof *shows);
  const ln_verify_row *rows = v->rows + pair->first_row, *fallback = NULL;
  for (int32_t i = 0; i < pair->row_count; ++i) {
    if (rows[i].output && rows[i].parts && fallback == NULL) fallback = &rows[i];
    if (state == NULL || shows == NULL || rows[i].error < 0) continue;
    state[rows[i].tensor] = rows[i].parts ? PARTS : AGREES;
    shows[rows[i].tensor] = rows[i].output && rows[i].parts;
  }
  if (fallback == NULL || state == NULL || shows == NULL) return fallback;
  spread_back(graph, state, shows);
  for (int32_t i = 0; i < pair->row_count; ++i) {
    if (state[rows[i].tensor] == PARTS && shows[rows[i].tensor]) return &rows[i];
  }
  return fallback;
}
