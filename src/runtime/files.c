/* Which files the operators of a model may read and write: a model is data, and where it writes is for its caller to
 * say. */
#include <string.h>

#include "ops/host.h"
#include "runtime/runtime.h"

/* A component that leads out of the folder. */
static bool leads_out(const char *text, size_t size) {
  for (size_t i = 0; i + 1 < size; ++i) {
    const bool begins = i == 0 || text[i - 1] == '/', ends = i + 2 == size || text[i + 2] == '/';
    if (text[i] == '.' && text[i + 1] == '.' && begins && ends) return true;
  }
  return false;
}

/* A string of the input begins the path, and what follows stays there. */
static bool given_in(const ln_tensor *input, const char *text, size_t size) {
  if (input->type != LN_STRING || input->data == NULL || ln_strings_verify(input, NULL) != LN_OK) return false;
  const int32_t *offsets = (const int32_t *)input->data + 1;
  const size_t count = ln_shape_span(&input->shape, 0, input->shape.rank);
  for (size_t i = 0; i < count; ++i) {
    const size_t length = (size_t)(offsets[i + 1] - offsets[i]);
    const char *given = (const char *)input->data + offsets[i];
    if (length == 0 || length > size || memcmp(given, text, length) != 0) continue;
    /* ".." may begin within what was given: a "." there and one after it. */
    size_t from = length;
    while (from > 0 && text[from - 1] != '/') --from;
    if (length == size || !leads_out(text + from, size - from)) return true;
  }
  return false;
}

static bool is_given(const ln_session *root, const char *text, size_t size) {
  for (int32_t i = 0; i < root->input_count; ++i) {
    if (given_in(&root->tensors[root->inputs[i]], text, size)) return true;
  }
  return false;
}

ln_status ln_host_path(const ln_node *node, const char *text, size_t size, ln_error *err, char out[LN_HOST_PATH_MAX]) {
  if (node->session == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "names a file, which takes a session");
  const ln_session *root = node->session->root;
  if (size == 0 || size >= LN_HOST_PATH_MAX || memchr(text, '\0', size) != NULL) {
    return ln_node_fail(node, err, LN_ERR_DATA, "names a file by %zu bytes that are no path", size);
  }
  if (root->files == LN_FILES_NONE) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "names a file, and the session allows none");
  }
  if (root->files != LN_FILES_ANY && !is_given(root, text, size)) {
    return ln_node_fail(node, err, LN_ERR_DATA,
                        "names the file %.*s, which no input of the session gives and the session does not allow",
                        (int)(size < 200 ? size : 200), text);
  }
  memcpy(out, text, size);
  out[size] = '\0';
  return LN_OK;
}

ln_status ln_host_check_room(const ln_node *node, size_t bytes, ln_error *err) {
  if (node->session == NULL) return LN_OK; /* a constant being folded */
  ln_error reason = {LN_OK, ""};
  const ln_status status = ln_session_check_room(node->session->root, bytes, &reason);
  return status == LN_OK ? LN_OK : ln_node_fail(node, err, status, "%s", reason.message);
}
