/* Constants by table: TensorFlow Lite Micro's form, a table for each scale of the tensor. */
#include <stdlib.h>
#include <string.h>

#include "kernels/codebook.h"
#include "optimize/encode.h"

enum {
  MOST_BITS = 7,   /* that TensorFlow Lite Micro reads */
  ENTRY_BYTES = 72 /* about what the metadata and another buffer take */
};

/* An element's bits; a float's negative zero is zero. */
static uint64_t bits_of(const ln_tensor *tensor, size_t i) {
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  uint64_t value = 0;
  memcpy(&value, (const char *)tensor->data + i * item, item);
  const bool is_float = tensor->type == LN_FLOAT32 || tensor->type == LN_FLOAT16 || tensor->type == LN_BFLOAT16;
  return is_float && value == 1ull << (8 * item - 1) ? 0 : value;
}

static int order(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* The place of `value` among ascending ones; -1: it is none of them. */
static int32_t place_of(const uint64_t *values, int32_t count, uint64_t value) {
  int32_t low = 0, high = count;
  while (low < high) {
    const int32_t middle = (low + high) / 2;
    if (values[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low < count && values[low] == value ? low : -1;
}

/* A tensor's elements by tables: those of table t are stretches of `span`, one in `tables`. */
typedef struct split {
  ln_codebook book;
  size_t elements;
  uint64_t *values; /* [tables][1 << MOST_BITS] ascending */
  int32_t *counts;  /* [tables] */
} split;

static void close_split(split *s) {
  ln_free(s->values);
  ln_free(s->counts);
}

/* Adds a value to those of a table; false when it is full. */
static bool add_value(split *s, size_t table, uint64_t value) {
  uint64_t *values = s->values + (table << MOST_BITS);
  int32_t *count = &s->counts[table];
  if (place_of(values, *count, value) >= 0) return true;
  if (*count == 1 << MOST_BITS) return false;
  values[(*count)++] = value;
  qsort(values, (size_t)*count, sizeof *values, order);
  return true;
}

/* Finds what tables hold; false when memory is short or one would hold too much, with s->book.stride 0. */
static bool open_split(const ln_tensor *tensor, split *s) {
  size_t room;
  *s = (split){.book = {.tables = 1, .span = 1}};
  if (!ln_codebook_fits(tensor->type) || !ln_shape_elements(&tensor->shape, &s->elements)) return false;
  if (tensor->sparsity != NULL) s->elements = tensor->bytes / ((size_t)ln_type_bits(tensor->type) / 8);
  if (s->elements == 0 || (tensor->sparsity != NULL && tensor->quant->count > 1)) return false;
  if (tensor->quant->count > 1) ln_codebook_set_tables(&s->book, tensor);
  if (!ln_size_mul((size_t)s->book.tables, (size_t)1 << MOST_BITS, &room)) return false;
  s->values = ln_alloc_array(room, sizeof *s->values);
  s->counts = ln_alloc_array((size_t)s->book.tables, sizeof *s->counts);
  if (s->values == NULL || s->counts == NULL) return false;
  for (size_t i = 0; i < s->elements; ++i) {
    if (!add_value(s, i / s->book.span % (size_t)s->book.tables, bits_of(tensor, i))) return false;
  }
  for (int32_t t = 0; t < s->book.tables; ++t) {
    if (s->counts[t] > s->book.stride) s->book.stride = s->counts[t];
  }
  return true;
}

static int32_t bits_for(int32_t values) {
  int32_t bits = 1;
  while (1 << bits < values) ++bits;
  return bits;
}

size_t ln_table_bytes(const ln_tensor *tensor) {
  split s;
  size_t bytes = SIZE_MAX, values, numbers;
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  if (open_split(tensor, &s) && ln_size_mul((size_t)s.book.tables, (size_t)s.book.stride * item, &values) &&
      ln_codebook_bytes(s.elements, bits_for(s.book.stride), &numbers) && ln_size_add(values, numbers, &values)) {
    bytes = values + ENTRY_BYTES;
  }
  close_split(&s);
  return bytes;
}

static bool make_table(const ln_optimizer *o, const ln_tensor *tensor, const split *s, ln_codebook *book) {
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  size_t values;
  *book = s->book;
  book->bits = bits_for(book->stride);
  if (!ln_size_mul((size_t)book->tables, (size_t)book->stride, &values)) return false;
  char *table = ln_arena_array(ln_optimizer_arena(o), values, item);
  if (table == NULL) return false;
  book->values = table;
  book->bytes = values * item;
  for (size_t t = 0; t < (size_t)book->tables; ++t) {
    for (int32_t i = 0; i < s->counts[t]; ++i) { /* the rest of a shorter one stays zero */
      memcpy(table + (t * (size_t)book->stride + (size_t)i) * item, &s->values[(t << MOST_BITS) + (size_t)i], item);
    }
  }
  return true;
}

ln_status ln_table_encode(const ln_optimizer *o, ln_tensor *tensor) {
  split s = {0};
  size_t bytes = 0;
  ln_codebook *book = ln_arena_alloc(ln_optimizer_arena(o), sizeof *book);
  uint8_t *numbers = NULL;
  bool good = book != NULL && open_split(tensor, &s);
  if (book != NULL) {
    good = good && make_table(o, tensor, &s, book) && ln_codebook_bytes(s.elements, book->bits, &bytes);
    if (good) numbers = ln_arena_array(ln_optimizer_arena(o), bytes, 1);
    for (size_t i = 0; numbers != NULL && i < s.elements; ++i) {
      const size_t table = i / book->span % (size_t)book->tables;
      const int32_t place = place_of(s.values + (table << MOST_BITS), s.counts[table], bits_of(tensor, i));
      ln_k_codebook_write(numbers, i, book->bits, place);
    }
    close_split(&s);
  }
  if (numbers == NULL) return ln_optimizer_no_memory(o);
  const ln_sparsity_parameters *sparsity = tensor->sparsity;
  ln_edit_set_data(tensor, tensor->type, numbers, bytes);
  tensor->sparsity = sparsity;
  tensor->codebook = book;
  return LN_OK;
}
