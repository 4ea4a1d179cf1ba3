/* safetensors: a length, a list of tensors in JSON, and their numbers. They are recognized to be refused: weights
 * alone. */

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static uint64_t header_size(const uint8_t *data) {
  uint64_t size = 0;
  for (int32_t i = 7; i >= 0; --i) size = size << 8 | data[i];
  return size;
}

bool ln_torch_is_safetensors(const void *data, size_t size) {
  if (size < 10) return false;
  const uint64_t header = header_size(data);
  const char *text = (const char *)data + 8;
  return header >= 2 && header < 100000000 && text[0] == '{' && (text[1] == '"' || text[1] == '}' || text[1] == ' ');
}

#endif
