/* Loops and branches, composites, custom calls that are known, tuples and tokens. */
#include <stdio.h>
#include <string.h>

#include "import/stablehlo/lower.h"

/* ---- values as lists of tensors: complex ones are two, tokens none ---- */

static int32_t parts_of(const ln_mlir_type *type) {
  if (type->form != LN_MLIR_TENSOR) return 0;
  return ln_mlir_element_at(type->element)->kind == LN_MLIR_COMPLEX ? 2 : 1;
}

static int32_t put_parts(ln_shlo_frame *f, ln_shlo_value v, const ln_mlir_type *type, int32_t *out) {
  const int32_t count = parts_of(type);
  v = ln_shlo_spread(f, v, type);
  if (count > 0) out[0] = v.tensor;
  if (count > 1) out[1] = v.imag;
  return count;
}

static int32_t take_parts(ln_shlo_frame *f, const ln_mlir_value *value, const int32_t *in) {
  const int32_t count = parts_of(value->type);
  ln_shlo_value v = ln_shlo_of(f, count > 0 ? in[0] : -1);
  if (count > 1) v.imag = in[1];
  ln_shlo_set(f, value, v);
  return count;
}

static bool has_tuples(const ln_mlir_op *op) {
  for (int32_t i = 0; i < op->operand_count; ++i) {
    if (op->operands[i]->type->form == LN_MLIR_TUPLE) return true;
  }
  return false;
}

/* ---- loops ---- */

typedef struct {
  ln_shlo_frame *outer;
  const ln_mlir_op *op;
  bool *fixed;   /* [operand_count] what no step changes: it is taken from outside */
  int32_t count; /* tensors that are carried */
} ln_loop;

/* Opens a frame for one of the loop's regions. */
static bool enter_loop(const ln_loop *l, ln_emit *sub, const ln_mlir_region *region, const int32_t *in,
                       ln_shlo_frame *out) {
  if (!ln_shlo_open(out, l->outer, sub, l->outer->function, l->outer->s)) return false;
  int32_t used = 0;
  for (int32_t i = 0; i < l->op->operand_count; ++i) {
    if (l->fixed[i]) ln_shlo_set(out, &region->args[i], ln_shlo_in(l->outer, l->op, i));
    else used += take_parts(out, &region->args[i], in + used);
  }
  return !ln_emit_failed(sub);
}

static bool loop_test(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const ln_loop *l = user;
  ln_shlo_frame inside;
  ln_shlo_value result;
  bool good =
      enter_loop(l, sub, &l->op->regions[0], in, &inside) && ln_shlo_region(&inside, &l->op->regions[0], 1, &result);
  if (good) *out = result.tensor;
  ln_shlo_close(&inside);
  return good;
}

static bool loop_body(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const ln_loop *l = user;
  const ln_mlir_op *op = l->op;
  ln_shlo_frame inside;
  ln_shlo_value *results = ln_alloc_array((size_t)op->operand_count + 1, sizeof *results);
  if (results == NULL) return ln_import_no_memory(sub->import) > 0;
  bool good = enter_loop(l, sub, &op->regions[1], in, &inside) &&
              ln_shlo_region(&inside, &op->regions[1], op->operand_count, results);
  int32_t used = 0;
  for (int32_t i = 0; good && i < op->operand_count; ++i) {
    if (!l->fixed[i]) used += put_parts(&inside, results[i], op->operands[i]->type, out + used);
  }
  ln_shlo_close(&inside);
  ln_free(results);
  return good && !ln_emit_failed(sub);
}

static bool run_loop(ln_shlo_frame *f, const ln_mlir_op *op, ln_loop *l, int32_t *tensors) {
  const ln_mlir_op *end = ln_shlo_return(&op->regions[1]);
  const int32_t room = 2 * op->operand_count;
  int32_t *initial = tensors, *results = tensors + room;
  for (int32_t i = 0; i < op->operand_count; ++i) {
    l->fixed[i] = end->operands[i] == &op->regions[1].args[i];
    const ln_shlo_value v = ln_shlo_in(f, op, i);
    if (l->fixed[i]) ln_shlo_set(f, op->operands[i], ln_shlo_spread(f, v, op->operands[i]->type));
    else l->count += put_parts(f, v, op->operands[i]->type, initial + l->count);
  }
  if (!ln_emit_while(f->e, l->count, initial, loop_test, l, loop_body, l, results)) return false;
  for (int32_t i = 0, used = 0; i < op->operand_count; ++i) {
    if (l->fixed[i]) ln_shlo_set(f, &op->results[i], ln_shlo_in(f, op, i));
    else used += take_parts(f, &op->results[i], results + used);
  }
  return true;
}

bool ln_shlo_loop(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  if (op->region_count != 2 || op->result_count != op->operand_count || op->regions[0].arg_count != op->operand_count ||
      op->regions[1].arg_count != op->operand_count) {
    return ln_shlo_refuse(f, "its regions do not fit its variables");
  }
  const ln_mlir_op *end = ln_shlo_return(&op->regions[1]);
  if (end == NULL || end->operand_count != op->operand_count || has_tuples(op))
    return ln_shlo_refuse(f, "its body does not return its variables");
  if (f->s->depth >= 64) return ln_shlo_refuse(f, "loops and calls are nested more than 64 deep");
  ln_loop l = {.outer = f, .op = op, .fixed = ln_alloc_array((size_t)op->operand_count + 1, sizeof(bool))};
  int32_t *tensors = ln_alloc_array((size_t)op->operand_count * 4 + 1, sizeof *tensors);
  ++f->s->depth;
  const bool good =
      l.fixed != NULL && tensors != NULL ? run_loop(f, op, &l, tensors) : ln_import_no_memory(f->e->import) > 0;
  --f->s->depth;
  ln_free(l.fixed);
  ln_free(tensors);
  return good;
}

/* ---- branches ---- */

typedef struct {
  ln_shlo_frame *outer;
  const ln_mlir_op *op;
  int32_t branch, count; /* the first one that may be taken; tensors that come out */
  int32_t index;         /* of case: in the outer graph */
} ln_branches;

static bool one_branch(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const ln_branches *b = user;
  const ln_mlir_op *op = b->op;
  ln_shlo_frame inside;
  ln_shlo_value *results = ln_alloc_array((size_t)op->result_count + 1, sizeof *results);
  (void)in;
  if (results == NULL || !ln_shlo_open(&inside, b->outer, sub, b->outer->function, b->outer->s)) {
    ln_free(results);
    return ln_import_no_memory(sub->import) > 0;
  }
  const bool good = ln_shlo_region(&inside, &op->regions[b->branch], op->result_count, results);
  int32_t used = 0;
  for (int32_t i = 0; good && i < op->result_count; ++i)
    used += put_parts(&inside, results[i], op->results[i].type, out + used);
  ln_shlo_close(&inside);
  ln_free(results);
  return good && !ln_emit_failed(sub);
}

static bool choose(ln_emit *e, const ln_branches *b, int32_t *out);

static bool later_branches(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const ln_branches *b = user;
  ln_branches rest = *b;
  (void)in;
  ++rest.branch;
  return choose(sub, &rest, out);
}

/* The branch of that index, or one of those behind it; the last one for all other indices. */
static bool choose(ln_emit *e, const ln_branches *b, int32_t *out) {
  ln_branches this = *b;
  if (b->branch == b->op->region_count - 1) return one_branch(e, NULL, out, &this);
  const int32_t index = ln_emit_capture(e, b->outer->e, b->index);
  const int32_t taken = ln_emit_compare(e, LN_OP_EQUAL, index, ln_emit_i32(e, b->branch));
  return ln_emit_if(e, taken, one_branch, &this, later_branches, &this, b->count, out);
}

bool ln_shlo_branch(ln_shlo_frame *f, const ln_mlir_op *op, int32_t by_index) {
  ln_branches b = {.outer = f, .op = op};
  if (op->operand_count != 1 || op->region_count < 1 || (!by_index && op->region_count != 2))
    return ln_shlo_refuse(f, "its regions do not fit");
  if (op->region_count > 32) return ln_shlo_refuse(f, "more than 32 branches");
  if (f->s->depth >= 64) return ln_shlo_refuse(f, "branches and calls are nested more than 64 deep");
  b.index = ln_shlo_full(f, op, 0);
  int32_t *results = ln_alloc_array((size_t)op->result_count * 2 + 1, sizeof *results);
  if (b.index < 0 || results == NULL) {
    ln_free(results);
    return false;
  }
  for (int32_t i = 0; i < op->result_count; ++i) b.count += parts_of(op->results[i].type);
  ln_branches other = b;
  other.branch = 1;
  ++f->s->depth;
  const bool good = by_index ? choose(f->e, &b, results)
                             : ln_emit_if(f->e, b.index, one_branch, &b, one_branch, &other, b.count, results);
  --f->s->depth;
  for (int32_t i = 0, used = 0; good && i < op->result_count; ++i)
    used += take_parts(f, &op->results[i], results + used);
  ln_free(results);
  return good;
}

/* ---- what hands on its operands ---- */

bool ln_shlo_same(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  if (op->operand_count < op->result_count) return ln_shlo_refuse(f, "it has fewer operands than results");
  for (int32_t i = 0; i < op->result_count; ++i) ln_shlo_set(f, &op->results[i], ln_shlo_in(f, op, i));
  return !ln_emit_failed(f->e);
}

bool ln_shlo_token(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  (void)unused;
  for (int32_t i = 0; i < op->result_count; ++i) ln_shlo_set(f, &op->results[i], ln_shlo_of(f, -1));
  return true;
}

bool ln_shlo_tuple(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_shlo_value v = ln_shlo_of(f, -1);
  (void)unused;
  if (op->result_count != 1) return false;
  v.parts = ln_mlir_new(f->s->m, (size_t)op->operand_count, sizeof *v.parts);
  if (v.parts == NULL) return false;
  for (; v.count < op->operand_count; ++v.count) v.parts[v.count] = ln_shlo_in(f, op, v.count);
  ln_shlo_set(f, &op->results[0], v);
  return true;
}

bool ln_shlo_tuple_element(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int64_t index = ln_mlir_int(op, "index", -1);
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  (void)unused;
  if (index < 0 || index >= v.count || op->result_count != 1) return ln_shlo_refuse(f, "the tuple has no such element");
  ln_shlo_set(f, &op->results[0], v.parts[index]);
  return true;
}

/* ---- composites and custom calls ---- */

typedef struct {
  const char *name,
      *as; /* as: the operation that it is; "": nothing is to be done; NULL: the operands are the results */
} ln_known_call;
static const ln_known_call known_calls[] = {
#define LN_CUSTOM_CALL(name, as) {name, as},
#include "import/stablehlo/custom_calls.def"
};

static const ln_known_call *find_call(const char *name) {
  for (size_t i = 0; name != NULL && i < LN_COUNT(known_calls); ++i) {
    if (strcmp(known_calls[i].name, name) == 0) return &known_calls[i];
  }
  return NULL;
}

/* Attributes that a composite or a custom call holds in a dictionary of its own stand beside the others. */
static bool run_as(ln_shlo_frame *f, const ln_mlir_op *op, const char *name, const ln_mlir_attr *attrs) {
  ln_mlir_op as = *op;
  as.name = name;
  if (attrs != NULL && attrs->kind == LN_MLIR_DICT) as.attrs = attrs;
  return ln_shlo_operation(f, &as);
}

bool ln_shlo_composite(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_known_call *known = find_call(ln_mlir_string(op, "name"));
  (void)unused;
  if (known != NULL && known->as != NULL && known->as[0] != '\0')
    return run_as(f, op, known->as, ln_mlir_attr_of(op, "composite_attributes"));
  return ln_shlo_call(f, op, ln_mlir_string(op, "decomposition"));
}

bool ln_shlo_custom_call(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const char *target = ln_mlir_string(op, "call_target_name");
  const ln_known_call *known = find_call(target);
  (void)unused;
  if (known == NULL) {
    ln_emit_refuse(f->e, "custom_call to \"%.80s\" is code outside of the file; write it in operations of StableHLO",
                   target == NULL ? "" : target);
    return false;
  }
  if (known->as == NULL) return ln_shlo_same(f, op, 0);
  if (known->as[0] == '\0') return ln_shlo_token(f, op, 0);
  const ln_mlir_attr *inside = ln_mlir_attr_of(op, "mhlo.attributes");
  return run_as(f, op, known->as, inside);
}
