/*
 * Runs a model on inputs made from a seed and prints a hash of each output: what a library of chosen operators must
 * give as the whole one does. usage: run_model MODEL
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/session.h"

static uint32_t state = 20240229;

static uint32_t next(void) {
  state = state * 1664525 + 1013904223;
  return state >> 8;
}

/* Floats and wide integers stay small; of other types any bytes are values. */
static void fill(ln_type type, void *data, size_t bytes) {
  if (type == LN_FLOAT32) {
    for (size_t i = 0; i < bytes / 4; i++) ((float *)data)[i] = (float)next() / (float)(1 << 23) - 1.0f;
  } else if (type == LN_INT32) {
    for (size_t i = 0; i < bytes / 4; i++) ((int32_t *)data)[i] = (int32_t)(next() % 8);
  } else if (type == LN_INT64) {
    for (size_t i = 0; i < bytes / 8; i++) ((int64_t *)data)[i] = (int64_t)(next() % 8);
  } else if (type == LN_BOOL) {
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)data)[i] = next() % 2;
  } else {
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)data)[i] = (uint8_t)next();
  }
}

static ln_status give_inputs(ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < ln_session_input_count(session); i++) {
    const ln_tensor *tensor = ln_session_input(session, i);
    const size_t bytes = ln_tensor_bytes(tensor);
    void *data = malloc(bytes + 1);
    if (data == NULL) return LN_ERR_MEMORY;
    fill(ln_tensor_type(tensor), data, bytes);
    const ln_status status = ln_session_set_input(session, i, data, bytes, err);
    free(data);
    if (status != LN_OK) return status;
  }
  return LN_OK;
}

static void print_output(const ln_tensor *tensor, int32_t index) {
  const uint8_t *data = ln_tensor_data(tensor);
  uint64_t hash = UINT64_C(14695981039346656037);
  for (size_t i = 0; i < ln_tensor_bytes(tensor); i++) hash = (hash ^ data[i]) * UINT64_C(1099511628211);
  printf("output %d: %zu bytes, %016" PRIx64 "\n", (int)index, ln_tensor_bytes(tensor), hash);
}

int main(int argc, char **argv) {
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {0};
  if (argc != 2) return 2;
  ln_status status = ln_model_open(argv[1], &err, &model);
  if (status == LN_OK) status = ln_session_create(model, NULL, &err, &session);
  if (status == LN_OK) status = ln_session_prepare(session, &err);
  if (status == LN_OK) status = give_inputs(session, &err);
  for (int run = 0; run < 2 && status == LN_OK; run++) status = ln_session_run(session, &err);
  for (int32_t i = 0; status == LN_OK && i < ln_session_output_count(session); i++) {
    print_output(ln_session_output(session, i), i);
  }
  if (status != LN_OK) printf("refused: %s\n", err.message);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return status != LN_OK;
}
