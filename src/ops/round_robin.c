/*
 * TF Text's RoundRobinGenerateMasks and RoundRobinTrim: of each row of several ragged lists, how much of every list
 * fits a length that they share when they take their places in turn.
 */
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"
#include "ops/text_lists.h"

enum { MOST_LISTS = 64 };

typedef struct trimmer {
  const ln_node *node;
  int32_t lists; /* inputs: the length, values of each list, row splits of each */
  int64_t longest;
  size_t rows;
} trimmer;

static const ln_tensor *values_of(const trimmer *t, int32_t list) { return t->node->in[1 + list]; }
static const ln_tensor *splits_of(const trimmer *t, int32_t list) { return t->node->in[1 + t->lists + list]; }

static ln_status open_trimmer(const ln_node *node, ln_error *err, trimmer *t) {
  *t = (trimmer){.node = node, .lists = (node->in_count - 1) / 2};
  if (node->in_count != 1 + 2 * t->lists || t->lists < 1 || t->lists > MOST_LISTS) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "has %d inputs, must be a length, 1 to %d lists and their row splits",
                        node->in_count, MOST_LISTS);
  }
  LN_TRY(ln_number_scalar(node, 0, err, &t->longest));
  if (t->longest < 0) t->longest = 0;
  for (int32_t i = 0; i < t->lists; ++i) {
    size_t rows;
    LN_TRY(ln_splits_check(node, 1 + t->lists + i, ln_tensor_count(values_of(t, i)), err, &rows));
    if (i > 0 && rows != t->rows) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "list %d has %zu rows, the first %zu", i, rows, t->rows);
    }
    t->rows = rows;
  }
  return LN_OK;
}

/* How many elements of each list's row are kept. Short rows are kept whole while all longer ones could have as many;
 * what is left is shared out evenly, and the rest goes to the first ones. */
static void share(const trimmer *t, size_t row, int64_t used[MOST_LISTS], int64_t sizes[MOST_LISTS]) {
  int64_t left = t->longest;
  int32_t open = t->lists;
  bool done[MOST_LISTS] = {false};
  for (int32_t i = 0; i < t->lists; ++i) {
    used[i] = 0;
    sizes[i] = ln_number_at(splits_of(t, i), row + 1) - ln_number_at(splits_of(t, i), row);
  }
  while (open > 0) {
    int32_t shortest = -1;
    for (int32_t i = 0; i < t->lists; ++i) {
      if (!done[i] && (shortest < 0 || sizes[i] < sizes[shortest])) shortest = i;
    }
    if (sizes[shortest] > left / open) break;
    used[shortest] = sizes[shortest];
    left -= sizes[shortest];
    done[shortest] = true;
    --open;
  }
  const int64_t each = open > 0 ? left / open : 0;
  for (int32_t i = 0; i < t->lists; ++i) {
    if (!done[i]) used[i] = each;
  }
  left -= each * open;
  for (int32_t i = 0; i < t->lists && left > 0; ++i) {
    if (used[i] >= sizes[i]) continue;
    ++used[i];
    --left;
  }
}

ln_status ln_round_robin_masks_run(const ln_node *node, ln_exec *exec) {
  trimmer t;
  int64_t used[MOST_LISTS], sizes[MOST_LISTS];
  LN_TRY(open_trimmer(node, exec->err, &t));
  if (node->out_count != t.lists) return ln_node_fail(node, exec->err, LN_ERR_MODEL, "one mask a list belongs here");
  for (int32_t i = 0; i < t.lists; ++i) {
    const ln_shape *shape = &values_of(&t, i)->shape;
    LN_TRY(ln_host_output(node, i, shape, ln_tensor_count(values_of(&t, i)), exec->err));
  }
  for (size_t r = 0; r < t.rows; ++r) {
    share(&t, r, used, sizes);
    for (int32_t i = 0; i < t.lists; ++i) {
      bool *mask = (bool *)node->out[i]->data + ln_number_at(splits_of(&t, i), r);
      for (int64_t j = 0; j < sizes[i]; ++j) mask[j] = j < used[i];
    }
  }
  return LN_OK;
}

/* The kept elements of one list, numbers or strings. */
static ln_status put_list(const trimmer *t, int32_t list, const ln_number_list *splits, ln_error *err) {
  const ln_node *node = t->node;
  const ln_tensor *values = values_of(t, list);
  const size_t bytes = ln_item_bytes(values);
  ln_texts texts;
  ln_shape shape;
  size_t total;
  LN_TRY(ln_number_vector(splits, t->lists + list, err));
  const size_t count = (size_t)splits->items[t->rows];
  LN_TRY(ln_text_vector_shape(node, count, err, &shape));
  if (values->type == LN_STRING) {
    ln_text_list out = ln_text_list_make(node);
    LN_TRY(ln_texts_open(node, 1 + list, err, &texts));
    for (size_t r = 0; r < t->rows; ++r) {
      const size_t first = (size_t)ln_number_at(splits_of(t, list), r);
      const size_t used = (size_t)(splits->items[r + 1] - splits->items[r]);
      for (size_t j = 0; j < used; ++j) ln_text_add(&out, ln_texts_at(&texts, first + j));
    }
    const ln_status status = ln_text_list_output(&out, list, &shape, err);
    ln_text_list_free(&out);
    return status;
  }
  if (bytes == 0 || !ln_size_mul(count, bytes, &total)) {
    return ln_node_fail(node, err, LN_ERR_TYPE, "cannot trim %s", ln_type_name(values->type));
  }
  LN_TRY(ln_host_output(node, list, &shape, total, err));
  for (size_t r = 0; r < t->rows; ++r) {
    const size_t first = (size_t)ln_number_at(splits_of(t, list), r);
    const size_t used = (size_t)(splits->items[r + 1] - splits->items[r]);
    if (used == 0) continue;
    memcpy((char *)node->out[list]->data + (size_t)splits->items[r] * bytes, (const char *)values->data + first * bytes,
           used * bytes);
  }
  return LN_OK;
}

ln_status ln_round_robin_trim_run(const ln_node *node, ln_exec *exec) {
  trimmer t;
  int64_t used[MOST_LISTS], sizes[MOST_LISTS];
  ln_status status = LN_OK;
  LN_TRY(open_trimmer(node, exec->err, &t));
  if (node->out_count != 2 * t.lists) {
    return ln_node_fail(node, exec->err, LN_ERR_MODEL, "values and row splits of each list belong here");
  }
  for (int32_t i = 0; i < t.lists && status == LN_OK; ++i) {
    ln_number_list splits = ln_number_list_make(node);
    ln_number_add(&splits, 0);
    for (size_t r = 0; r < t.rows && splits.status == LN_OK; ++r) {
      share(&t, r, used, sizes);
      ln_number_add(&splits, splits.items[r] + used[i]);
    }
    status = splits.status == LN_OK ? put_list(&t, i, &splits, exec->err)
                                    : ln_node_fail(node, exec->err, splits.status, "no memory");
    ln_number_list_free(&splits);
  }
  return status;
}
