/*
 * Stand-ins: types that a row takes but its functions do not read ("~" in its cell) reach them as other types, in the
 * node's scratch, so that one kernel serves many types.
 *   strings              the number of each among all strings of the inputs, from 1; 0 is the empty string. For
 *                        operators that only move elements: what they leave in an output says which string goes there.
 *   int4, int2, uint4    a byte an element
 *   float16, bfloat16    float32
 *   integers             int64, stored modulo their own type; uint64 keeps its bits, or with LN_OPF_ORDERS its order
 */
#include "ops/elementwise.h"
#include "ops/strings.h"

typedef struct stand_in {
  ln_tensor tensor; /* as the kernels see it */
  size_t offset;    /* of its data in the node's scratch */
  uint32_t first;   /* of strings: the number of the first */
} stand_in;

struct ln_stand_ins {
  ln_node inner;      /* the node as the row's functions see it */
  stand_in **in;      /* [in_count]; NULL where the tensor itself is handed on */
  stand_in **out;     /* [out_count] */
  size_t own_scratch; /* bytes of all stand-ins; the row's own scratch follows */
};

ln_type ln_stand_in_type(ln_type type) {
  switch (type) {
    case LN_STRING: return LN_UINT32;
    case LN_INT4:
    case LN_INT2: return LN_INT8;
    case LN_UINT4: return LN_UINT8;
    case LN_FLOAT16:
    case LN_BFLOAT16: return LN_FLOAT32;
    default: return LN_INT64;
  }
}

/* Weights are read in whatever form they come in: the input that never has a stand-in; -1 for none. */
static int32_t kept_input(const ln_op_def *def) { return (def->flags & LN_OPF_READS_WEIGHTS) != 0 ? 1 : -1; }

static bool stands_in(uint32_t types, const ln_tensor *tensor) {
  return tensor != NULL && (types >> tensor->type & 1) != 0;
}

/* ---- prepare ---- */

static ln_status add_one(ln_node *node, ln_prep *prep, const ln_tensor *original, stand_in **out, size_t *scratch) {
  stand_in *made = ln_arena_alloc(prep->arena, sizeof *made);
  size_t bytes, end;
  if (made == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  *made = (stand_in){.tensor = *original, .offset = *scratch};
  made->tensor.type = ln_stand_in_type(original->type);
  made->tensor.storage = LN_STORAGE_NONE;
  made->tensor.is_variable = false;
  made->tensor.data = NULL;
  if (!ln_tensor_size(made->tensor.type, &original->shape, &bytes) || !ln_size_add(*scratch, bytes, &end) ||
      !ln_size_align(end, LN_ALIGNMENT, scratch)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "\"%.100s\" is too large", original->name);
  }
  made->tensor.bytes = bytes;
  *out = made;
  return LN_OK;
}

static ln_status add_all(ln_node *node, ln_prep *prep, uint32_t types, ln_tensor *const *tensors, int32_t count,
                         int32_t kept, stand_in ***made, ln_tensor ***seen, size_t *scratch) {
  *made = ln_arena_array(prep->arena, (size_t)count + 1, sizeof **made);
  *seen = ln_arena_array(prep->arena, (size_t)count + 1, sizeof **seen);
  if (*made == NULL || *seen == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  for (int32_t i = 0; i < count; ++i) {
    (*made)[i] = NULL;
    (*seen)[i] = tensors[i];
    if (i == kept || !stands_in(types, tensors[i])) continue;
    LN_TRY(add_one(node, prep, tensors[i], &(*made)[i], scratch));
    (*seen)[i] = &(*made)[i]->tensor;
  }
  return LN_OK;
}

ln_status ln_node_prepare(ln_node *node, ln_prep *prep) {
  node->stand_ins = NULL;
  if (!LN_HAS_STAND_INS) return node->op->def->prepare(node, prep);
  const uint32_t types = ln_op_stood_in(node->op->def);
  bool any = false;
  const int32_t kept = kept_input(node->op->def);
  for (int32_t i = 0; i < node->in_count; ++i) any = any || (i != kept && stands_in(types, node->in[i]));
  for (int32_t i = 0; i < node->out_count; ++i) any = any || stands_in(types, node->out[i]);
  if (!any) return node->op->def->prepare(node, prep);
  struct ln_stand_ins *all = ln_arena_alloc(prep->arena, sizeof *all);
  if (all == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  *all = (struct ln_stand_ins){.inner = *node};
  LN_TRY(add_all(node, prep, types, node->in, node->in_count, kept, &all->in, &all->inner.in, &all->own_scratch));
  LN_TRY(add_all(node, prep, types, node->out, node->out_count, -1, &all->out, &all->inner.out, &all->own_scratch));
  LN_TRY(node->op->def->prepare(&all->inner, prep));
  node->stand_ins = all;
  node->args = all->inner.args;
  node->thread_scratch_bytes = all->inner.thread_scratch_bytes;
  if (ln_size_add(all->own_scratch, all->inner.scratch_bytes, &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "needs more scratch than can be addressed");
}

/* ---- from a tensor to its stand-in and back ---- */

typedef struct conversion {
  const ln_tensor *original, *seen;
  bool back, keeps_order;
} conversion;

static void flip_sign(uint64_t *values, size_t count) {
  for (size_t i = 0; i < count; ++i) values[i] ^= UINT64_C(1) << 63;
}

static void convert_span(const void *context, size_t first, size_t count) {
  const conversion *c = context;
  const ln_type type = c->original->type, seen = c->seen->type;
  const int32_t bits = ln_type_bits(type);
  char *narrow = (char *)c->original->data + first * (size_t)bits / 8; /* bounded: a span begins at a whole byte */
  char *wide = (char *)c->seen->data + first * ln_type_bytes(seen);
  if (bits < 8) {
    if (c->back) ln_k_pack_bits((const uint8_t *)wide, count, bits, (uint8_t *)narrow);
    else ln_k_unpack_bits((const uint8_t *)narrow, 0, count, bits, type != LN_UINT4, (int8_t *)wide);
    return;
  }
  if (c->back) ln_k_cast(wide, ln_number_of(seen), narrow, ln_number_of(type), count);
  else ln_k_cast(narrow, ln_number_of(type), wide, ln_number_of(seen), count);
  if (type == LN_UINT64 && c->keeps_order) flip_sign((uint64_t *)(void *)(c->back ? narrow : wide), count);
}

static void convert(const ln_node *node, const ln_exec *exec, const ln_tensor *original, const ln_tensor *seen,
                    bool back) {
  const conversion c = {original, seen, back, (node->op->def->flags & LN_OPF_ORDERS) != 0};
  const size_t count = ln_shape_span(&original->shape, 0, original->shape.rank);
  ln_spans_run(exec->pool, count, LN_ELEMENT_GRAIN, convert_span, &c);
}

/* Numbers the strings of input `index` from `*next` on. */
static ln_status number_strings(const ln_node *node, int32_t index, uint32_t *next, ln_error *err) {
  stand_in *made = node->stand_ins->in[index];
  const size_t count = ln_shape_span(&made->tensor.shape, 0, made->tensor.shape.rank);
  uint32_t *numbers = made->tensor.data;
  LN_TRY(ln_node_check_strings(node, index, err));
  if (count > UINT32_MAX - *next) return ln_node_fail(node, err, LN_ERR_LIMIT, "too many strings");
  made->first = *next;
  for (size_t i = 0; i < count; ++i) numbers[i] = (*next)++;
  return LN_OK;
}

typedef struct numbered {
  const ln_node *node;
  const uint32_t *numbers;
} numbered;

/* The string of a number: of the last input that begins at or before it. */
static ln_span text_of(const void *context, size_t i) {
  const numbered *n = context;
  const uint32_t number = n->numbers[i];
  const ln_node *node = n->node;
  int32_t owner = -1;
  for (int32_t k = 0; k < node->in_count; ++k) {
    const stand_in *made = node->stand_ins->in[k];
    if (number > 0 && made != NULL && node->in[k]->type == LN_STRING && made->first <= number) owner = k;
  }
  if (owner < 0) return (ln_span){"", 0};
  const ln_tensor *from = node->in[owner];
  const size_t index = number - node->stand_ins->in[owner]->first;
  /* A number that no string has would be a kernel's mistake: it did more than move elements. */
  return index < ln_shape_span(&from->shape, 0, from->shape.rank) ? ln_string_at(from, index) : (ln_span){"", 0};
}

/* ---- run ---- */

static ln_status fill_inputs(const ln_node *node, const ln_exec *exec) {
  uint32_t next = 1;
  for (int32_t i = 0; i < node->in_count; ++i) {
    stand_in *made = node->stand_ins->in[i];
    if (made == NULL) continue;
    made->tensor.data = (char *)exec->scratch + made->offset;
    if (node->in[i]->type == LN_STRING) LN_TRY(number_strings(node, i, &next, exec->err));
    else convert(node, exec, node->in[i], &made->tensor, false);
  }
  return LN_OK;
}

static ln_status give_outputs(const ln_node *node, const ln_exec *exec) {
  for (int32_t i = 0; i < node->out_count; ++i) {
    const stand_in *made = node->stand_ins->out[i];
    if (made == NULL) continue;
    if (node->out[i]->type == LN_STRING) {
      const numbered n = {node, made->tensor.data};
      LN_TRY(ln_node_give_strings(node, i, &made->tensor.shape, text_of, &n, exec->err));
    } else {
      convert(node, exec, node->out[i], &made->tensor, true);
    }
  }
  return LN_OK;
}

ln_status ln_node_run(const ln_node *node, ln_exec *exec) {
  struct ln_stand_ins *all = node->stand_ins;
  if (node->idle) return LN_OK;
  if (!LN_HAS_STAND_INS || all == NULL) return node->op->def->run(node, exec);
  LN_TRY(fill_inputs(node, exec));
  for (int32_t i = 0; i < node->out_count; ++i) {
    if (all->out[i] != NULL) all->out[i]->tensor.data = (char *)exec->scratch + all->out[i]->offset;
  }
  ln_exec inner = *exec;
  inner.scratch = (char *)exec->scratch + all->own_scratch;
  LN_TRY(node->op->def->run(&all->inner, &inner));
  return give_outputs(node, exec);
}
