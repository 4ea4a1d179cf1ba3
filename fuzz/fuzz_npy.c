/* Bytes as a .npy file: what is read is written and read again. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "fuzz.h"
#include "ir/ir.h"
#include "linnet/io.h"

static void write_back(const ln_array *array) {
  ln_error err = {LN_OK, ""};
  void *bytes = NULL;
  size_t size = 0;
  ln_array again = {0};
  ln_tensor tensor = {
      .name = "array", .type = array->type, .quant = &ln_quant_none, .data = array->data, .bytes = array->bytes};
  tensor.shape = tensor.signature = ln_shape_make(array->rank, array->dims);
  const ln_status status = ln_npy_encode(&tensor, &err, &bytes, &size);
  fuzz_check(status, &err);
  if (status != LN_OK) return;
  fuzz_check(ln_npy_decode(bytes, size, &err, &again), &err);
  /* Only types that NumPy has come back as they were. */
  const bool same =
      again.rank == array->rank && memcmp(again.dims, array->dims, (size_t)array->rank * sizeof(int32_t)) == 0;
  if (!same) abort();
  if (again.type == array->type && again.type != LN_STRING && memcmp(again.data, array->data, array->bytes) != 0)
    abort();
  ln_array_free(&again);
  ln_io_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_array array = {0};
  const ln_status status = ln_npy_decode(data, size, &err, &array);
  fuzz_check(status, &err);
  if (status == LN_OK) write_back(&array);
  ln_array_free(&array);
  return 0;
}
