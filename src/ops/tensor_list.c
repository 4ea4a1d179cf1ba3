/* See ops/tensor_list.h. */
#include "ops/tensor_list.h"

#include <string.h>

#include "ops/elementwise.h"
#include "ops/strings.h"

enum { DEEPEST = 16 }; /* of lists within lists: freeing one recurs as deep */

/* ---- holders ---- */

ln_list *ln_list_hold(ln_list *list) {
  if (list != NULL) ++list->holders;
  return list;
}

static size_t list_bytes(int32_t count) {
  return sizeof(ln_list) + (size_t)count * sizeof(ln_list_item *); /* bounded: ln_list_make checked it */
}

static void release_item(ln_list_item *item) {
  if (item == NULL || --item->holders > 0) return;
  *item->account -= sizeof *item + item->bytes;
  ln_list_release(item->list);
  ln_free(item->data);
  ln_free(item);
}

void ln_list_release(ln_list *list) {
  if (list == NULL || --list->holders > 0) return;
  for (int32_t i = 0; i < list->count; ++i) release_item(list->items[i]);
  *list->account -= list_bytes(list->count);
  ln_free(list->items);
  ln_free(list);
}

void ln_tensor_take_list(ln_tensor *tensor, ln_list *list) {
  ln_list_release(ln_tensor_list(tensor));
  *(ln_list **)tensor->data = list;
}

/* ---- making ---- */

ln_status ln_list_make(const ln_node *node, ln_type type, const ln_part_shape *shape, int64_t count, ln_error *err,
                       ln_list **out) {
  size_t bytes;
  if (count < 0 || count > INT32_MAX || !ln_size_mul((size_t)count, sizeof(ln_list_item *), &bytes) ||
      !ln_size_add(bytes, sizeof(ln_list), &bytes)) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "a list of %lld elements", (long long)count);
  }
  LN_TRY(ln_host_check_room(node, bytes, err));
  ln_list *list = ln_alloc_zero(sizeof *list);
  ln_list_item **items = ln_alloc_array((size_t)count, sizeof *items);
  if (list == NULL || items == NULL) {
    ln_free(list);
    ln_free(items);
    return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for a list");
  }
  *list = (ln_list){.holders = 1,
                    .type = type,
                    .shape = *shape,
                    .most = -1,
                    .depth = 1,
                    .count = (int32_t)count,
                    .items = items,
                    .account = ln_host_list_account(node)};
  *list->account += bytes;
  *out = list;
  return LN_OK;
}

ln_status ln_list_copy(const ln_node *node, const ln_list *like, int64_t count, ln_error *err, ln_list **out) {
  LN_TRY(ln_list_make(node, like->type, &like->shape, count, err, out));
  (*out)->most = like->most;
  (*out)->depth = like->depth;
  for (int32_t i = 0; i < like->count && i < count; ++i) {
    if (like->items[i] == NULL) continue;
    ++like->items[i]->holders;
    (*out)->items[i] = like->items[i];
  }
  return LN_OK;
}

static const int32_t *offsets_of(const void *strings) { return (const int32_t *)strings + 1; }

/* Strings [first, first + count) as a tensor of their own would hold them. */
static void copy_strings(const void *from, size_t first, size_t count, int32_t *to) {
  const int32_t *offsets = offsets_of(from) + first;
  const int32_t head = (int32_t)((count + 2) * sizeof(int32_t)); /* bounded: strings_bytes checked it */
  to[0] = (int32_t)count;
  for (size_t i = 0; i <= count; ++i) to[i + 1] = count == 0 ? head : head + (offsets[i] - offsets[0]);
  if (count > 0) memcpy((char *)to + head, (const char *)from + offsets[0], (size_t)(offsets[count] - offsets[0]));
}

/* An empty tensor of strings may have no data at all. */
static bool strings_bytes(const ln_tensor *tensor, size_t first, size_t count, size_t *bytes) {
  *bytes = 2 * sizeof(int32_t);
  if (count == 0) return true;
  const int32_t *offsets = offsets_of(tensor->data) + first;
  return count < INT32_MAX / sizeof(int32_t) - 2 &&
         ln_size_add((count + 2) * sizeof(int32_t), (size_t)(offsets[count] - offsets[0]), bytes) &&
         *bytes <= INT32_MAX;
}

/* An element whose data are still to be written. */
static ln_status make_item(const ln_node *node, ln_type type, const ln_shape *shape, size_t bytes, ln_error *err,
                           ln_list_item **out) {
  LN_TRY(ln_host_check_room(node, bytes > SIZE_MAX - sizeof **out ? bytes : bytes + sizeof **out, err));
  ln_list_item *item = ln_alloc_zero(sizeof *item);
  void *data = bytes == 0 ? NULL : ln_alloc(bytes);
  if (item == NULL || (data == NULL && bytes > 0)) {
    ln_free(item);
    ln_free(data);
    return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory for an element");
  }
  *item = (ln_list_item){
      .holders = 1, .type = type, .shape = *shape, .data = data, .bytes = bytes, .account = ln_host_list_account(node)};
  *item->account += sizeof *item + bytes;
  *out = item;
  return LN_OK;
}

ln_status ln_list_item_make(const ln_node *node, const ln_tensor *tensor, size_t first, size_t count,
                            const ln_shape *shape, ln_error *err, ln_list_item **out) {
  const size_t item_bytes = ln_type_bytes(tensor->type);
  size_t bytes = 0;
  ln_list *nested = ln_tensor_list(tensor);
  const bool fits =
      tensor->type == LN_STRING ? strings_bytes(tensor, first, count, &bytes) : ln_size_mul(count, item_bytes, &bytes);
  if (!fits || (tensor->type == LN_VARIANT && nested == NULL)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "\"%.100s\" holds nothing that a list can", tensor->name);
  }
  LN_TRY(make_item(node, tensor->type, shape, bytes, err, out));
  (*out)->list = ln_list_hold(nested);
  if (tensor->type == LN_STRING) copy_strings(tensor->data, first, count, (*out)->data);
  else if (bytes > 0) memcpy((*out)->data, (const char *)tensor->data + first * item_bytes, bytes);
  return LN_OK;
}

ln_status ln_list_item_zeros(const ln_node *node, ln_type type, const ln_shape *shape, ln_error *err,
                             ln_list_item **out) {
  size_t count, bytes;
  bool fits = ln_shape_elements(shape, &count);
  if (fits && type == LN_STRING) {
    fits = count < INT32_MAX / sizeof(int32_t) - 2;
    bytes = (count + 2) * sizeof(int32_t); /* bounded: as just checked */
  } else {
    fits = fits && ln_type_bytes(type) > 0 && ln_size_mul(count, ln_type_bytes(type), &bytes);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "makes no zeros of %s", ln_type_name(type));
  LN_TRY(make_item(node, type, shape, bytes, err, out));
  if (bytes > 0) memset((*out)->data, 0, bytes);
  int32_t *header = (*out)->data;
  for (size_t i = 0; type == LN_STRING && i <= count; ++i) header[i + 1] = (int32_t)bytes;
  if (type == LN_STRING) header[0] = (int32_t)count;
  return LN_OK;
}

void ln_list_set(ln_list *list, int32_t index, ln_list_item *item) {
  release_item(list->items[index]);
  list->items[index] = item;
  if (item->list != NULL && item->list->depth >= list->depth) list->depth = item->list->depth + 1;
}

/* ---- outputs ---- */

ln_status ln_list_give(const ln_node *node, int32_t index, ln_list *list, ln_error *err) {
  const ln_shape scalar = {0, {0}};
  ln_status status = LN_OK;
  if (list->depth > DEEPEST) {
    status = ln_node_fail(node, err, LN_ERR_LIMIT, "lists within lists, more than %d deep", (int)DEEPEST);
  }
  if (status == LN_OK) status = ln_host_output(node, index, &scalar, sizeof list, err);
  if (status == LN_OK) ln_tensor_take_list(node->out[index], list);
  else ln_list_release(list);
  return status;
}

typedef struct joined {
  const ln_list_part *parts;
  size_t count;
} joined;

static ln_span joined_text(const void *context, size_t i) {
  const joined *j = context;
  size_t low = 0, high = j->count - 1; /* the first part that ends behind i */
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (j->parts[middle].end > i) high = middle;
    else low = middle + 1;
  }
  const ln_list_item *item = j->parts[low].item;
  if (item == NULL) return (ln_span){"", 0};
  const int32_t *offsets = offsets_of(item->data) + (i - (low == 0 ? 0 : j->parts[low - 1].end));
  return (ln_span){(const char *)item->data + offsets[0], (size_t)(offsets[1] - offsets[0])};
}

ln_status ln_list_join(const ln_node *node, int32_t index, const ln_shape *shape, const ln_list_part *parts,
                       size_t count, ln_error *err) {
  const ln_tensor *output = node->out[index];
  size_t bytes;
  if (output->type == LN_STRING) {
    const joined j = {parts, count};
    size_t elements;
    if (!ln_shape_elements(shape, &elements)) return ln_node_fail(node, err, LN_ERR_SHAPE, "is too large");
    return ln_node_give_strings(node, index, shape, joined_text, &j, err);
  }
  if (output->type == LN_VARIANT) {
    if (count == 1 && parts[0].item != NULL) return ln_list_give(node, index, ln_list_hold(parts[0].item->list), err);
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "joins lists, or reads one that was not set");
  }
  if (!ln_tensor_size(output->type, shape, &bytes)) return ln_node_fail(node, err, LN_ERR_SHAPE, "is too large");
  LN_TRY(ln_host_output(node, index, shape, bytes, err));
  const size_t item_bytes = ln_type_bytes(output->type);
  size_t at = 0;
  for (size_t i = 0; i < count; at = parts[i++].end) {
    const size_t part = (parts[i].end - at) * item_bytes;
    char *to = (char *)node->out[index]->data + at * item_bytes;
    if (part == 0) continue;
    if (parts[i].item == NULL) memset(to, 0, part);
    else memcpy(to, parts[i].item->data, part);
  }
  return LN_OK;
}
