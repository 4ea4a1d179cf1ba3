/*
 * Select-TF operators that stand in a graph for what is around it: Const, NoOp, Assert, Print and PrintV2.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kernels/number_text.h"
#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/host.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/strings.h"

/* ---- NoOp, ControlTrigger ---- */

ln_status ln_no_op_run(const ln_node *node, ln_exec *exec) {
  (void)node;
  (void)exec;
  return LN_OK;
}

/* ---- Const ---- */

static ln_status constant_of(const ln_node *node, ln_error *err, ln_nodedef_tensor *out) {
  ln_nodedef def;
  LN_TRY(ln_attr_open(node, err, &def));
  if (!ln_nodedef_get_tensor(&def, "value", out)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute value is no tensor");
  }
  if (out->type == node->out[0]->type) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_TYPE, "the attribute value is %s, the output %s", ln_type_name(out->type),
                      ln_type_name(node->out[0]->type));
}

ln_status ln_const_infer(ln_node *node, ln_error *err) {
  ln_nodedef_tensor value;
  LN_TRY(constant_of(node, err, &value));
  return ln_node_set_shape(node, 0, &value.shape, err);
}

static ln_span text_at(const void *context, size_t i) { return ((const ln_span *)context)[i]; }

/* Strings that are left out repeat the last one there. */
static ln_status give_texts(const ln_node *node, const ln_nodedef_tensor *value, ln_error *err) {
  ln_wire_walker w = ln_nodedef_tensor_strings(value);
  ln_wire_field field;
  size_t count, bytes, at = 0;
  if (!ln_shape_elements(&value->shape, &count) || !ln_size_mul(count, sizeof(ln_span), &bytes)) bytes = SIZE_MAX;
  LN_TRY(ln_host_check_room(node, bytes, err));
  ln_span *texts = ln_alloc_array(count, sizeof *texts);
  if (texts == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  for (; at < count && ln_wire_walk_bytes(&w, &field); ++at) {
    texts[at] = (ln_span){(const char *)field.bytes.at, ln_wire_left(&field.bytes)};
  }
  for (; at > 0 && at < count; ++at) texts[at] = texts[at - 1];
  const ln_status status = ln_node_give_strings(node, 0, &value->shape, text_at, texts, err);
  ln_free(texts);
  return status;
}

ln_status ln_const_run(const ln_node *node, ln_exec *exec) {
  ln_nodedef_tensor value;
  LN_TRY(constant_of(node, exec->err, &value));
  if (value.type == LN_STRING) return give_texts(node, &value, exec->err);
  if (ln_nodedef_tensor_numbers(&value, node->out[0]->data, node->out[0]->bytes)) return LN_OK;
  return ln_node_fail(node, exec->err, LN_ERR_MODEL, "the attribute value holds other numbers than its shape says");
}

/* ---- values as text ---- */

/* What does not fit is left out. */
typedef struct text {
  char bytes[512];
  size_t size;
} text;

static void put(text *t, const char *data, size_t size) {
  for (size_t i = 0; i < size && t->size + 1 < sizeof t->bytes; ++i) {
    const bool shown = (unsigned char)data[i] >= ' ' && data[i] != 0x7F; /* no control characters in messages */
    t->bytes[t->size++] = shown ? data[i] : '?';
  }
  t->bytes[t->size] = '\0';
}

static void put_number(text *t, const ln_tensor *tensor, size_t index) {
  const char *at = (const char *)tensor->data + index * ln_type_bytes(tensor->type);
  char number[64];
  double real;
  int64_t integer;
  uint64_t natural;
  switch (tensor->type) {
    case LN_BOOL: put(t, *at != 0 ? "1" : "0", 1); return;
    case LN_FLOAT32:
    case LN_FLOAT64:
    case LN_FLOAT16:
    case LN_BFLOAT16:
      ln_k_cast(at, ln_number_of(tensor->type), &real, LN_NUMBER_F64, 1);
      snprintf(number, sizeof number, "%g", real);
      ln_k_plain_point(number);
      break;
    case LN_UINT64:
      memcpy(&natural, at, sizeof natural);
      snprintf(number, sizeof number, "%" PRIu64, natural);
      break;
    case LN_COMPLEX64:
    case LN_COMPLEX128: {
      const ln_number part = tensor->type == LN_COMPLEX64 ? LN_NUMBER_F32 : LN_NUMBER_F64;
      double parts[2];
      ln_k_cast(at, part, parts, LN_NUMBER_F64, 2);
      snprintf(number, sizeof number, "(%g,%g)", parts[0], parts[1]);
      break;
    }
    default:
      ln_k_cast(at, ln_number_of(tensor->type), &integer, LN_NUMBER_I64, 1);
      snprintf(number, sizeof number, "%" PRId64, integer);
  }
  put(t, number, strlen(number));
}

/* " [a b c...]": the first `most` elements (all with -1) of an input. */
static ln_status put_values(const ln_node *node, int32_t input, int64_t most, text *t, ln_error *err) {
  const ln_tensor *tensor = node->in[input];
  const size_t count = ln_shape_span(&tensor->shape, 0, tensor->shape.rank);
  LN_TRY(ln_node_check_strings(node, input, err));
  if (tensor->type != LN_STRING && ln_type_bits(tensor->type) < 8) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "input %d is %s", input, ln_type_name(tensor->type));
  }
  put(t, "[", 1);
  for (size_t i = 0; i < count && t->size + 1 < sizeof t->bytes; ++i) {
    if (i > 0) put(t, " ", 1);
    if (most >= 0 && i >= (uint64_t)most) {
      put(t, "...", 3);
      break;
    }
    if (tensor->type != LN_STRING) {
      put_number(t, tensor, i);
      continue;
    }
    const ln_span one = ln_string_at(tensor, i);
    put(t, one.data, one.size);
  }
  put(t, "]", 1);
  return LN_OK;
}

/* ---- Assert: condition, what to say when it does not hold ---- */

ln_status ln_assert_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *condition = node->in[0];
  int64_t most = 3;
  text said = {"", 0};
  if (ln_shape_span(&condition->shape, 0, condition->shape.rank) != 1) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the condition is not one truth value");
  }
  if (*(const uint8_t *)condition->data != 0) return LN_OK;
  LN_TRY(ln_attr_int(node, exec->err, "summarize", -1, INT32_MAX, &most));
  for (int32_t i = 1; i < node->in_count; ++i) {
    put(&said, " ", 1);
    LN_TRY(put_values(node, i, most, &said, exec->err));
  }
  return ln_node_fail(node, exec->err, LN_ERR_DATA, "the model's assertion does not hold:%s", said.bytes);
}

/* ---- Print: input > the same, and what to show with it; PrintV2: one string to show ---- */

ln_status ln_print_infer(ln_node *node, ln_error *err) { return ln_node_set_shape(node, 0, &node->in[0]->shape, err); }

ln_status ln_print_run(const ln_node *node, ln_exec *exec) {
  int64_t most = 3, times = -1;
  const char *message = "";
  size_t length = 0;
  text said = {"", 0};
  LN_TRY(ln_attr_int(node, exec->err, "summarize", -1, INT32_MAX, &most));
  LN_TRY(ln_attr_int(node, exec->err, "first_n", INT64_MIN, INT64_MAX, &times));
  LN_TRY(ln_attr_string(node, exec->err, "message", &message, &length));
  if (times < 0 || node->state->spent < (uint64_t)times) {
    ++node->state->spent;
    put(&said, message, length);
    for (int32_t i = 1; i < node->in_count; ++i) LN_TRY(put_values(node, i, most, &said, exec->err));
    ln_log(LN_LOG_WARNING, "%s", said.bytes);
  }
  return ln_hand_on(node, 0, exec);
}

ln_status ln_print_v2_run(const ln_node *node, ln_exec *exec) {
  static const char *const streams[] = {"stderr", "stdout", "log(warning)", "log(info)", "log(error)"};
  static const ln_log_level levels[] = {LN_LOG_WARNING, LN_LOG_WARNING, LN_LOG_WARNING, LN_LOG_INFO, LN_LOG_ERROR};
  int32_t stream = 0;
  text said = {"", 0};
  LN_TRY(ln_attr_choice(node, exec->err, "output_stream", streams, (int32_t)LN_COUNT(streams), &stream));
  LN_TRY(ln_node_check_strings(node, 0, exec->err));
  if (ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank) != 1) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "prints one string");
  }
  const ln_span line = ln_string_at(node->in[0], 0);
  put(&said, line.data, line.size);
  ln_log(levels[stream], "%s", said.bytes);
  return LN_OK;
}
