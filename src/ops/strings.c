#include "ops/strings.h"

#include <string.h>

#include "ops/host.h"

ln_status ln_node_check_strings(const ln_node *node, int32_t input, ln_error *err) {
  const ln_tensor *tensor = node->in[input];
  ln_error reason = {LN_OK, ""};
  if (tensor->type != LN_STRING) return LN_OK;
  if (tensor->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "\"%.100s\" holds no data", tensor->name);
  if (ln_strings_verify(tensor, &reason) == LN_OK) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\": %s", tensor->name, reason.message);
}

ln_status ln_node_give_strings(const ln_node *node, int32_t index, const ln_shape *shape,
                               ln_span (*at)(const void *context, size_t i), const void *context, ln_error *err) {
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  if (node->session == NULL) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "strings outside of a session");
  if (count > INT32_MAX / sizeof(int32_t) - 2) return ln_node_fail(node, err, LN_ERR_LIMIT, "%zu strings", count);
  const size_t head = (count + 2) * sizeof(int32_t); /* bounded: by the check above */
  size_t total = head;
  for (size_t i = 0; i < count && total <= INT32_MAX; ++i) total += at(context, i).size;
  if (total > INT32_MAX) return ln_node_fail(node, err, LN_ERR_LIMIT, "the strings take too much memory");
  LN_TRY(ln_host_output(node, index, shape, total, err));
  char *bytes = node->out[index]->data;
  int32_t *header = node->out[index]->data;
  size_t end = head;
  header[0] = (int32_t)count;
  for (size_t i = 0; i < count; ++i) {
    const ln_span text = at(context, i);
    header[i + 1] = (int32_t)end;
    if (text.size > 0) memcpy(bytes + end, text.data, text.size);
    end += text.size;
  }
  header[count + 1] = (int32_t)end;
  return LN_OK;
}
