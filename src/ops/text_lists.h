/*
 * What the operators on text share: strings of a tensor as spans, and lists of strings and numbers that grow while an
 * operator runs and then become its outputs. The lists count against the session's memory limit as they grow.
 */
#ifndef LN_OPS_TEXT_LISTS_H
#define LN_OPS_TEXT_LISTS_H

#include <string.h>

#include "kernels/utf8.h"
#include "ops/host.h"

/* The strings of a tensor that was verified: valid while its data is. */
typedef struct ln_texts {
  const char *base;
  const int32_t *offsets; /* [count + 1] from base */
  size_t count;
} ln_texts;

/* An input's strings; fails when it holds no data, is of another type, or its bytes are not what they should be. */
ln_status ln_texts_open(const ln_node *node, int32_t input, ln_error *err, ln_texts *out);
static inline ln_span ln_texts_at(const ln_texts *texts, size_t index) {
  const ln_span span = {texts->base + texts->offsets[index],
                        (size_t)(texts->offsets[index + 1] - texts->offsets[index])};
  return span;
}
/* The one string of an input. */
ln_status ln_text_scalar(const ln_node *node, int32_t input, ln_error *err, ln_span *out);

/* Strings being made, one after another. A failed allocation is remembered: ln_text_list_output reports it. */
typedef struct ln_text_list {
  const ln_node *node;
  char *bytes;
  size_t used, capacity;
  size_t *ends; /* [count] in bytes */
  size_t count, ends_capacity;
  ln_status status; /* LN_ERR_MEMORY or LN_ERR_LIMIT once something did not fit */
} ln_text_list;

static inline ln_text_list ln_text_list_make(const ln_node *node) {
  ln_text_list list = {.node = node};
  return list;
}
void ln_text_list_free(ln_text_list *list);
/* Puts bytes to the string being made; ends it. False when memory is short: the list then stays as it is. */
bool ln_text_put(ln_text_list *list, const char *data, size_t size);
bool ln_text_put_byte(ln_text_list *list, char byte);
bool ln_text_put_code(ln_text_list *list, uint32_t code_point); /* as UTF-8 */
bool ln_text_end(ln_text_list *list);
static inline bool ln_text_add(ln_text_list *list, ln_span text) {
  return ln_text_put(list, text.data, text.size) && ln_text_end(list);
}
/* A string that was ended, and the one being made: valid until the next put. */
ln_span ln_text_get(const ln_text_list *list, size_t index);
ln_span ln_text_open_tail(const ln_text_list *list);
/* Drops the strings from `count` on, and the one being made. */
void ln_text_list_cut(ln_text_list *list, size_t count);
void ln_text_drop_tail(ln_text_list *list, size_t size); /* all but `size` bytes of the string being made */
/* The list as an output of that shape, which must have as many elements. */
ln_status ln_text_list_output(const ln_text_list *list, int32_t index, const ln_shape *shape, ln_error *err);

/* The same for integers. */
typedef struct ln_number_list {
  const ln_node *node;
  int64_t *items;
  size_t count, capacity;
  ln_status status;
} ln_number_list;

static inline ln_number_list ln_number_list_make(const ln_node *node) {
  ln_number_list list = {.node = node};
  return list;
}
void ln_number_list_free(ln_number_list *list);
bool ln_number_add(ln_number_list *list, int64_t value);
/* As an output of integers or bools, each cut to its type. */
ln_status ln_number_list_output(const ln_number_list *list, int32_t index, const ln_shape *shape, ln_error *err);

/* Shapes of lists of unknown length: [count]. */
ln_status ln_text_vector_shape(const ln_node *node, size_t count, ln_error *err, ln_shape *out);
/* Both at once: [list->count]. */
ln_status ln_text_vector(const ln_text_list *list, int32_t index, ln_error *err);
ln_status ln_number_vector(const ln_number_list *list, int32_t index, ln_error *err);

/* Outputs whose size only the run knows; outputs shaped like input 0. */
ln_status ln_text_infer_run(ln_node *node, ln_error *err);

/* An element of an integer or bool tensor, without a check of the index. */
int64_t ln_number_at(const ln_tensor *tensor, size_t index);
/* Elements of a tensor whose shape is known. */
static inline size_t ln_tensor_count(const ln_tensor *tensor) {
  return ln_shape_span(&tensor->shape, 0, tensor->shape.rank);
}
/* An input that must be one integer or bool. */
ln_status ln_number_scalar(const ln_node *node, int32_t input, ln_error *err, int64_t *out);
/*
 * Row splits: from 0, never falling, the last one `total`. Rows are one fewer; an empty tensor has no rows and then
 * `total` must be 0.
 */
ln_status ln_splits_check(const ln_node *node, int32_t input, size_t total, ln_error *err, size_t *rows);

/*
 * Options of operators that stand in files both as custom operators (a FlexBuffers map) and as Select-TF ones (a
 * NodeDef). An absent one keeps what `out` holds.
 */
ln_status ln_text_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t high, int64_t *out);
ln_status ln_text_bool(const ln_node *node, ln_error *err, const char *key, bool *out);
ln_status ln_text_string(const ln_node *node, ln_error *err, const char *key, ln_span *out);
/* The string at `index` of a list of strings; false past its end. */
bool ln_text_string_at(const ln_node *node, const char *key, int32_t index, ln_span *out);
static inline bool ln_span_is(ln_span span, const char *text) {
  return strlen(text) == span.size && memcmp(span.data, text, span.size) == 0;
}

#endif
