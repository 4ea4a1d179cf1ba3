/* Bytes as a table of samples: behind a byte that says what the model takes and which column is to be learned. */
#include <string.h>

#include "fuzz.h"
#include "io/io.h"

static void set_up(ln_data *data, ln_data_input inputs[2], uint8_t choice) {
  static const char *const names[2] = {"a", "b"};
  data->samples.size = sizeof data->samples;
  data->path = "table.csv";
  data->input_count = 1 + (choice & 1);
  data->inputs = inputs;
  data->classes = choice >> 1 & 3;
  data->outputs = choice >> 1 & 3;
  for (int32_t i = 0; i < data->input_count; ++i) {
    inputs[i] = (ln_data_input){.name = names[i], .type = LN_FLOAT32, .rank = 2, .dims = {1, 1}};
    if (choice & 8) inputs[i].dims[1] = choice & 16 ? -1 : 2;
    if (choice & 32) inputs[i].rank = 4, inputs[i].dims[1] = inputs[i].dims[2] = inputs[i].dims[3] = 1;
  }
}

static void learn(ln_data *data, ln_error *err) {
  const ln_data_column *column = &data->column;
  ln_array array = {.type = LN_FLOAT64, .rank = 1, .dims = {(int32_t)data->samples.count}, .data = column->numbers};
  if (column->numbers) fuzz_check(ln_data_take_targets(data, &array, err), err);
  for (int64_t i = 0; column->ids && i < data->samples.count; ++i) {
    if (column->ids[i] < 0 || column->ids[i] >= column->text_count) __builtin_trap();
  }
  for (int32_t i = 1; i < column->text_count; ++i) {
    if (strcmp(column->texts[i - 1], column->texts[i]) >= 0) __builtin_trap();
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_data_input inputs[2];
  bool taken = false;
  ln_data data = {0};
  if (size == 0) return 0;
  set_up(&data, inputs, bytes[0]);
  data.blob.data = bytes + 1;
  data.blob.size = size - 1;
  const ln_status status = ln_data_open_csv(&data, bytes[0] & 64 ? "a" : NULL, &taken, &err);
  fuzz_check(status, &err);
  if (status == LN_OK) {
    learn(&data, &err);
    volatile float sum = 0;
    for (int32_t i = 0; i < data.input_count; ++i) {
      for (size_t k = 0; k < inputs[i].elements; ++k) sum = sum + ln_data_value(&inputs[i], data.samples.count - 1, k);
    }
  }
  for (int32_t i = 0; i < data.input_count; ++i) ln_data_array_close(&inputs[i].source);
  ln_arena_free(&data.arena);
  return 0;
}
