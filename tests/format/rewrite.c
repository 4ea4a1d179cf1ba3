/* Reads a model and writes it again: rewrite [--far] IN OUT. With --far all buffers go behind the flatbuffer, as those
 * of files past 2 GiB do. For litert_roundtrip.py. */
#include <stdio.h>
#include <string.h>

#include "format/write.h"

static ln_status rewrite(const char *in, const char *out, size_t limit, ln_error *err) {
  ln_model *model;
  uint8_t *data = NULL;
  size_t size = 0;
  LN_TRY(ln_model_open(in, err, &model));
  ln_status status = ln_format_write_limited(model, limit, err, &data, &size);
  if (status == LN_OK) status = ln_file_write(out, data, size, err);
  ln_free(data);
  ln_model_destroy(model);
  return status;
}

int main(int argc, char **argv) {
  const int far_form = argc > 1 && strcmp(argv[1], "--far") == 0;
  ln_error err;
  if (argc != 3 + far_form) return 2;
  if (rewrite(argv[1 + far_form], argv[2 + far_form], far_form ? 0 : SIZE_MAX, &err) == LN_OK) return 0;
  fprintf(stderr, "%s: %s\n", argv[1 + far_form], err.message);
  return 1;
}
