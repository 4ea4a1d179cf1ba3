/*
 * Constants that are stored by number into a table of values: what of them can be contradictory, and their elements.
 * The form is that of TensorFlow Lite Micro's compression metadata (its docs/compression.md): of a tensor with scales
 * along an axis each index of that axis has a table of its own.
 */
#include "base/selection.h"
#include "ir/verify.h"
#include "kernels/codebook.h"

bool ln_codebook_fits(ln_type type) {
  const int32_t bits = ln_type_bits(type);
  return bits >= 8 && bits <= 64 && type != LN_COMPLEX64;
}

bool ln_codebook_bytes(size_t count, int32_t bits, size_t *out) {
  size_t total;
  if (!ln_size_mul(count, (size_t)bits, &total) || !ln_size_add(total, 7, &total)) return false;
  *out = total / 8;
  return true;
}

void ln_codebook_set_tables(ln_codebook *book, const ln_tensor *tensor) {
  book->tables = tensor->quant->count;
  book->span = ln_shape_span(&tensor->shape, tensor->quant->axis + 1, tensor->shape.rank);
}

/* The stretch of elements from `at` on that share a table, at most `most` of them; *table is its number. */
static size_t stretch(const ln_codebook *book, size_t at, size_t most, size_t *table) {
  *table = 0;
  if (book->tables == 1) return most;
  *table = at / book->span % (size_t)book->tables;
  const size_t left = book->span - at % book->span;
  return left < most ? left : most;
}

void ln_codebook_read(const ln_tensor *tensor, size_t first, size_t count, void *out) {
  const ln_codebook *book = tensor->codebook;
  const size_t item = (size_t)ln_type_bits(tensor->type) / 8;
  char *to = out;
  while (count > 0) {
    size_t table;
    const size_t part = stretch(book, first, count, &table);
    const char *values = (const char *)book->values + table * (size_t)book->stride * item;
    ln_k_codebook_read(tensor->data, first, part, book->bits, values, (int32_t)item, to);
    first += part;
    count -= part;
    to += part * item;
  }
}

ln_status ln_codebook_verify(const ln_tensor *tensor, size_t elements, ln_error *err) {
  const ln_codebook *book = tensor->codebook;
  size_t bytes, values;
  if (!LN_HAS_CODEBOOKS) return ln_fail(err, LN_ERR_UNSUPPORTED, "is stored by table, which is left out of this build");
  if (!ln_codebook_fits(tensor->type)) {
    return ln_fail(err, LN_ERR_MODEL, "is of type %s and stored by table", ln_type_name(tensor->type));
  }
  if (book->bits < 1 || book->bits > LN_CODEBOOK_MOST_BITS) {
    return ln_fail(err, LN_ERR_MODEL, "is stored by table in numbers of %d bits", book->bits);
  }
  if (book->tables < 1 || book->stride < 1 || book->span < 1 || (tensor->sparsity != NULL && book->tables != 1) ||
      !ln_size_mul((size_t)book->tables, (size_t)book->stride, &values) ||
      !ln_size_mul(values, (size_t)ln_type_bits(tensor->type) / 8, &values) || values != book->bytes) {
    return ln_fail(err, LN_ERR_MODEL, "its table of %zu bytes does not fit its type and shape", book->bytes);
  }
  if (!ln_codebook_bytes(elements, book->bits, &bytes) || bytes != tensor->bytes) {
    return ln_fail(err, LN_ERR_MODEL, "holds %zu bytes, which is not what %zu numbers of %d bits take", tensor->bytes,
                   elements, book->bits);
  }
  if (book->stride >= 1 << book->bits) return LN_OK;
  const int32_t largest = ln_k_codebook_largest(tensor->data, 0, elements, book->bits);
  if (largest < book->stride) return LN_OK;
  return ln_fail(err, LN_ERR_MODEL, "holds number %d into a table of %d values", largest, book->stride);
}
