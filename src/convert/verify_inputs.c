/*
 * What a verification feeds both models: files that were given, and numbers made from a seed, whose ranges suit their
 * types and what the model does with them: indices stay within the tables that they index.
 */
#include <string.h>

#include "convert/verify.h"
#include "ops/strings.h"

/* ---- random numbers ---- */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
  uint64_t x = *state += 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static float next_float(uint64_t *state) { return (float)(next_random(state) >> 40) / (float)(1 << 23) - 1; }

/* ---- sizes of open dimensions, and ranges of integers, attempt by attempt ---- */

typedef struct guess {
  int32_t first, other; /* dimension 0, which is a batch in most models, and others */
  int32_t integers;     /* below this one where nothing else is known */
} guess;

/* Networks that halve their pictures want multiples; others want short sequences. */
static const guess ways[2][LN_VERIFY_ATTEMPTS] = {
    {{1, 5, 8}, {1, 32, 8}, {1, 8, 2}, {4, 4, 4}, {1, 1, 1}, {1, 64, 8}, {8, 8, 2}, {1, 224, 8}, {32, 32, 2}},
    {{2, 7, 8}, {2, 64, 8}, {3, 16, 2}, {6, 6, 4}, {2, 2, 2}, {2, 96, 8}, {16, 16, 2}, {2, 256, 8}, {64, 64, 2}}};

/* ---- what an integer indexes ---- */

enum { TRACE_DEPTH = 16 };

static void lower(int64_t *bound, int64_t to) {
  if (to > 0 && (*bound == 0 || to < *bound)) *bound = to;
}

static int64_t dim_of(const ln_graph *graph, int32_t tensor, int32_t axis) {
  int32_t at;
  if (tensor < 0 || !ln_axis_normalize(axis, graph->tensors[tensor].shape.rank, &at)) return 0;
  return graph->tensors[tensor].shape.dims[at];
}

/* The size of what operand `k` of an operator indexes; 0: it is no index. */
static int64_t indexed(const ln_graph *graph, const ln_op *op, int32_t k) {
  switch (op->def->code) {
    case LN_OP_GATHER: return k == 1 ? dim_of(graph, op->inputs[0], ((const ln_gather_options *)op->options)->axis) : 0;
    case LN_OP_GATHER_ND: return k == 1 ? dim_of(graph, op->inputs[0], 0) : 0;
    case LN_OP_EMBEDDING_LOOKUP: return k == 0 ? dim_of(graph, op->inputs[1], 0) : 0;
    default: return 0;
  }
}

/* Operators that hand their first operand's values on. */
static bool hands_on(const ln_op *op, int32_t k) {
  static const int32_t codes[] = {
      LN_OP_CAST,          LN_OP_RESHAPE, LN_OP_EXPAND_DIMS, LN_OP_SQUEEZE,   LN_OP_TRANSPOSE, LN_OP_SLICE,
      LN_OP_STRIDED_SLICE, LN_OP_MAXIMUM, LN_OP_SPLIT,       LN_OP_UNPACK,    LN_OP_PACK,      LN_OP_CONCATENATION,
      LN_OP_BROADCAST_TO,  LN_OP_TILE,    LN_OP_REVERSE_V2,  LN_OP_SELECT_V2, LN_OP_GATHER};
  if (op->def->code == LN_OP_GATHER && k != 0) return false;
  for (size_t i = 0; i < LN_COUNT(codes); ++i) {
    if (op->def->code == codes[i]) return true;
  }
  return false;
}

typedef struct tracer {
  const ln_model *model;
  int64_t bound; /* 0: none found */
  int32_t left;  /* steps, so that the work is bounded */
} tracer;

static void trace(tracer *t, int32_t graph, int32_t tensor, int32_t depth);

/* Into the bodies of loops and branches, whose inputs are the operator's. */
static void trace_into(tracer *t, const ln_op *op, int32_t k, int32_t depth) {
  int32_t graphs[2] = {-1, -1}, skip = 0;
  if (op->def->code == LN_OP_WHILE) {
    graphs[0] = ((const ln_while_options *)op->options)->body_subgraph_index;
  } else if (op->def->code == LN_OP_IF) {
    graphs[0] = ((const ln_if_options *)op->options)->then_subgraph_index;
    graphs[1] = ((const ln_if_options *)op->options)->else_subgraph_index;
    skip = 1;
  }
  for (int32_t i = 0; i < 2; ++i) {
    if (graphs[i] < 0 || graphs[i] >= t->model->graph_count || k < skip) continue;
    const ln_graph *body = &t->model->graphs[graphs[i]];
    if (k - skip < body->input_count) trace(t, graphs[i], body->inputs[k - skip], depth + 1);
  }
}

static void trace(tracer *t, int32_t index, int32_t tensor, int32_t depth) {
  const ln_graph *graph = &t->model->graphs[index];
  if (depth > TRACE_DEPTH) return;
  for (int32_t i = 0; i < graph->op_count && t->left > 0; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t k = 0; k < op->input_count; ++k) {
      if (op->inputs[k] != tensor) continue;
      --t->left;
      lower(&t->bound, indexed(graph, op, k));
      trace_into(t, op, k, depth);
      for (int32_t o = 0; hands_on(op, k) && o < op->output_count; ++o) trace(t, index, op->outputs[o], depth + 1);
    }
  }
}

static int64_t index_bound(const ln_model *model, int32_t graph, int32_t tensor) {
  tracer t = {model, 0, 256};
  trace(&t, graph, tensor, 0);
  return t.bound;
}

/* ---- strings ---- */

/* A word of the model's own tables, so that look-ups find something; now and then another one. */
static ln_span pick_word(const ln_model *model, uint64_t *state) {
  static const ln_span others[] = {{"linnet", 6}, {"the quick brown fox", 19}, {"", 0}};
  if (next_random(state) % 4 == 0) return others[next_random(state) % LN_COUNT(others)];
  const size_t skip = (size_t)(next_random(state) % 16);
  size_t seen = 0;
  ln_span last = others[0];
  for (int32_t g = 0; g < model->graph_count; ++g) {
    for (int32_t i = 0; i < model->graphs[g].tensor_count; ++i) {
      const ln_tensor *tensor = &model->graphs[g].tensors[i];
      const size_t count = ln_tensor_elements(tensor);
      if (tensor->type != LN_STRING || !ln_tensor_const_data(tensor) || count == 0) continue;
      const size_t at = (size_t)(next_random(state) % count);
      last = ln_string_at(tensor, at);
      if (seen++ >= skip) return last;
    }
  }
  return last;
}

static ln_status make_strings(const ln_model *model, size_t count, uint64_t *state, ln_error *err, ln_array *out) {
  ln_bytes bytes = {0};
  const size_t head = (count + 2) * sizeof(int32_t);
  const int32_t number = (int32_t)count;
  for (size_t i = 0; i < head; ++i) ln_bytes_byte(&bytes, 0);
  for (size_t i = 0; i <= count && !bytes.failed; ++i) {
    const int32_t at = (int32_t)bytes.size;
    memcpy(bytes.data + (1 + i) * sizeof at, &at, sizeof at);
    const ln_span word = i < count ? pick_word(model, state) : (ln_span){NULL, 0};
    ln_bytes_add(&bytes, word.data, word.size);
  }
  if (bytes.failed) {
    ln_bytes_free(&bytes);
    return ln_fail(err, LN_ERR_MEMORY, "no memory to verify the conversion");
  }
  memcpy(bytes.data, &number, sizeof number);
  out->data = bytes.data;
  out->bytes = bytes.size;
  return LN_OK;
}

/* ---- one input ---- */

static void store_integer(ln_type type, uint64_t value, uint8_t *to) {
  const size_t bytes = (size_t)ln_type_bits(type) / 8;
  memcpy(to, &value, bytes); /* the low end of a little-endian number */
}

/* Whether the type's whole range is sensible: pictures, and what is quantized. */
static bool takes_all(const ln_tensor *tensor) {
  return tensor->type == LN_UINT8 || tensor->type == LN_INT8 || tensor->quant->count > 0;
}

static ln_status make_numbers(const ln_verification *v, const ln_verify_pair *pair, int32_t input, const guess *way,
                              uint64_t *state, ln_error *err, ln_array *out) {
  const ln_tensor *tensor = ln_session_input(pair->s, input);
  const ln_model *model = v->conversion->source;
  const size_t size = (size_t)ln_type_bits(out->type) / 8, count = size > 0 ? out->bytes / size : 0;
  const int64_t indexes = index_bound(model, pair->source->graph, pair->source->inputs[input]);
  uint8_t *to = out->data;
  switch (out->type) {
    case LN_FLOAT32:
    case LN_COMPLEX64:
      for (size_t i = 0; i < out->bytes / sizeof(float); ++i) ((float *)out->data)[i] = next_float(state);
      return LN_OK;
    case LN_FLOAT64:
      for (size_t i = 0; i < count; ++i) ((double *)out->data)[i] = (double)next_float(state);
      return LN_OK;
    case LN_BOOL:
      for (size_t i = 0; i < count; ++i) to[i] = next_random(state) & 1;
      return LN_OK;
    case LN_FLOAT16:
    case LN_BFLOAT16: { /* written by the tensor's own conversion: ln_session_set_input copies it out again */
      ln_tensor whole = *tensor;
      whole.data = out->data;
      whole.storage = LN_STORAGE_EXTERNAL;
      for (size_t i = 0; i < count; ++i) ln_tensor_set_f32(&whole, i, next_float(state));
      return LN_OK;
    }
    default: break;
  }
  if (size == 0)
    return ln_fail(err, LN_ERR_UNSUPPORTED, "no numbers are made for inputs of type %s", ln_type_name(out->type));
  for (size_t i = 0; i < count; ++i) {
    uint64_t value = next_random(state);
    if (indexes > 0) value %= (uint64_t)indexes;
    else if (!takes_all(tensor)) value %= (uint64_t)way->integers;
    store_integer(out->type, value, to + i * size);
  }
  return LN_OK;
}

static ln_status make_input(ln_verification *v, ln_verify_pair *pair, int32_t input, int32_t round, const guess *way,
                            ln_error *err) {
  const ln_tensor *tensor = ln_session_input(pair->s, input);
  ln_array *out = &pair->inputs[input];
  uint64_t state = v->options.seed * 1000003u + (uint64_t)round * 8191u + (uint64_t)input * 131u;
  ln_array_free(out);
  *out = (ln_array){.type = tensor->type, .rank = tensor->shape.rank};
  memcpy(out->dims, tensor->shape.dims, sizeof out->dims);
  if (tensor->type == LN_STRING)
    return make_strings(v->conversion->source, ln_tensor_elements(tensor), &state, err, out);
  if (!ln_tensor_size(tensor->type, &tensor->shape, &out->bytes))
    return ln_fail(err, LN_ERR_SHAPE, "an input is too large");
  out->data = ln_alloc_zero(out->bytes);
  if (out->data == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory to verify the conversion");
  return make_numbers(v, pair, input, way, &state, err, out);
}

/* ---- a run ---- */

static ln_status give_shapes(ln_verify_pair *pair, const guess *way, ln_error *err) {
  for (int32_t i = 0; i < pair->source->input_count; ++i) {
    const ln_tensor *tensor = ln_session_input(pair->s, i);
    ln_shape shape = tensor->signature;
    for (int32_t k = 0; k < shape.rank; ++k) {
      if (shape.dims[k] < 0) shape.dims[k] = k == 0 ? way->first : way->other;
    }
    if (pair->given[i]) shape = ln_shape_make(pair->inputs[i].rank, pair->inputs[i].dims);
    LN_TRY(ln_session_resize_input(pair->s, i, shape.dims, shape.rank, err));
  }
  return ln_session_prepare(pair->s, err);
}

ln_status ln_verify_feed(ln_verification *v, ln_verify_pair *pair, int32_t round, int32_t attempt, ln_error *err) {
  const guess *way = &ways[round % 2][attempt];
  LN_TRY(give_shapes(pair, way, err));
  for (int32_t i = 0; i < pair->source->input_count; ++i) {
    if (!pair->given[i]) LN_TRY(make_input(v, pair, i, round, way, err));
    LN_TRY(ln_session_set_input(pair->s, i, pair->inputs[i].data, pair->inputs[i].bytes, err));
  }
  return LN_OK;
}

/* Where the result takes another layout than the source gave. */
static ln_status moved_input(const ln_array *from, const ln_shape *wanted, ln_error *err, ln_array *out) {
  const ln_shape have = ln_shape_make(from->rank, from->dims);
  const size_t size = (size_t)ln_type_bits(from->type) / 8;
  int32_t axes[LN_MAX_RANK], move = 0;
  size_t index[LN_MAX_RANK] = {0};
  while (move < LN_VERIFY_MOVES && !ln_verify_moved(&have, wanted, move, axes)) ++move;
  if (move == LN_VERIFY_MOVES || size == 0) return ln_fail(err, LN_ERR_SHAPE, "the result takes another shape");
  *out = *from;
  memcpy(out->dims, wanted->dims, sizeof out->dims);
  out->data = ln_alloc_zero(from->bytes);
  if (out->data == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory to verify the conversion");
  for (size_t n = 0; n < from->bytes / size; ++n) {
    size_t at = 0;
    for (int32_t i = 0; i < wanted->rank; ++i) at += index[i] * ln_shape_span(&have, axes[i] + 1, have.rank);
    memcpy((uint8_t *)out->data + n * size, (const uint8_t *)from->data + at * size, size);
    for (int32_t i = wanted->rank - 1; i >= 0 && ++index[i] == (size_t)wanted->dims[i]; --i) index[i] = 0;
  }
  return LN_OK;
}

/* The shape that the result wants for what the source was given: its own layout, open dimensions filled in. */
static ln_shape result_shape(const ln_tensor *declared, const ln_array *given) {
  const ln_shape have = ln_shape_make(given->rank, given->dims);
  int32_t axes[LN_MAX_RANK];
  for (int32_t move = 0; move < LN_VERIFY_MOVES && declared->signature.rank == have.rank; ++move) {
    ln_shape moved = have;
    for (int32_t i = 1; i < have.rank && move == 1; ++i) moved.dims[i] = have.dims[i + 1 < have.rank ? i + 1 : 1];
    for (int32_t i = 1; i < have.rank && move == 2; ++i) moved.dims[i] = have.dims[i == 1 ? have.rank - 1 : i - 1];
    bool fits = ln_verify_moved(&have, &moved, move, axes);
    for (int32_t i = 0; i < have.rank && fits; ++i) {
      fits = declared->signature.dims[i] < 0 || declared->signature.dims[i] == moved.dims[i];
    }
    if (fits) return moved;
  }
  return have;
}

ln_status ln_verify_feed_result(ln_verification *v, ln_verify_pair *pair, ln_error *err) {
  (void)v;
  for (int32_t i = 0; i < pair->source->input_count; ++i) {
    const int32_t to = ln_session_find_input(pair->r, pair->source->input_keys[i]);
    if (to < 0) return ln_fail(err, LN_ERR_INTERNAL, "the result lacks input \"%.80s\"", pair->source->input_keys[i]);
    const ln_shape shape = result_shape(ln_session_input(pair->r, to), &pair->inputs[i]);
    LN_TRY(ln_session_resize_input(pair->r, to, shape.dims, shape.rank, err));
  }
  LN_TRY(ln_session_prepare(pair->r, err));
  for (int32_t i = 0; i < pair->source->input_count; ++i) {
    const int32_t to = ln_session_find_input(pair->r, pair->source->input_keys[i]);
    const ln_array *from = &pair->inputs[i];
    const ln_shape have = ln_shape_make(from->rank, from->dims), *wanted = &ln_session_input(pair->r, to)->shape;
    ln_array moved = {0};
    if (!ln_shape_equal(&have, wanted)) LN_TRY(moved_input(from, wanted, err, &moved));
    const ln_status status =
        ln_session_set_input(pair->r, to, moved.data != NULL ? moved.data : from->data, from->bytes, err);
    ln_free(moved.data);
    LN_TRY(status);
  }
  return LN_OK;
}

/* ---- files ---- */

static int32_t find_key(const ln_signature *signature, const char *key, size_t length) {
  for (int32_t i = 0; i < signature->input_count; ++i) {
    if (strlen(signature->input_keys[i]) == length && memcmp(signature->input_keys[i], key, length) == 0) return i;
  }
  return -1;
}

static ln_status read_into(ln_verify_pair *pair, int32_t input, const char *path, ln_error *err) {
  ln_array array = {0};
  ln_status status = ln_npy_read(path, err, &array);
  if (status != LN_OK) {
    ln_error_prefix(err, "%.200s", path);
    return status;
  }
  const ln_type type = ln_session_input(pair->s, input)->type;
  if (array.type != type) {
    status = ln_fail(err, LN_ERR_TYPE, "%.200s holds %s, input \"%.80s\" takes %s", path, ln_type_name(array.type),
                     pair->source->input_keys[input], ln_type_name(type));
    ln_array_free(&array);
    return status;
  }
  ln_array_free(&pair->inputs[input]);
  pair->inputs[input] = array;
  pair->given[input] = true;
  return LN_OK;
}

/* "NAME=X.npy" goes to every signature that has such an input, "X.npy" to the next input of the first one. */
static ln_status read_file(ln_verification *v, const char *text, int32_t *place, ln_error *err) {
  const char *equals = strchr(text, '=');
  bool found = false;
  for (int32_t i = 0; i < v->pair_count && equals != NULL; ++i) {
    const int32_t input = find_key(v->pairs[i].source, text, (size_t)(equals - text));
    if (input < 0) continue;
    LN_TRY(read_into(&v->pairs[i], input, equals + 1, err));
    found = true;
  }
  if (found) return LN_OK;
  const ln_signature *first = v->pairs[0].source;
  if (equals != NULL && !ln_file_exists(text)) {
    return ln_fail(err, LN_ERR_ARGUMENT, "no input is called \"%.*s\"", (int)(equals - text < 80 ? equals - text : 80),
                   text);
  }
  if (*place >= first->input_count) {
    return ln_fail(err, LN_ERR_ARGUMENT, "%.200s is one too many: signature \"%.80s\" has %d inputs", text, first->key,
                   first->input_count);
  }
  return read_into(&v->pairs[0], (*place)++, text, err);
}

ln_status ln_verify_read_inputs(ln_verification *v) {
  int32_t place = 0;
  for (int32_t i = 0; i < v->options.input_count; ++i) LN_TRY(read_file(v, v->options.inputs[i], &place, v->err));
  return LN_OK;
}
