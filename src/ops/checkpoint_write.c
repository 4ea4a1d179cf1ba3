/* Checkpoints written (checkpoint.h): built in memory, then put in place file by file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir/nodedef.h"
#include "ops/checkpoint.h"
#include "ops/strings.h"

/* An entry of the table to be, by places in bytes that may still move. */
typedef struct place {
  size_t key, key_size, value, value_size;
} place;

typedef struct builder {
  ln_bytes pool; /* keys and values */
  place *places; /* [capacity] */
  size_t count, capacity;
} builder;

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "no memory for a checkpoint"); }

static ln_status begin(builder *b, size_t capacity, ln_error *err) {
  *b = (builder){.capacity = capacity, .places = ln_alloc_array(capacity, sizeof(place))};
  return b->places != NULL ? LN_OK : no_memory(err);
}

static void add_entry(builder *b, const ln_bytes *key, const ln_bytes *value) {
  b->pool.failed = b->pool.failed || key->failed || value->failed;
  b->places[b->count++] = (place){b->pool.size, key->size, b->pool.size + key->size, value->size};
  ln_bytes_add(&b->pool, key->data, key->size);
  ln_bytes_add(&b->pool, value->data, value->size);
}

static void end(builder *b) {
  ln_bytes_free(&b->pool);
  ln_free(b->places);
}

/* The entries in memory, where they stay until the next is added; NULL when memory is short. */
static ln_sstable_entry *list_entries(const builder *b) {
  ln_sstable_entry *entries = b->pool.failed ? NULL : ln_alloc_array(b->count, sizeof *entries);
  if (entries == NULL) return NULL;
  for (size_t i = 0; i < b->count; ++i) {
    const place *p = &b->places[i];
    const uint8_t *pool = b->pool.data;
    entries[i] = (ln_sstable_entry){p->key_size == 0 ? "" : (const char *)pool + p->key, p->key_size, pool + p->value,
                                    p->value_size};
  }
  return entries;
}

static ln_status write_table(const builder *b, const char *path, ln_error *err) {
  ln_bytes file = {0};
  ln_sstable_entry *entries = list_entries(b);
  ln_status status = entries == NULL ? no_memory(err) : ln_sstable_write(entries, b->count, err, &file);
  if (status == LN_OK) status = ln_file_write(path, file.data, file.size, err);
  ln_free(entries);
  ln_bytes_free(&file);
  return status;
}

static void put_version(ln_bytes *out, uint32_t field) {
  ln_bytes version = {0};
  ln_wire_put_number(&version, LN_VERSION_PRODUCER, 1);
  out->failed = out->failed || version.failed;
  ln_wire_put_bytes(out, field, version.data, version.size);
  ln_bytes_free(&version);
}

/* ---- V1 ---- */

static uint64_t number_at(const ln_tensor *tensor, size_t index) {
  const char *data = tensor->data;
  switch (tensor->type) {
    case LN_INT8: return (uint64_t)(int64_t)((const int8_t *)data)[index];
    case LN_INT16: return (uint64_t)(int64_t)((const int16_t *)(const void *)data)[index];
    case LN_INT32: return (uint64_t)(int64_t)((const int32_t *)(const void *)data)[index];
    case LN_INT64: return (uint64_t)((const int64_t *)(const void *)data)[index];
    case LN_BOOL:
    case LN_UINT8: return ((const uint8_t *)data)[index];
    default: return ((const uint16_t *)(const void *)data)[index]; /* uint16 and float16 */
  }
}

/* The field of a TensorProto that holds the tensor's numbers or strings. */
static void put_values(ln_bytes *out, const ln_tensor *tensor) {
  const ln_proto_field *form = ln_proto_field_of(tensor->type);
  const size_t count = ln_shape_span(&tensor->shape, 0, tensor->shape.rank);
  ln_bytes packed = {0};
  if (count == 0) return;
  if (form->kind == LN_WIRE_BYTES) {
    for (size_t i = 0; i < count; ++i) {
      const ln_span text = ln_string_at(tensor, i);
      ln_wire_put_bytes(out, form->number, text.data, text.size);
    }
    return;
  }
  if (form->kind != LN_WIRE_VARINT) {
    ln_wire_put_bytes(out, form->number, tensor->data, tensor->bytes);
    return;
  }
  for (size_t i = 0; i < count; ++i) ln_wire_put_varint(&packed, number_at(tensor, i));
  out->failed = out->failed || packed.failed;
  ln_wire_put_bytes(out, form->number, packed.data, packed.size);
  ln_bytes_free(&packed);
}

static const ln_shape *whole_of(const ln_checkpoint_item *item) {
  return item->partial ? &item->whole : &item->tensor->shape;
}

static ln_slice slice_of(const ln_checkpoint_item *item) {
  return item->partial ? item->slice : ln_slice_all(item->tensor->shape.rank);
}

/* Of a tensor's items, which are its parts or itself. */
static void put_v1_meta(ln_bytes *meta, const ln_checkpoint_item *items, int32_t count) {
  ln_bytes one = {0};
  ln_wire_put_bytes(&one, LN_META_NAME, items->name, items->name_size);
  ln_checkpoint_put_shape(&one, LN_META_SHAPE, whole_of(items));
  ln_wire_put_number(&one, LN_META_TYPE, ln_tf_number(items->tensor->type));
  for (int32_t i = 0; i < count; ++i) {
    const ln_slice slice = slice_of(&items[i]);
    ln_checkpoint_put_slice(&one, LN_META_SLICE, &slice);
  }
  meta->failed = meta->failed || one.failed;
  ln_wire_put_bytes(meta, LN_SLICES_META_TENSOR, one.data, one.size);
  ln_bytes_free(&one);
}

static void add_v1_data(builder *b, const ln_checkpoint_item *item) {
  const ln_slice slice = slice_of(item);
  ln_bytes key = {0}, values = {0}, saved = {0}, entry = {0};
  ln_checkpoint_put_key(&key, item->name, item->name_size, &slice);
  put_values(&values, item->tensor);
  ln_wire_put_bytes(&saved, LN_SAVED_NAME, item->name, item->name_size);
  ln_checkpoint_put_slice(&saved, LN_SAVED_SLICE, &slice);
  ln_wire_put_bytes(&saved, LN_SAVED_DATA, values.data, values.size);
  ln_wire_put_bytes(&entry, LN_SLICES_DATA, saved.data, saved.size);
  entry.failed = entry.failed || values.failed || saved.failed;
  add_entry(b, &key, &entry);
  ln_bytes_free(&key);
  ln_bytes_free(&values);
  ln_bytes_free(&saved);
  ln_bytes_free(&entry);
}

/* ---- what is to be written ---- */

static int by_name(const ln_checkpoint_item *x, const ln_checkpoint_item *y) {
  const size_t common = x->name_size < y->name_size ? x->name_size : y->name_size;
  const int order = common == 0 ? 0 : memcmp(x->name, y->name, common);
  if (order != 0) return order;
  return x->name_size < y->name_size ? -1 : x->name_size > y->name_size;
}

static int by_slice(const ln_slice *x, const ln_slice *y) {
  for (int32_t i = 0; i < x->rank && i < y->rank; ++i) {
    if (x->start[i] != y->start[i]) return x->start[i] < y->start[i] ? -1 : 1;
    if (x->length[i] != y->length[i]) return x->length[i] < y->length[i] ? -1 : 1;
  }
  return 0;
}

static int by_name_and_slice(const void *a, const void *b) {
  const ln_checkpoint_item *x = a, *y = b;
  const int order = by_name(x, y);
  return order != 0 || !x->partial || !y->partial ? order : by_slice(&x->slice, &y->slice);
}

static bool are_parts_of_one(const ln_checkpoint_item *x, const ln_checkpoint_item *y) {
  return x->partial && y->partial && x->tensor->type == y->tensor->type && ln_shape_equal(&x->whole, &y->whole) &&
         by_slice(&x->slice, &y->slice) != 0;
}

static ln_status check_sorted(const ln_checkpoint_item *sorted, int32_t count, ln_error *err) {
  for (int32_t i = 1; i < count; ++i) {
    if (by_name(&sorted[i - 1], &sorted[i]) != 0 || are_parts_of_one(&sorted[i - 1], &sorted[i])) continue;
    return ln_fail(err, LN_ERR_ARGUMENT, "the name \"%.*s\" stands twice",
                   (int)(sorted[i].name_size < 100 ? sorted[i].name_size : 100), sorted[i].name);
  }
  return LN_OK;
}

static ln_status check_item(const ln_checkpoint_item *item, bool v1, ln_error *err) {
  const ln_proto_field *form = ln_proto_field_of(item->tensor->type);
  ln_shape shape;
  if (form == NULL || (v1 && !form->in_v1)) {
    return ln_fail(err, LN_ERR_TYPE, "checkpoints of %s take no %s", v1 ? "the operator Save" : "TensorFlow",
                   ln_type_name(item->tensor->type));
  }
  if (!item->partial) return LN_OK;
  bool good = ln_slice_shape(&item->slice, &item->whole, &shape) && ln_shape_equal(&shape, &item->tensor->shape);
  for (int32_t i = 0; i < item->slice.rank; ++i) good = good && item->slice.length[i] != 0; /* as TensorFlow has it */
  if (good) return LN_OK;
  return ln_fail(err, LN_ERR_SHAPE, "the slice to be saved as \"%.*s\" is empty or of another shape than its tensor",
                 (int)(item->name_size < 100 ? item->name_size : 100), item->name);
}

/* A copy of the items, parts of a tensor side by side; to be freed. */
static ln_status sort_items(const ln_checkpoint_item *items, int32_t count, bool v1, ln_error *err,
                            ln_checkpoint_item **out) {
  for (int32_t i = 0; i < count; ++i) LN_TRY(check_item(&items[i], v1, err));
  ln_checkpoint_item *sorted = ln_alloc_array((size_t)count, sizeof *sorted);
  if (sorted == NULL) return no_memory(err);
  if (count > 0) memcpy(sorted, items, (size_t)count * sizeof *sorted);
  if (count > 0) qsort(sorted, (size_t)count, sizeof *sorted, by_name_and_slice);
  const ln_status status = check_sorted(sorted, count, err);
  if (status == LN_OK) *out = sorted;
  else ln_free(sorted);
  return status;
}

/* How many items from the first on are of its tensor. */
static int32_t same_tensor(const ln_checkpoint_item *sorted, int32_t count) {
  int32_t same = 1;
  while (same < count && by_name(&sorted[0], &sorted[same]) == 0) ++same;
  return same;
}

ln_status ln_checkpoint_write_v1(const char *path, const ln_checkpoint_item *items, int32_t count, ln_error *err) {
  builder b;
  ln_bytes meta = {0}, header = {0};
  const ln_bytes no_key = {0};
  ln_checkpoint_item *sorted = NULL;
  LN_TRY(sort_items(items, count, true, err, &sorted));
  ln_status status = begin(&b, (size_t)count + 1, err);
  if (status != LN_OK) goto out;
  for (int32_t i = 0, same; i < count; i += same) {
    same = same_tensor(&sorted[i], count - i);
    put_v1_meta(&meta, &sorted[i], same);
  }
  put_version(&meta, LN_SLICES_META_VERSIONS);
  ln_wire_put_bytes(&header, LN_SLICES_META, meta.data, meta.size);
  header.failed = header.failed || meta.failed;
  add_entry(&b, &no_key, &header);
  for (int32_t i = 0; i < count; ++i) add_v1_data(&b, &items[i]);
  status = write_table(&b, path, err);
  end(&b);
out:
  ln_bytes_free(&meta);
  ln_bytes_free(&header);
  ln_free(sorted);
  return status;
}

/* ---- V2 ---- */

static void put_header(builder *b, int32_t shards) {
  ln_bytes header = {0};
  const ln_bytes no_key = {0};
  ln_wire_put_number(&header, LN_BUNDLE_SHARDS, (uint64_t)shards);
  put_version(&header, LN_BUNDLE_VERSION);
  add_entry(b, &no_key, &header);
  ln_bytes_free(&header);
}

/* Appends a tensor's bytes as bundles keep them and gives their checksum. */
static uint32_t put_data(ln_bytes *data, const ln_tensor *tensor) {
  const size_t count = ln_shape_span(&tensor->shape, 0, tensor->shape.rank);
  uint32_t crc = 0;
  if (tensor->type != LN_STRING) {
    ln_bytes_add(data, tensor->data, tensor->bytes);
    return ln_crc32c(0, tensor->data, tensor->bytes);
  }
  for (size_t i = 0; i < count; ++i) {
    const uint32_t length = (uint32_t)ln_string_at(tensor, i).size; /* offsets of a string tensor are int32 */
    ln_wire_put_varint(data, length);
    crc = ln_crc32c(crc, &length, sizeof length);
  }
  const uint32_t masked = ln_crc32c_mask(crc);
  ln_bytes_add(data, &masked, sizeof masked);
  crc = ln_crc32c(crc, &masked, sizeof masked);
  for (size_t i = 0; i < count; ++i) {
    const ln_span text = ln_string_at(tensor, i);
    ln_bytes_add(data, text.data, text.size);
    crc = ln_crc32c(crc, text.data, text.size);
  }
  return crc;
}

static void put_crc(ln_bytes *out, uint32_t crc) {
  const uint32_t masked = ln_crc32c_mask(crc);
  ln_wire_put_varint(out, LN_ENTRY_CRC << 3 | LN_WIRE_32);
  for (int32_t i = 0; i < 4; ++i) ln_bytes_byte(out, (uint8_t)(masked >> (8 * i)));
}

static void add_v2_entry(builder *b, ln_bytes *data, const ln_checkpoint_item *item) {
  ln_bytes key = {0}, entry = {0};
  const size_t start = data->size;
  const uint32_t crc = put_data(data, item->tensor);
  if (item->partial) ln_checkpoint_put_key(&key, item->name, item->name_size, &item->slice);
  else ln_bytes_add(&key, item->name, item->name_size);
  ln_wire_put_number(&entry, LN_ENTRY_TYPE, ln_tf_number(item->tensor->type));
  ln_checkpoint_put_shape(&entry, LN_ENTRY_SHAPE, &item->tensor->shape);
  ln_wire_put_number(&entry, LN_ENTRY_OFFSET, start);
  ln_wire_put_number(&entry, LN_ENTRY_SIZE, data->size - start);
  put_crc(&entry, crc);
  add_entry(b, &key, &entry);
  ln_bytes_free(&key);
  ln_bytes_free(&entry);
}

/* What the parts belong to: an entry without bytes of its own. */
static void add_v2_whole(builder *b, const ln_checkpoint_item *parts, int32_t count) {
  ln_bytes key = {0}, entry = {0};
  ln_bytes_add(&key, parts->name, parts->name_size);
  ln_wire_put_number(&entry, LN_ENTRY_TYPE, ln_tf_number(parts->tensor->type));
  ln_checkpoint_put_shape(&entry, LN_ENTRY_SHAPE, &parts->whole);
  for (int32_t i = 0; i < count; ++i) ln_checkpoint_put_slice(&entry, LN_ENTRY_SLICES, &parts[i].slice);
  add_entry(b, &key, &entry);
  ln_bytes_free(&key);
  ln_bytes_free(&entry);
}

static ln_status index_path(const char *path, char out[LN_CHECKPOINT_PATH_MAX], ln_error *err) {
  const int length = snprintf(out, LN_CHECKPOINT_PATH_MAX, "%s.index", path);
  return length > 0 && length < LN_CHECKPOINT_PATH_MAX ? LN_OK : ln_fail(err, LN_ERR_ARGUMENT, "a path is too long");
}

ln_status ln_checkpoint_write_v2(const char *path, const ln_checkpoint_item *items, int32_t count, ln_error *err) {
  char shard[LN_CHECKPOINT_PATH_MAX], index[LN_CHECKPOINT_PATH_MAX];
  builder b;
  ln_bytes data = {0};
  ln_checkpoint_item *sorted = NULL;
  LN_TRY(index_path(path, index, err));
  if (!ln_checkpoint_shard_path(path, 0, 1, shard)) return ln_fail(err, LN_ERR_ARGUMENT, "a path is too long");
  LN_TRY(sort_items(items, count, false, err, &sorted));
  ln_status status = begin(&b, 2 * (size_t)count + 1, err);
  if (status != LN_OK) goto out;
  put_header(&b, 1);
  for (int32_t i = 0; i < count; ++i) add_v2_entry(&b, &data, &items[i]);
  for (int32_t i = 0, same; i < count; i += same) {
    same = same_tensor(&sorted[i], count - i);
    if (sorted[i].partial) add_v2_whole(&b, &sorted[i], same);
  }
  if (data.failed) status = no_memory(err);
  /* The index last: a bundle is there once its index is. */
  if (status == LN_OK) status = ln_file_write(shard, data.data, data.size, err);
  if (status == LN_OK) status = write_table(&b, index, err);
  end(&b);
out:
  ln_bytes_free(&data);
  ln_free(sorted);
  return status;
}

/* ---- several bundles into one ---- */

typedef struct merge {
  builder *b;
  size_t room; /* entries that may still be added */
  int32_t first_shard;
} merge;

static ln_status count_entry(void *context, const uint8_t *key, size_t key_size, ln_wire value, ln_error *err) {
  (void)key;
  (void)key_size;
  (void)value;
  (void)err;
  ++*(size_t *)context;
  return LN_OK;
}

/* Takes an entry over, with the shard's number in the new bundle. */
static ln_status merge_entry(void *context, const uint8_t *key, size_t key_size, ln_wire value, ln_error *err) {
  merge *m = context;
  ln_bytes name = {0}, entry = {0};
  ln_wire_field field;
  uint64_t shard = (uint64_t)m->first_shard;
  if (key_size == 0) return LN_OK; /* the header */
  if (m->room == 0) return ln_fail(err, LN_ERR_DATA, "the checkpoint changed while it was read");
  --m->room;
  for (;;) {
    const uint8_t *start = value.at;
    if (!ln_wire_next(&value, &field)) break;
    if (field.number == LN_ENTRY_SHARD && field.kind == LN_WIRE_VARINT) shard += field.value;
    else ln_bytes_add(&entry, start, (size_t)(value.at - start));
  }
  ln_wire_put_number(&entry, LN_ENTRY_SHARD, shard);
  ln_bytes_add(&name, key, key_size);
  add_entry(m->b, &name, &entry);
  ln_bytes_free(&name);
  ln_bytes_free(&entry);
  return LN_OK;
}

/* Whether both entries are of one partitioned tensor, whose parts the bundles share out. */
static bool are_shares(const ln_sstable_entry *a, const ln_sstable_entry *b) {
  static const uint32_t same[] = {LN_ENTRY_TYPE, LN_ENTRY_SHAPE};
  const ln_wire x = ln_wire_of(a->value, a->value_size), y = ln_wire_of(b->value, b->value_size);
  ln_wire_field one = {0}, other = {0};
  if (!ln_wire_find(x, LN_ENTRY_SLICES, LN_WIRE_BYTES, &one) || !ln_wire_find(y, LN_ENTRY_SLICES, LN_WIRE_BYTES, &one))
    return false;
  for (size_t i = 0; i < LN_COUNT(same); ++i) {
    const ln_wire_kind kind = i == 0 ? LN_WIRE_VARINT : LN_WIRE_BYTES;
    if (!ln_wire_find(x, same[i], kind, &one) || !ln_wire_find(y, same[i], kind, &other)) return false;
    const size_t size = ln_wire_left(&one.bytes);
    if (one.value != other.value || size != ln_wire_left(&other.bytes)) return false;
    if (size > 0 && memcmp(one.bytes.at, other.bytes.at, size) != 0) return false;
  }
  return true;
}

static void put_slices(ln_bytes *out, const ln_sstable_entry *entry) {
  ln_wire message = ln_wire_of(entry->value, entry->value_size);
  ln_wire_field field;
  while (ln_wire_next(&message, &field)) {
    if (field.number != LN_ENTRY_SLICES || field.kind != LN_WIRE_BYTES) continue;
    ln_wire_put_bytes(out, LN_ENTRY_SLICES, field.bytes.at, ln_wire_left(&field.bytes));
  }
}

/* The entries with the parts of a tensor, which several bundles have shares of, in one. */
static ln_status gather_parts(const builder *b, builder *out, ln_error *err) {
  ln_sstable_entry *entries = list_entries(b);
  if (entries == NULL) return no_memory(err);
  ln_sstable_sort(entries, b->count);
  for (size_t i = 0; i < b->count;) {
    const ln_sstable_entry *first = &entries[i];
    ln_bytes key = {0}, value = {0};
    ln_bytes_add(&key, first->key, first->key_size);
    ln_bytes_add(&value, first->value, first->value_size);
    for (++i; i < b->count && ln_sstable_order(first, &entries[i]) == 0 && are_shares(first, &entries[i]); ++i) {
      put_slices(&value, &entries[i]);
    }
    add_entry(out, &key, &value);
    ln_bytes_free(&key);
    ln_bytes_free(&value);
  }
  ln_free(entries);
  return LN_OK;
}

static ln_status open_all(const ln_span *paths, int32_t count, ln_checkpoint *parts, int32_t *opened, size_t *entries,
                          int32_t *shards, ln_error *err) {
  char path[LN_CHECKPOINT_PATH_MAX];
  for (int32_t i = 0; i < count; ++i) {
    if (paths[i].size >= sizeof path) return ln_fail(err, LN_ERR_ARGUMENT, "a path is too long");
    memcpy(path, paths[i].data, paths[i].size);
    path[paths[i].size] = '\0';
    LN_TRY(ln_checkpoint_open(path, err, &parts[i]));
    *opened = i + 1;
    if (!parts[i].bundle) return ln_fail(err, LN_ERR_DATA, "%.200s is no bundle", path);
    LN_TRY(ln_sstable_each(&parts[i].table, count_entry, entries, err));
    *shards += parts[i].shard_count;
    if (*shards > 99999) return ln_fail(err, LN_ERR_LIMIT, "the checkpoints have too many parts");
  }
  return LN_OK;
}

static ln_status move_shards(const ln_checkpoint *part, const char *path, int32_t first, int32_t shards,
                             ln_error *err) {
  char from[LN_CHECKPOINT_PATH_MAX], to[LN_CHECKPOINT_PATH_MAX];
  for (int32_t i = 0; i < part->shard_count; ++i) {
    if (!ln_checkpoint_shard_path(part->path, i, part->shard_count, from) ||
        !ln_checkpoint_shard_path(path, first + i, shards, to)) {
      return ln_fail(err, LN_ERR_ARGUMENT, "a path is too long");
    }
    LN_TRY(ln_file_rename(from, to, err));
  }
  return LN_OK;
}

static ln_status merge_parts(ln_checkpoint *parts, int32_t count, const char *path, size_t entries, int32_t shards,
                             ln_error *err) {
  char index[LN_CHECKPOINT_PATH_MAX], old[LN_CHECKPOINT_PATH_MAX];
  builder b, gathered = {.count = 0};
  LN_TRY(index_path(path, index, err));
  LN_TRY(begin(&b, entries + 1, err));
  merge m = {&b, entries, 0};
  put_header(&b, shards);
  ln_status status = begin(&gathered, entries + 1, err);
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    status = ln_sstable_each(&parts[i].table, merge_entry, &m, err);
    m.first_shard += parts[i].shard_count;
  }
  if (status == LN_OK) status = gather_parts(&b, &gathered, err);
  for (int32_t i = 0, first = 0; status == LN_OK && i < count; first += parts[i++].shard_count) {
    status = move_shards(&parts[i], path, first, shards, err);
  }
  if (status == LN_OK) status = write_table(&gathered, index, err);
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    status = index_path(parts[i].path, old, err);
    if (status == LN_OK && strcmp(old, index) != 0) status = ln_file_remove(old, err);
  }
  end(&gathered);
  end(&b);
  return status;
}

ln_status ln_checkpoint_merge(const ln_span *paths, int32_t count, const char *path, ln_error *err) {
  ln_checkpoint *parts = ln_alloc_array((size_t)count, sizeof *parts);
  size_t entries = 0;
  int32_t opened = 0, shards = 0;
  if (parts == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for checkpoints");
  ln_status status = open_all(paths, count, parts, &opened, &entries, &shards, err);
  if (status == LN_OK) status = merge_parts(parts, count, path, entries, shards, err);
  for (int32_t i = 0; i < opened; ++i) ln_checkpoint_close(&parts[i]);
  ln_free(parts);
  return status;
}
