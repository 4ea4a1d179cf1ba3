/*
 * The least that a program needs: run a model on one input and print the strongest outputs.
 *   cc classify.c $(pkg-config --cflags --libs linnet) -o classify
 *   ./classify model.tflite input.bin       (input.bin: the input's bytes as the model takes them)
 */
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"

static double value_at(const ln_tensor *tensor, size_t i) {
  const void *data = ln_tensor_data(tensor);
  double stored = 0;
  switch (ln_tensor_type(tensor)) {
    case LN_FLOAT32: return ((const float *)data)[i];
    case LN_UINT8: stored = ((const uint8_t *)data)[i]; break;
    case LN_INT8: stored = ((const int8_t *)data)[i]; break;
    default: return 0;
  }
  return ln_tensor_scale(tensor, 0) * (stored - (double)ln_tensor_zero_point(tensor, 0));
}

int main(int argc, char **argv) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  ln_session *session = NULL;
  FILE *file = NULL;
  if (argc != 3) return fprintf(stderr, "usage: classify MODEL INPUT\n"), 2;
  if (ln_model_open(argv[1], &err, &model) != LN_OK) goto out;
  if (ln_session_create(model, NULL, &err, &session) != LN_OK) goto out;

  ln_tensor *input = ln_session_input(session, 0);
  file = fopen(argv[2], "rb");
  if (file == NULL || fread(ln_tensor_mutable_data(input), 1, ln_tensor_bytes(input), file) != ln_tensor_bytes(input)) {
    fprintf(stderr, "classify: %s does not hold %zu bytes\n", argv[2], ln_tensor_bytes(input));
    err.status = LN_ERR_IO;
    goto out;
  }
  if (ln_session_run(session, &err) != LN_OK) goto out;

  const ln_tensor *output = ln_session_output(session, 0);
  size_t best = 0;
  for (size_t i = 1; i < ln_tensor_elements(output); ++i) {
    if (value_at(output, i) > value_at(output, best)) best = i;
  }
  printf("class %zu, score %.3f\n", best, value_at(output, best));
out:
  if (err.message[0] != '\0') fprintf(stderr, "classify: %s: %s\n", argv[1], err.message);
  if (file != NULL) fclose(file);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return err.status == LN_OK ? 0 : 1;
}
