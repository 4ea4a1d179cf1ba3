/*
 * Sequences and optionals: TensorFlow Lite has neither. What they hold is known one by one while the model is
 * converted, so the operators only rearrange it; places and lengths must be known then.
 */
#include "import/onnx/onnx_lists.h"

static ln_onnx_value *room_for(ln_onnx_node *n, int32_t count) {
  ln_onnx_value *items = ln_arena_array(ln_emit_arena(n->e), (size_t)count + 1, sizeof *items);
  if (items == NULL) ln_import_no_memory(n->e->import);
  return items;
}

static void give(ln_onnx_node *n, int32_t index, int32_t count, const ln_onnx_value *items) {
  ln_onnx_out_value(n, index, (ln_onnx_value){.kind = LN_ONNX_SEQUENCE, .tensor = -1, .count = count, .items = items});
}

static bool sequence_in(ln_onnx_node *n, int32_t index, ln_onnx_value *out) {
  *out = ln_onnx_in_value(n, index);
  if (out->kind == LN_ONNX_SEQUENCE) return true;
  return ln_emit_failed(n->e) ? false : ln_emit_wrong(n->e, "its input %d is no sequence", index) > 0;
}

/* A place in [0, count]; counted from the end where negative. */
static bool place_in(ln_onnx_node *n, int32_t index, int32_t count, int32_t otherwise, int32_t *out) {
  double value = otherwise;
  if (!ln_onnx_number_in(n, index, otherwise, &value)) return false;
  if (value < 0) value += count;
  if (value < 0 || value > count) return ln_emit_wrong(n->e, "place %g in a sequence of %d", value, count) > 0;
  *out = (int32_t)value;
  return true;
}

void ln_onnx_sequence_construct(ln_onnx_node *n) {
  ln_onnx_value *items = room_for(n, n->input_count);
  for (int32_t i = 0; items != NULL && i < n->input_count; ++i) items[i] = ln_onnx_in_value(n, i);
  give(n, 0, n->input_count, items);
}

void ln_onnx_sequence_empty(ln_onnx_node *n) { give(n, 0, 0, NULL); }

void ln_onnx_sequence_at(ln_onnx_node *n) {
  ln_onnx_value list;
  int32_t at;
  if (!sequence_in(n, 0, &list) || !place_in(n, 1, list.count, 0, &at)) return;
  if (at < list.count) ln_onnx_out_value(n, 0, list.items[at]);
  else ln_emit_wrong(n->e, "place %d in a sequence of %d", at, list.count);
}

void ln_onnx_sequence_length(ln_onnx_node *n) {
  ln_onnx_value list;
  if (!sequence_in(n, 0, &list)) return;
  const int64_t count = list.count;
  ln_onnx_out(n, 0, ln_emit_const(n->e, LN_INT64, 0, NULL, &count));
}

void ln_onnx_sequence_insert(ln_onnx_node *n) {
  ln_onnx_value list;
  int32_t at;
  if (!sequence_in(n, 0, &list) || !place_in(n, 2, list.count, list.count, &at)) return;
  ln_onnx_value *items = room_for(n, list.count + 1);
  if (items == NULL) return;
  for (int32_t i = 0; i < list.count; ++i) items[i < at ? i : i + 1] = list.items[i];
  items[at] = ln_onnx_in_value(n, 1);
  give(n, 0, list.count + 1, items);
}

void ln_onnx_sequence_erase(ln_onnx_node *n) {
  ln_onnx_value list;
  int32_t at;
  if (!sequence_in(n, 0, &list) || !place_in(n, 1, list.count, list.count - 1, &at)) return;
  if (at >= list.count) {
    ln_emit_wrong(n->e, "place %d in a sequence of %d", at, list.count);
    return;
  }
  ln_onnx_value *items = room_for(n, list.count);
  if (items == NULL) return;
  for (int32_t i = 0; i + 1 < list.count; ++i) items[i] = list.items[i < at ? i : i + 1];
  give(n, 0, list.count - 1, items);
}

void ln_onnx_concat_from_sequence(ln_onnx_node *n) {
  ln_onnx_value list;
  if (!sequence_in(n, 0, &list)) return;
  int32_t *parts = ln_arena_array(ln_emit_arena(n->e), (size_t)list.count + 1, sizeof *parts);
  if (parts == NULL) {
    ln_import_no_memory(n->e->import);
    return;
  }
  for (int32_t i = 0; i < list.count; ++i) parts[i] = list.items[i].kind == LN_ONNX_TENSOR ? list.items[i].tensor : -1;
  const bool is_new = ln_onnx_int(n, "new_axis", 0) != 0;
  const int32_t rank = list.count > 0 ? ln_emit_rank(n->e, parts[0]) : 0;
  const int32_t axis = ln_onnx_axis(n, "axis", 0, rank + (is_new ? 1 : 0));
  if (axis < 0) return;
  ln_onnx_out(n, 0,
              is_new ? ln_emit_pack(n->e, axis, list.count, parts) : ln_emit_concat(n->e, axis, list.count, parts));
}

/* How many parts there are, and how long each is; one that is left over is shorter. */
static bool find_parts(ln_onnx_node *n, int32_t size, int32_t *count, int32_t **sizes) {
  enum { MOST = 1 << 16 };
  const int64_t known = ln_onnx_has(n, 1) ? ln_emit_elements(n->e, ln_onnx_in(n, 1)) : 1;
  const int32_t room = known > 0 && known < MOST ? (int32_t)known : 1;
  int64_t *given = ln_arena_array(ln_emit_arena(n->e), (size_t)room, sizeof *given);
  if (given == NULL) return ln_import_no_memory(n->e->import) > 0;
  const int32_t in = ln_onnx_in(n, 1);
  int32_t lengths = 1;
  given[0] = 1;
  if (in >= 0 && !ln_emit_ints(n->e, in, given, room, &lengths)) {
    return ln_emit_refuse(n->e, "its parts are known only in the run; export them as a constant") > 0;
  }
  const bool each = in < 0 || ln_emit_rank(n->e, in) == 0;
  const int64_t most = each ? (given[0] > 0 ? size / given[0] + 1 : 1) : lengths;
  if (most > MOST || !ln_onnx_may_write(n, most)) return ln_emit_refuse(n->e, "more than %d parts", MOST) > 0;
  *sizes = ln_arena_array(ln_emit_arena(n->e), (size_t)most + 1, sizeof **sizes);
  if (*sizes == NULL) return ln_import_no_memory(n->e->import) > 0;
  int64_t left = size;
  for (*count = 0; left > 0 && *count < most && (each || *count < lengths); ++*count) {
    const int64_t one = each ? given[0] : given[*count];
    if (one < 1) break;
    (*sizes)[*count] = (int32_t)(one < left ? one : left);
    left -= one;
  }
  return left <= 0 && (each || left == 0) ? true : ln_emit_wrong(n->e, "%d elements do not come apart so", size) > 0;
}

void ln_onnx_split_to_sequence(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), axis = ln_onnx_axis(n, "axis", 0, ln_emit_rank(e, a));
  int32_t count = 0, *sizes = NULL;
  if (axis < 0) return;
  const int32_t size = ln_emit_dim(e, a, axis);
  if (size < 1) {
    ln_emit_refuse(e, "how many parts there are is known only in the run; give the input's shape with --shape");
    return;
  }
  if (!find_parts(n, size, &count, &sizes)) return;
  ln_onnx_value *items = room_for(n, count);
  int32_t *parts = ln_arena_array(ln_emit_arena(e), (size_t)count + 1, sizeof *parts);
  if (items == NULL || parts == NULL || !ln_emit_split(e, a, axis, count, sizes, parts)) return;
  const bool drops = !ln_onnx_has(n, 1) && ln_onnx_int(n, "keepdims", 1) == 0;
  for (int32_t i = 0; i < count; ++i) items[i] = ln_onnx_of(drops ? ln_emit_squeeze(e, parts[i], 1, &axis) : parts[i]);
  give(n, 0, count, items);
}

/* ---- SequenceMap: the body for each element, one after the other ---- */

void ln_onnx_sequence_map(ln_onnx_node *n) {
  const struct Onnx__Graph *graph = ln_onnx_graph(n, "body");
  ln_onnx_value list, *in = room_for(n, n->input_count), *out = room_for(n, n->output_count);
  if (graph == NULL) ln_emit_wrong(n->e, "its body is missing");
  if (in == NULL || out == NULL || !sequence_in(n, 0, &list) || ln_emit_failed(n->e)) return;
  ln_onnx_value **made = ln_arena_array(ln_emit_arena(n->e), (size_t)n->output_count + 1, sizeof *made);
  for (int32_t i = 0; made != NULL && i < n->output_count; ++i) made[i] = room_for(n, list.count);
  for (int32_t k = 0; made != NULL && k < list.count && !ln_emit_failed(n->e); ++k) {
    for (int32_t i = 0; i < n->input_count; ++i) {
      in[i] = ln_onnx_in_value(n, i);
      if (in[i].kind != LN_ONNX_SEQUENCE) continue;
      if (k >= in[i].count) {
        ln_emit_wrong(n->e, "its sequences differ in length");
        return;
      }
      in[i] = in[i].items[k];
    }
    if (!ln_onnx_emit_graph(n, graph, n->e, n->input_count, in, n->output_count, out)) return;
    for (int32_t i = 0; i < n->output_count; ++i) made[i][k] = out[i];
  }
  for (int32_t i = 0; made != NULL && i < n->output_count; ++i) give(n, i, list.count, made[i]);
}

/* ---- optionals ---- */

void ln_onnx_optional(ln_onnx_node *n) { ln_onnx_out_value(n, 0, ln_onnx_in_value(n, 0)); }

void ln_onnx_optional_get(ln_onnx_node *n) {
  const ln_onnx_value value = ln_onnx_in_value(n, 0);
  if (value.kind == LN_ONNX_ABSENT) ln_emit_wrong(n->e, "the optional holds nothing");
  else ln_onnx_out_value(n, 0, value);
}

void ln_onnx_optional_has(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_scalar(n->e, LN_BOOL, ln_onnx_in_value(n, 0).kind != LN_ONNX_ABSENT));
}
