/* What Select-TF operators on text refuse, and that they say why: each is run alone on what TensorFlow refuses too. */
#include <stdio.h>

#include "ir/wire.h"
#include "linnet/linnet.h"
#include "support/unit.h"

enum { MOST = 6, LONGEST = 8 };

/* An attribute: a string, or with none an integer; of a type, its number; of a list, the integers of `list`. */
typedef struct attr {
  const char *key, *text;
  int64_t number;
  char kind; /* s, i, b, t, l */
  int64_t list[4];
  int32_t count;
} attr;

#define S(key_, text_) \
  { .key = (key_), .text = (text_), .kind = 's' }
#define I(key_, number_) \
  { .key = (key_), .number = (number_), .kind = 'i' }
#define B(key_) \
  { .key = (key_), .number = 1, .kind = 'b' }
#define L1(key_, a_) \
  { .key = (key_), .kind = 'l', .list = {a_}, .count = 1 }

/* An input: strings up to a NULL, or numbers, as a vector; a scalar with `scalar`. */
typedef struct input {
  const char *texts[LONGEST];
  int32_t numbers[LONGEST];
  int32_t count;
  ln_type type; /* LN_FLOAT32, which is 0: strings */
  bool scalar;
} input;

#define TEXT(...)            \
  {                          \
    .texts = { __VA_ARGS__ } \
  }
#define ONE(text_) \
  { .texts = {text_}, .scalar = true }
#define INTS(count_, ...) \
  { .numbers = {__VA_ARGS__}, .count = (count_), .type = LN_INT32 }
#define INT(value_) \
  { .numbers = {value_}, .count = 1, .type = LN_INT32, .scalar = true }
#define LONGS(count_, ...) \
  { .numbers = {__VA_ARGS__}, .count = (count_), .type = LN_INT64 }
#define LONG(value_) \
  { .numbers = {value_}, .count = 1, .type = LN_INT64, .scalar = true }
#define REAL(count_) \
  { .count = (count_), .type = LN_INT8 }

typedef struct refusal {
  const char *op;
  input inputs[MOST];
  int32_t input_count;
  ln_type outputs[5];
  int32_t output_count;
  attr attrs[MOST];
  const char *says;
} refusal;

/* ---- a NodeDef, and the FlexBuffers vector of it and the operator's name, all of 4-byte words ---- */

static void put_attr(ln_bytes *node, const attr *a) {
  ln_bytes value = {0}, entry = {0}, list = {0};
  if (a->kind == 's') ln_wire_put_bytes(&value, 2, a->text, strlen(a->text));
  if (a->kind == 'i') ln_wire_put_number(&value, 3, (uint64_t)a->number);
  if (a->kind == 'b') ln_wire_put_number(&value, 5, 1);
  for (int32_t i = 0; i < a->count; ++i) ln_wire_put_number(&list, 3, (uint64_t)a->list[i]);
  if (a->kind == 'l') ln_wire_put_bytes(&value, 1, list.data, list.size);
  ln_wire_put_bytes(&entry, 1, a->key, strlen(a->key));
  ln_wire_put_bytes(&entry, 2, value.data, value.size);
  ln_wire_put_bytes(node, 5, entry.data, entry.size);
  ln_bytes_free(&value);
  ln_bytes_free(&entry);
  ln_bytes_free(&list);
}

static void put_word(ln_bytes *out, uint32_t word) { ln_bytes_add(out, &word, sizeof word); }

static size_t put_string(ln_bytes *out, const void *data, size_t size) {
  put_word(out, (uint32_t)size);
  const size_t at = out->size;
  ln_bytes_add(out, data, size);
  for (size_t i = size % 4; i < 4; ++i) ln_bytes_byte(out, 0);
  return at;
}

static ln_bytes make_options(const refusal *r) {
  enum { STRING = 5 << 2 | 2, VECTOR = 10 << 2 | 2 };
  ln_bytes node = {0}, out = {0};
  ln_wire_put_bytes(&node, 1, "n", 1);
  ln_wire_put_bytes(&node, 2, r->op + 4, strlen(r->op + 4));
  for (int32_t i = 0; i < MOST && r->attrs[i].key != NULL; ++i) put_attr(&node, &r->attrs[i]);
  const size_t name = put_string(&out, r->op + 4, strlen(r->op + 4));
  const size_t message = put_string(&out, node.data, node.size);
  put_word(&out, 2);
  put_word(&out, (uint32_t)(out.size - name));
  put_word(&out, (uint32_t)(out.size - message));
  ln_bytes_add(&out, (const uint8_t[]){STRING, STRING, 10, VECTOR, 1}, 5);
  ln_bytes_free(&node);
  return out;
}

/* ---- a trial ---- */

static ln_bytes number_data(const input *in) {
  ln_bytes out = {0};
  for (int32_t i = 0; i < in->count; ++i) {
    const int64_t wide = in->numbers[i];
    ln_bytes_add(&out, &wide, in->type == LN_INT64 ? 8 : in->type == LN_INT32 ? 4 : 1);
  }
  return out;
}

static ln_bytes string_data(const input *in, int32_t *count) {
  ln_bytes out = {0};
  *count = 0;
  while (*count < LONGEST && in->texts[*count] != NULL) ++*count;
  uint32_t end = 4 * ((uint32_t)*count + 2);
  put_word(&out, (uint32_t)*count);
  put_word(&out, end);
  for (int32_t i = 0; i < *count; ++i) put_word(&out, end += (uint32_t)strlen(in->texts[i]));
  for (int32_t i = 0; i < *count; ++i) ln_bytes_add(&out, in->texts[i], strlen(in->texts[i]));
  return out;
}

static void check(const refusal *r) {
  ln_bytes data[MOST] = {{0}}, options = make_options(r);
  int32_t dims[MOST];
  ln_trial_tensor in[MOST], out[5];
  ln_error err = {LN_OK, ""};
  for (int32_t i = 0; i < r->input_count; ++i) {
    const input *from = &r->inputs[i];
    const bool text = from->type == LN_FLOAT32;
    dims[i] = from->count;
    data[i] = text ? string_data(from, &dims[i]) : number_data(from);
    in[i] = (ln_trial_tensor){.size = sizeof in[i],
                              .type = text ? LN_STRING : from->type,
                              .rank = from->scalar ? 0 : 1,
                              .dims = &dims[i],
                              .data = data[i].data != NULL ? (const void *)data[i].data : "",
                              .bytes = data[i].size};
  }
  for (int32_t i = 0; i < r->output_count; ++i) {
    out[i] = (ln_trial_tensor){.size = sizeof out[i], .type = r->outputs[i], .rank = 0};
  }
  const ln_op_trial trial = {.size = sizeof trial,
                             .name = r->op,
                             .options = options.data,
                             .options_size = options.size,
                             .inputs = in,
                             .input_count = r->input_count,
                             .outputs = out,
                             .output_count = r->output_count};
  const ln_status status = ln_op_try(&trial, &err);
  for (int32_t i = 0; i < MOST; ++i) ln_bytes_free(&data[i]);
  ln_bytes_free(&options);
  if (status == LN_OK) fail_msg("%s is not refused: %s", r->op, r->says);
  if (strstr(err.message, r->says) == NULL) fail_msg("%s says \"%s\", not \"%s\"", r->op, err.message, r->says);
}

/* ---- what is refused ---- */

#define STR LN_STRING
static const refusal refusals[] = {
#include "text_refusals.inc"
};

static void each_is_refused_with_a_reason(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(refusals); ++i) check(&refusals[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_is_refused_with_a_reason),
  };
  return cmocka_run_group_tests_name("ops.text_refusal", tests, NULL, NULL);
}
