/*
 * Bytes as one operator: its row, element types out of the row's `types` cell, shapes, attributes and quantization.
 * It is prepared and run with the kernels of one of this CPU's tiers on one to three threads, and with the generic ones
 * on one: the same status, shapes and integers, floats within a bound.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "fuzz.h"
#include "support/build_model.h"

enum { MAX_ARITY = 24, MOST_ELEMENTS = 4096 };

/* ---- element types, out of a row's cell ---- */

typedef struct chosen {
  ln_type types[MAX_ARITY];
  bool absent[MAX_ARITY];
  int32_t count;
} chosen;

static ln_type pick_type(uint32_t types, fuzz_bytes *bytes) {
  ln_type choices[LN_TYPE_COUNT];
  uint32_t count = 0;
  for (int32_t i = 0; i < LN_TYPE_COUNT; ++i) {
    if ((types >> i & 1) != 0) choices[count++] = (ln_type)i;
  }
  return choices[fuzz_below(bytes, count)];
}

static void add_operand(const ln_op_operand *operand, ln_type type, fuzz_bytes *bytes, chosen *side) {
  const int32_t repeats = operand->repeated ? (int32_t)fuzz_below(bytes, 5) : 1;
  const bool absent = operand->optional && fuzz_below(bytes, 3) == 0;
  for (int32_t i = 0; i < repeats && side->count < MAX_ARITY; ++i) {
    side->types[side->count] = type;
    side->absent[side->count++] = absent;
  }
}

/* One of the row's alternatives; operands of one variable are of one type. */
static void pick_types(const ln_op_def *def, fuzz_bytes *bytes, chosen *in, chosen *out) {
  ln_type bound[LN_TYPE_COUNT];
  uint32_t is_bound = 0;
  ln_op_operand operand;
  const int32_t alternative = (int32_t)fuzz_below(bytes, (uint32_t)ln_op_alternatives(def));
  in->count = out->count = 0;
  for (int32_t i = 0; ln_op_operand_at(def, alternative, i, &operand); ++i) {
    const bool known = operand.variable >= 0 && (is_bound >> operand.variable & 1) != 0;
    const ln_type type = known ? bound[operand.variable] : pick_type(operand.types, bytes);
    if (operand.variable >= 0) {
      bound[operand.variable] = type;
      is_bound |= UINT32_C(1) << operand.variable;
    }
    add_operand(&operand, type, bytes, operand.output ? out : in);
  }
}

/* ---- shapes, data and attributes ---- */

static int32_t pick_dim(fuzz_bytes *bytes) {
  static const int32_t dims[] = {1, 2, 3, 4, 5, 1, 2, 7, 8, 0, 16, 17, 33, 64, 6, 3};
  return dims[fuzz_below(bytes, LN_COUNT(dims))];
}

/* Mostly what fits with the first input: itself, its last dimensions, one of them, ones among them. */
static ln_shape pick_shape(const ln_shape *first, fuzz_bytes *bytes) {
  ln_shape shape = *first;
  const uint32_t form = fuzz_below(bytes, 8);
  if (form == 0) return shape;
  if (form == 1 && shape.rank > 0) { /* a vector: as long as a dimension, or as the rank */
    const uint32_t axis = fuzz_below(bytes, (uint32_t)shape.rank + 1);
    shape.dims[0] = axis == (uint32_t)shape.rank ? shape.rank : first->dims[axis];
    shape.rank = 1;
  } else if (form == 2) {
    shape.rank = 0;
  } else if (form == 3) {
    for (int32_t i = 0; i < shape.rank; ++i) {
      if (fuzz_below(bytes, 2) == 0) shape.dims[i] = 1;
    }
  } else if (form == 4) {
    const int32_t drop = (int32_t)fuzz_below(bytes, (uint32_t)shape.rank + 1);
    for (int32_t i = drop; i < shape.rank; ++i) shape.dims[i - drop] = first->dims[i];
    shape.rank -= drop;
  } else if (form == 5 && shape.rank > 0) {
    shape.dims[fuzz_below(bytes, (uint32_t)shape.rank)] = pick_dim(bytes);
  } else {
    shape.rank = (int32_t)fuzz_below(bytes, 7);
    for (int32_t i = 0; i < shape.rank; ++i) {
      shape.dims[i] = fuzz_below(bytes, 3) == 0 && first->rank > 0 ? first->dims[first->rank - 1] : pick_dim(bytes);
    }
  }
  return shape;
}

static void limit_shape(ln_shape *shape) {
  size_t elements = 1;
  for (int32_t i = 0; i < shape->rank; ++i) {
    if (shape->dims[i] > 0 && elements * (size_t)shape->dims[i] > MOST_ELEMENTS) shape->dims[i] = 1;
    if (shape->dims[i] > 0) elements *= (size_t)shape->dims[i];
  }
}

static void fill_constant(uint8_t *data, ln_type type, size_t size, fuzz_bytes *bytes) {
  const size_t width = (size_t)ln_type_bits(type) / 8;
  const uint32_t start = fuzz_below(bytes, 256);
  for (size_t i = 0; i < size; ++i) data[i] = (uint8_t)(type == LN_BOOL ? (i + start) & 1 : i * 37 + start);
  if (width < 4) return;
  for (size_t i = 0; i + width <= size; i += width) {
    const int64_t integer = i / width < 8 ? (int8_t)fuzz_byte(bytes) % 9 : (int64_t)((i / width + start) % 5);
    const float real = (float)integer * 0.25f;
    memset(data + i, 0, width);
    if (type == LN_FLOAT32 || type == LN_COMPLEX64) memcpy(data + i, &real, 4);
    else memcpy(data + i, &integer, width < sizeof integer ? width : sizeof integer);
  }
}

static void quantize(ln_model *model, int32_t index, fuzz_bytes *bytes) {
  static const float scales[] = {1.0f / 128, 1.0f / 256, 0.05f, 1.0f, 1e-6f, 0.0f, 300.0f, 0.0117f};
  ln_tensor *tensor = build_tensor_at(model, index);
  const int32_t bits = ln_type_bits(tensor->type);
  if (bits == 0 || bits > 32 || tensor->type == LN_FLOAT32 || fuzz_below(bytes, 16) == 0) return;
  const float scale = scales[fuzz_below(bytes, LN_COUNT(scales))];
  const int64_t zero_point = bits == 8 ? (int64_t)fuzz_below(bytes, 3) * 3 : 0;
  build_quantize(model, index, scale, zero_point);
  if (fuzz_below(bytes, 4) != 0 || tensor->shape.rank == 0) return;
  ln_quant *quant = (ln_quant *)(uintptr_t)tensor->quant;
  const int32_t axis = (int32_t)fuzz_below(bytes, (uint32_t)tensor->shape.rank);
  const int32_t count = tensor->shape.dims[axis];
  float *all = ln_arena_array(&model->arena, (size_t)count + 1, sizeof *all);
  int64_t *zeros = ln_arena_array(&model->arena, (size_t)count + 1, sizeof *zeros);
  if (count == 0 || all == NULL || zeros == NULL) return;
  for (int32_t i = 0; i < count; ++i) all[i] = scale * (1.0f + (float)i / 8.0f);
  *quant = (ln_quant){LN_QUANT_AXIS, count, all, zeros, axis, -1, -1, 0, NULL};
}

static int32_t add_input(ln_model *model, ln_type type, const ln_shape *shape, fuzz_bytes *bytes) {
  static uint8_t data[MOST_ELEMENTS * 16];
  size_t size;
  int32_t index;
  const bool wide = type == LN_INT32 || type == LN_INT64;
  const bool constant = fuzz_below(bytes, 4) < (wide ? 3u : 1u);
  if (fuzz_below(bytes, 40) == 0) index = build_variable(model, type, shape->rank, shape->dims);
  else if (constant && ln_type_bits(type) > 0 && ln_tensor_size(type, shape, &size) && size <= sizeof data) {
    fill_constant(data, type, size, bytes);
    index = build_constant(model, type, shape->rank, shape->dims, data, size);
  } else {
    index = build_input(model, type, shape->rank, shape->dims);
  }
  quantize(model, index, bytes);
  return index;
}

static void pick_scalar(uint8_t *slot, ln_kind kind, fuzz_bytes *bytes) {
  static const int64_t rare[] = {-1, -2, 0, 127, 255, 65536, INT32_MAX, INT32_MIN};
  const uint32_t choice = fuzz_byte(bytes);
  int64_t value = choice < 128 ? 1 : choice < 240 ? choice % 4 : rare[choice % LN_COUNT(rare)];
  const float real = (float)value * 0.5f;
  if (kind == LN_KIND_bool) value &= choice >> 7;
  if (kind == LN_KIND_f32) memcpy(slot, &real, sizeof real);
  else memcpy(slot, &value, ln_kind_size(kind));
}

static void pick_options(ln_model *model, const ln_op *op, fuzz_bytes *bytes) {
  const ln_table_info *table = ln_schema_table(op->options_table);
  uint8_t *options = (uint8_t *)(uintptr_t)op->options;
  for (uint16_t i = 0; table != NULL && i < table->field_count; ++i) {
    const ln_field_info *field = &table->fields[i];
    const ln_kind kind = (ln_kind)field->kind;
    if (field->field_class == LN_CLASS_SCALAR && fuzz_below(bytes, 8) != 0) {
      pick_scalar(options + field->offset, kind, bytes);
    } else if (field->field_class == LN_CLASS_VECTOR) {
      const uint32_t count = fuzz_below(bytes, 7);
      uint8_t *values = ln_arena_array(&model->arena, count + 1, ln_kind_size(kind));
      if (values == NULL) return;
      for (uint32_t k = 0; k < count; ++k) pick_scalar(values + k * ln_kind_size(kind), kind, bytes);
      memcpy(options + field->offset, &(ln_vec_u8){values, count}, sizeof(ln_vec_u8));
    }
  }
}

/* By code, so that kept inputs mean the same when rows are added; one in four is a custom operator, by its place. */
static const ln_op_def *pick_row(fuzz_bytes *bytes) {
  int32_t builtins = 0;
  const int32_t code = fuzz_byte(bytes), kind = fuzz_byte(bytes);
  if ((kind & 3) != 0) return ln_op_find(code);
  while (ln_op_def_at(builtins)->code != LN_OP_CUSTOM || builtins <= LN_OP_CUSTOM) ++builtins;
  return ln_op_def_at(builtins + (code | kind >> 2 << 8) % (ln_op_def_count() - builtins));
}

static ln_model *build(fuzz_bytes bytes) {
  int32_t inputs[MAX_ARITY], outputs[MAX_ARITY];
  chosen in, out;
  const ln_op_def *def = pick_row(&bytes);
  if (def == NULL || def->types == NULL) return NULL;
  ln_model *model = build_model();
  pick_types(def, &bytes, &in, &out);
  ln_shape first = {0};
  first.rank = (int32_t)fuzz_below(&bytes, 6);
  for (int32_t i = 0; i < first.rank; ++i) first.dims[i] = pick_dim(&bytes);
  limit_shape(&first);
  for (int32_t i = 0; i < in.count; ++i) {
    ln_shape shape = i == 0 ? first : pick_shape(&first, &bytes);
    limit_shape(&shape);
    inputs[i] = in.absent[i] ? -1 : add_input(model, in.types[i], &shape, &bytes);
  }
  for (int32_t i = 0; i < out.count; ++i) {
    outputs[i] = build_output(model, out.types[i], 0, NULL);
    quantize(model, outputs[i], &bytes);
  }
  pick_options(model, build_op(model, def, in.count, inputs, out.count, outputs), &bytes);
  ln_op *op = &model->graphs[0].ops[0];
  if (def->code == LN_OP_CUSTOM) {
    op->custom_options = bytes.data;
    op->custom_options_size = bytes.size;
  }
  return model;
}

/* ---- two runs and their comparison ---- */

typedef struct outcome {
  ln_model *model;
  ln_session *session;
  ln_status status;
  ln_error err;
} outcome;

static void run(fuzz_bytes bytes, const ln_kernels *kernels, int32_t threads, outcome *out) {
  *out = (outcome){0};
  const uint32_t seed = (uint32_t)bytes.size;
  ln_kernels_use(kernels);
  out->model = build(bytes);
  out->status = out->model == NULL ? LN_ERR_ARGUMENT : ln_model_verify(out->model, &out->err);
  if (out->status == LN_OK) out->status = fuzz_session_on(out->model, threads, &out->err, &out->session);
  if (out->status == LN_OK && !fuzz_is_short(out->session)) out->status = LN_ERR_LIMIT;
  for (uint32_t i = 0; i < 2 && out->status == LN_OK; ++i) {
    fuzz_fill(out->session, seed + i);
    out->status = ln_session_run(out->session, &out->err);
    fuzz_check(out->status, &out->err);
  }
  ln_kernels_use(NULL);
}

static void release(outcome *one) {
  ln_session_destroy(one->session);
  ln_model_destroy(one->model);
}

static void complain(const outcome *one, const char *what, double got, double want) {
  fprintf(stderr, "%s: %s: %.9g with a tier's kernels, %.9g with the generic ones\n",
          one->model->graphs[0].ops[0].def->name, what, got, want);
  abort();
}

/* `bound` is a part of the largest value; it takes in the rounding of narrow types. */
static void compare_floats(const outcome *one, const float *got, const float *want, size_t count, float bound) {
  float largest = 0;
  for (size_t i = 0; i < count; ++i) largest = isfinite(want[i]) ? fmaxf(largest, fabsf(want[i])) : largest;
  if (largest > 1e30f) return; /* near infinity, the order of additions decides */
  for (size_t i = 0; i < count; ++i) {
    if (isnan(want[i])   ? isnan(got[i])
        : isinf(want[i]) ? got[i] == want[i]
                         : fabsf(got[i] - want[i]) <= bound * largest)
      continue;
    complain(one, "a float", (double)got[i], (double)want[i]);
  }
}

static void compare_narrow(const outcome *one, const ln_tensor *got, const ln_tensor *want) {
  static float values[2][1 << 16];
  const size_t count = ln_tensor_elements(got);
  if (count > LN_COUNT(values[0])) return;
  ln_error err;
  if (ln_tensor_copy_to_f32(got, values[0], count, &err) != LN_OK) abort();
  if (ln_tensor_copy_to_f32(want, values[1], count, &err) != LN_OK) abort();
  compare_floats(one, values[0], values[1], count, got->type == LN_FLOAT16 ? 1e-3f : 1e-2f);
}

static void compare(const outcome *one, const outcome *other) {
  if (one->status != other->status) complain(one, "status", one->status, other->status);
  const ln_op_def *def = one->model->graphs[0].ops[0].def;
  if (one->status != LN_OK || def->options == LN_TABLE_random_options) return; /* without a seed, no two are alike */
  for (int32_t i = 0; i < ln_session_output_count(one->session); ++i) {
    const ln_tensor *a = ln_session_output(one->session, i), *b = ln_session_output(other->session, i);
    if (!ln_shape_equal(&a->shape, &b->shape)) complain(one, "elements", (double)a->bytes, (double)b->bytes);
    const size_t bytes = ln_tensor_bytes(a);
    if (a->data == NULL || b->data == NULL || bytes == 0) continue;
    if (a->type == LN_FLOAT32 || a->type == LN_COMPLEX64) compare_floats(one, a->data, b->data, bytes / 4, 1e-4f);
    else if (a->type == LN_FLOAT16 || a->type == LN_BFLOAT16) compare_narrow(one, a, b);
    else if (ln_type_bits(a->type) > 0 && ln_type_bits(a->type) <= 64 && memcmp(a->data, b->data, bytes) != 0) {
      complain(one, "output bytes of output", i, i);
    }
  }
}

/* The tiers that this CPU has, from the plainest on; in place of one it lacks the plainest. */
static const ln_kernels *tier(int32_t isa) {
  static ln_kernels tiers[8];
  static bool made[8];
  if (!ln_isa_includes(ln_cpu_isa(), (ln_isa)isa)) isa = LN_ISA_GENERIC;
  if (!made[isa]) tiers[isa] = ln_kernels_for((ln_isa)isa);
  made[isa] = true;
  return &tiers[isa];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  outcome fast, plain;
  const uint32_t choice = size == 0 ? 0 : data[size - 1];
  run((fuzz_bytes){data, size}, tier((int32_t)(choice % ((uint32_t)ln_cpu_isa() + 1))), 1 + (int32_t)(choice >> 4) % 3,
      &fast);
  run((fuzz_bytes){data, size}, tier(LN_ISA_GENERIC), 1, &plain);
  if (fast.model != NULL) compare(&fast, &plain);
  release(&fast);
  release(&plain);
  return 0;
}
