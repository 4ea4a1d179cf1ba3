/* Bytes as a file that the optimizer takes: packed by gzip, an archive of arrays, a recipe, an IDX or .npy array. */
#include <string.h>

#include "fuzz.h"
#include "io/io.h"

enum { MOST_MEMBER = 1 << 20 };

static void read_array(const void *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_data_array found;
  const ln_status status = ln_data_array_open(data, size, &err, &found);
  fuzz_check(status, &err);
  size_t elements = 0;
  if (status == LN_OK && ln_size_product(found.array.dims, found.array.rank, &elements)) {
    volatile double sum = 0;
    const bool numbers = ln_type_bits(found.array.type) > 0;
    for (size_t i = 0; numbers && i < elements; ++i) sum = sum + ln_data_number(&found.array, i);
  }
  ln_data_array_close(&found);
}

static void read_archive(const void *data, size_t size) {
  char name[64];
  for (int32_t i = 0; i < 16 && ln_zip_name(data, size, i, name, sizeof name); ++i) {
    ln_error err = {LN_OK, ""};
    void *member;
    size_t member_size;
    const ln_status status = ln_zip_read(data, size, name, MOST_MEMBER, &err, &member, &member_size);
    fuzz_check(status, &err);
    if (status == LN_OK) read_array(member, member_size);
    ln_free(member);
  }
}

static void read_recipe(const char *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_recipe *recipe;
  const ln_status status = ln_recipe_from_json(data, size, &err, &recipe);
  fuzz_check(status, &err);
  ln_recipe_destroy(recipe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (ln_gzip_is(data, size)) {
    ln_error err = {LN_OK, ""};
    void *unpacked;
    size_t unpacked_size;
    const ln_status status =
        size < MOST_MEMBER / 1024 ? ln_gzip_unpack(data, size, &err, &unpacked, &unpacked_size) : LN_ERR_LIMIT;
    if (status != LN_OK) return 0;
    read_array(unpacked, unpacked_size);
    ln_free(unpacked);
  } else if (size > 0 && data[0] == '{') {
    read_recipe((const char *)data, size);
  } else if (size > 1 && memcmp(data, "PK", 2) == 0) {
    read_archive(data, size);
  } else {
    read_array(data, size);
  }
  return 0;
}
