/* Checkpoints read (checkpoint.h). Files are data: every place, size and type is checked before it is used. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ir/nodedef.h"
#include "ops/checkpoint.h"

enum { MAX_SHARDS = 99999 }; /* five digits of a file name */

/* ---- opening ---- */

static ln_status open_bundle(ln_checkpoint *c, ln_error *err) {
  ln_wire header = {NULL, NULL};
  ln_wire_field field;
  LN_TRY(ln_sstable_get(&c->table, "", 0, err, &header));
  if (ln_wire_find(header, LN_BUNDLE_ENDIANNESS, LN_WIRE_VARINT, &field) && field.value != 0) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "the checkpoint is big-endian");
  }
  if (!ln_wire_find(header, LN_BUNDLE_SHARDS, LN_WIRE_VARINT, &field) || field.value < 1 || field.value > MAX_SHARDS) {
    return ln_fail(err, LN_ERR_DATA, "the checkpoint's header is malformed");
  }
  c->shard_count = (int32_t)field.value;
  c->shards = ln_arena_array(&c->arena, (size_t)c->shard_count, sizeof *c->shards);
  return c->shards != NULL ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "no memory for a checkpoint");
}

static ln_status open_file(ln_checkpoint *c, const char *path, ln_error *err) {
  char index[LN_CHECKPOINT_PATH_MAX];
  const int length = snprintf(index, sizeof index, "%s.index", path);
  if (length < 0 || (size_t)length >= sizeof index) return ln_fail(err, LN_ERR_ARGUMENT, "a path is too long");
  memcpy(c->path, path, strlen(path) + 1);
  c->bundle = ln_file_exists(index);
  LN_TRY(ln_file_map_open(c->bundle ? index : path, err, &c->file));
  LN_TRY(ln_sstable_open(c->file.data, c->file.size, err, &c->table));
  return c->bundle ? open_bundle(c, err) : LN_OK;
}

ln_status ln_checkpoint_open(const char *path, ln_error *err, ln_checkpoint *out) {
  *out = (ln_checkpoint){.bundle = false};
  const ln_status status = open_file(out, path, err);
  if (status == LN_OK) return LN_OK;
  ln_error_prefix(err, "checkpoint %.200s", path);
  ln_checkpoint_close(out);
  return status;
}

void ln_checkpoint_close(ln_checkpoint *checkpoint) {
  for (int32_t i = 0; checkpoint->shards != NULL && i < checkpoint->shard_count; ++i) {
    ln_file_map_close(&checkpoint->shards[i]);
  }
  ln_file_map_close(&checkpoint->file);
  ln_arena_free(&checkpoint->arena);
  checkpoint->shards = NULL;
}

/* ---- finding ---- */

static ln_status find_in_bundle(const ln_checkpoint *c, ln_error *err, ln_checkpoint_entry *out) {
  if (out->name_size == 0) return ln_fail(err, LN_ERR_NOT_FOUND, "a tensor without a name"); /* that is the header */
  return ln_sstable_get(&c->table, out->name, out->name_size, err, &out->message);
}

static ln_status find_in_v1(const ln_checkpoint *c, ln_error *err, ln_checkpoint_entry *out) {
  ln_wire header = {NULL, NULL};
  ln_wire_field meta, tensor, name;
  LN_TRY(ln_sstable_get(&c->table, "", 0, err, &header));
  if (!ln_wire_find(header, LN_SLICES_META, LN_WIRE_BYTES, &meta)) {
    return ln_fail(err, LN_ERR_DATA, "the header is malformed");
  }
  while (ln_wire_next(&meta.bytes, &tensor)) {
    if (tensor.number != LN_SLICES_META_TENSOR || tensor.kind != LN_WIRE_BYTES) continue;
    if (!ln_wire_find(tensor.bytes, LN_META_NAME, LN_WIRE_BYTES, &name)) continue;
    if (ln_wire_left(&name.bytes) != out->name_size) continue;
    if (out->name_size > 0 && memcmp(name.bytes.at, out->name, out->name_size) != 0) continue;
    out->message = tensor.bytes;
    return LN_OK;
  }
  return ln_fail(err, LN_ERR_NOT_FOUND, "no such tensor");
}

static ln_status describe(bool bundle, ln_checkpoint_entry *entry, ln_error *err) {
  const uint32_t shape_field = bundle ? LN_ENTRY_SHAPE : LN_META_SHAPE;
  ln_wire_field type, shape;
  bool ranked = true;
  size_t elements;
  if (!ln_wire_find(entry->message, bundle ? LN_ENTRY_TYPE : LN_META_TYPE, LN_WIRE_VARINT, &type) ||
      !ln_tf_type(type.value, &entry->type) || ln_proto_field_of(entry->type) == NULL) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "its element type is not known here");
  }
  entry->shape = (ln_shape){0, {0}};
  if (ln_wire_find(entry->message, shape_field, LN_WIRE_BYTES, &shape) &&
      !ln_tf_shape(shape.bytes, &entry->shape, &ranked)) {
    return ln_fail(err, LN_ERR_DATA, "its shape is malformed");
  }
  if (!ranked || !ln_shape_elements(&entry->shape, &elements)) {
    return ln_fail(err, LN_ERR_DATA, "its shape is not one of a tensor");
  }
  return LN_OK;
}

ln_status ln_checkpoint_find(const ln_checkpoint *checkpoint, const char *name, size_t name_size, ln_error *err,
                             ln_checkpoint_entry *out) {
  *out = (ln_checkpoint_entry){.name = name, .name_size = name_size};
  ln_status status = checkpoint->bundle ? find_in_bundle(checkpoint, err, out) : find_in_v1(checkpoint, err, out);
  if (status == LN_OK) status = describe(checkpoint->bundle, out, err);
  if (status != LN_OK) {
    ln_error_prefix(err, "checkpoint %.200s: tensor \"%.*s\"", checkpoint->path,
                    (int)(name_size < 100 ? name_size : 100), name);
  }
  return status;
}

/* ---- elements ---- */

static size_t item_bytes(ln_type type) { return type == LN_STRING ? sizeof(ln_span) : (size_t)ln_type_bits(type) / 8; }

/* Where elements of a slice lie: [its shape] of items. */
typedef struct piece {
  ln_slice slice;
  ln_shape shape;
  size_t elements;
} piece;

static bool make_piece(const ln_slice *slice, const ln_shape *whole, piece *out) {
  out->slice = *slice;
  return ln_slice_shape(slice, whole, &out->shape) && ln_shape_elements(&out->shape, &out->elements);
}

/* Copies what lies in both, and counts it. */
static void copy_common(const piece *from, const char *source, const piece *to, char *target, size_t bytes,
                        size_t *copied) {
  const int32_t rank = to->shape.rank;
  int64_t low[LN_MAX_RANK + 1] = {0}, size[LN_MAX_RANK + 1] = {0}, at[LN_MAX_RANK + 1] = {0};
  size_t row = 1;
  for (int32_t d = 0; d < rank; ++d) {
    const int64_t a = from->slice.start[d], b = to->slice.start[d];
    const int64_t a_end = a + from->shape.dims[d], b_end = b + to->shape.dims[d];
    low[d] = a > b ? a : b;
    size[d] = (a_end < b_end ? a_end : b_end) - low[d];
    if (size[d] <= 0) return;
  }
  if (rank > 0) row = (size_t)size[rank - 1];
  for (;;) {
    size_t i = 0, j = 0; /* of the row's first element; bounded: by the slices' elements */
    for (int32_t d = 0; d < rank; ++d) {
      i = i * (size_t)from->shape.dims[d] + (size_t)(low[d] + at[d] - from->slice.start[d]);
      j = j * (size_t)to->shape.dims[d] + (size_t)(low[d] + at[d] - to->slice.start[d]);
    }
    memcpy(target + j * bytes, source + i * bytes, row * bytes); /* bounded: as above */
    *copied += row;
    int32_t d = rank - 2;
    while (d >= 0 && ++at[d] == size[d]) at[d--] = 0;
    if (d < 0) return;
  }
}

/* ---- V1: numbers as protobuf has them ---- */

static void store(void *out, uint64_t value, size_t bytes) { memcpy(out, &value, bytes); }

static ln_status decode(ln_wire data, ln_type type, size_t elements, char *out, ln_error *err) {
  const ln_proto_field *form = ln_proto_field_of(type);
  const size_t bytes = item_bytes(type) / (size_t)form->items;
  const size_t count = elements * (size_t)form->items; /* bounded: `out` holds them */
  ln_wire_walker walker = {data, {NULL, NULL}, form->number, form->kind};
  ln_wire_field text;
  uint64_t value;
  size_t i = 0;
  if (type == LN_STRING) {
    for (; i < count && ln_wire_walk_bytes(&walker, &text); ++i) {
      ((ln_span *)(void *)out)[i] = (ln_span){(const char *)text.bytes.at, ln_wire_left(&text.bytes)};
    }
  } else {
    for (; i < count && ln_wire_walk(&walker, &value); ++i) store(out + i * bytes, value, bytes);
  }
  return i == count ? LN_OK : ln_fail(err, LN_ERR_DATA, "%zu numbers are missing", count - i);
}

static ln_status read_v1_slice(ln_checkpoint *c, const ln_checkpoint_entry *entry, const piece *part, ln_arena *work,
                               const char **out, ln_error *err) {
  ln_bytes key = {0};
  ln_wire value = {NULL, NULL};
  ln_wire_field saved, data;
  ln_checkpoint_put_key(&key, entry->name, entry->name_size, &part->slice);
  const ln_status status = key.failed ? ln_fail(err, LN_ERR_MEMORY, "no memory for a key")
                                      : ln_sstable_get(&c->table, key.data, key.size, err, &value);
  ln_bytes_free(&key);
  LN_TRY(status);
  if (!ln_wire_find(value, LN_SLICES_DATA, LN_WIRE_BYTES, &saved) ||
      !ln_wire_find(saved.bytes, LN_SAVED_DATA, LN_WIRE_BYTES, &data)) {
    return ln_fail(err, LN_ERR_DATA, "its data is malformed");
  }
  /* An element takes a byte at least: no more memory is asked for than the file's size accounts for. */
  if (entry->type != LN_STRING && part->elements > ln_wire_left(&data.bytes)) {
    return ln_fail(err, LN_ERR_DATA, "its data is too short");
  }
  if (entry->type == LN_STRING && part->elements > ln_wire_left(&data.bytes) / 2) {
    return ln_fail(err, LN_ERR_DATA, "its data is too short");
  }
  char *decoded = ln_arena_array(work, part->elements, item_bytes(entry->type));
  if (decoded == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for its data");
  *out = decoded;
  return decode(data.bytes, entry->type, part->elements, decoded, err);
}

/* ---- V2: bytes in a shard ---- */

static ln_status shard_bytes(ln_checkpoint *c, ln_wire message, ln_error *err, ln_wire *out) {
  ln_wire_field field;
  uint64_t shard = 0, offset = 0, size = 0;
  if (ln_wire_find(message, LN_ENTRY_SHARD, LN_WIRE_VARINT, &field)) shard = field.value;
  if (ln_wire_find(message, LN_ENTRY_OFFSET, LN_WIRE_VARINT, &field)) offset = field.value;
  if (ln_wire_find(message, LN_ENTRY_SIZE, LN_WIRE_VARINT, &field)) size = field.value;
  if (shard >= (uint64_t)c->shard_count) return ln_fail(err, LN_ERR_DATA, "it lies in a file that there is not");
  ln_file_map *map = &c->shards[shard];
  if (map->data == NULL) {
    char path[LN_CHECKPOINT_PATH_MAX];
    if (!ln_checkpoint_shard_path(c->path, (int32_t)shard, c->shard_count, path)) {
      return ln_fail(err, LN_ERR_ARGUMENT, "a path is too long");
    }
    LN_TRY(ln_file_map_open(path, err, map));
  }
  if (offset > map->size || size > map->size - offset) return ln_fail(err, LN_ERR_DATA, "it lies outside its file");
  *out = map->data == NULL ? (ln_wire){NULL, NULL} : ln_wire_of(map->data + offset, (size_t)size);
  return LN_OK;
}

/* Lengths as varints, a checksum over them as fixed numbers, the bytes; `*crc` becomes the entry's checksum. */
static ln_status decode_strings(ln_wire data, size_t elements, ln_span *out, uint32_t *crc, ln_error *err) {
  uint32_t sum = 0;
  uint64_t length, stated;
  for (size_t i = 0; i < elements; ++i) {
    if (!ln_wire_varint(&data, &length) || length > SIZE_MAX) return ln_fail(err, LN_ERR_DATA, "its data is malformed");
    out[i].size = (size_t)length;
    sum = ln_crc32c(sum, &length, length <= UINT32_MAX ? 4 : 8);
  }
  const uint32_t masked = ln_crc32c_mask(sum);
  if (!ln_wire_fixed(&data, 4, &stated) || stated != masked) return ln_fail(err, LN_ERR_DATA, "its data is damaged");
  sum = ln_crc32c(sum, &masked, sizeof masked);
  *crc = ln_crc32c(sum, data.at, ln_wire_left(&data));
  for (size_t i = 0; i < elements; ++i) {
    if (out[i].size > ln_wire_left(&data)) return ln_fail(err, LN_ERR_DATA, "its data is too short");
    out[i].data = (const char *)data.at;
    data.at += out[i].size;
  }
  return ln_wire_left(&data) == 0 ? LN_OK : ln_fail(err, LN_ERR_DATA, "its data is too long");
}

static ln_status read_v2_data(ln_checkpoint *c, const ln_checkpoint_entry *entry, ln_wire message, const piece *part,
                              ln_arena *work, const char **out, ln_error *err) {
  ln_wire data = {NULL, NULL};
  ln_wire_field field;
  uint32_t crc = 0;
  size_t bytes;
  LN_TRY(shard_bytes(c, message, err, &data));
  if (entry->type == LN_STRING) {
    if (part->elements > ln_wire_left(&data)) return ln_fail(err, LN_ERR_DATA, "its data is too short");
    ln_span *texts = ln_arena_array(work, part->elements, sizeof *texts);
    if (texts == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for its data");
    *out = (const char *)texts;
    LN_TRY(decode_strings(data, part->elements, texts, &crc, err));
  } else {
    if (!ln_size_mul(part->elements, item_bytes(entry->type), &bytes) || bytes != ln_wire_left(&data)) {
      return ln_fail(err, LN_ERR_DATA, "its data has %zu bytes, its shape takes others", ln_wire_left(&data));
    }
    *out = (const char *)data.at;
    crc = ln_crc32c(0, data.at, bytes);
  }
  if (!ln_wire_find(message, LN_ENTRY_CRC, LN_WIRE_32, &field)) field.value = 0;
  return field.value == ln_crc32c_mask(crc) ? LN_OK : ln_fail(err, LN_ERR_DATA, "its data is damaged");
}

static ln_status read_v2_slice(ln_checkpoint *c, const ln_checkpoint_entry *entry, const piece *part, ln_arena *work,
                               const char **out, ln_error *err) {
  ln_bytes key = {0};
  ln_wire message = {NULL, NULL};
  ln_checkpoint_put_key(&key, entry->name, entry->name_size, &part->slice);
  const ln_status status = key.failed ? ln_fail(err, LN_ERR_MEMORY, "no memory for a key")
                                      : ln_sstable_get(&c->table, key.data, key.size, err, &message);
  ln_bytes_free(&key);
  LN_TRY(status);
  return read_v2_data(c, entry, message, part, work, out, err);
}

/* ---- the slices of a tensor ---- */

static ln_status take_slice(ln_checkpoint *c, const ln_checkpoint_entry *entry, ln_wire stored, const piece *to,
                            char *target, size_t *copied, ln_error *err) {
  ln_arena work = {0};
  ln_slice slice = {0};
  piece part;
  const char *source = NULL;
  ln_status status = LN_OK;
  if (!ln_checkpoint_get_slice(stored, entry->shape.rank, &slice) || !make_piece(&slice, &entry->shape, &part)) {
    return ln_fail(err, LN_ERR_DATA, "a slice lies outside it");
  }
  status = c->bundle ? read_v2_slice(c, entry, &part, &work, &source, err)
                     : read_v1_slice(c, entry, &part, &work, &source, err);
  if (status == LN_OK) copy_common(&part, source, to, target, item_bytes(entry->type), copied);
  ln_arena_free(&work);
  return status;
}

static ln_status take_whole(ln_checkpoint *c, const ln_checkpoint_entry *entry, const piece *to, char *target,
                            size_t *copied, ln_error *err) {
  ln_arena work = {0};
  piece part;
  const char *source = NULL;
  const ln_slice all = ln_slice_all(entry->shape.rank);
  if (!make_piece(&all, &entry->shape, &part)) return ln_fail(err, LN_ERR_DATA, "its shape is too large");
  const ln_status status = read_v2_data(c, entry, entry->message, &part, &work, &source, err);
  if (status == LN_OK) copy_common(&part, source, to, target, item_bytes(entry->type), copied);
  ln_arena_free(&work);
  return status;
}

static ln_status read_all(ln_checkpoint *c, const ln_checkpoint_entry *entry, const piece *to, char *out,
                          ln_error *err) {
  ln_wire message = entry->message;
  ln_wire_field field;
  size_t copied = 0;
  bool sliced = false;
  if (to->elements == 0) return LN_OK;
  while (ln_wire_next(&message, &field)) {
    if (field.number != (c->bundle ? LN_ENTRY_SLICES : LN_META_SLICE) || field.kind != LN_WIRE_BYTES) continue;
    sliced = true;
    LN_TRY(take_slice(c, entry, field.bytes, to, out, &copied, err));
  }
  if (!sliced && c->bundle) LN_TRY(take_whole(c, entry, to, out, &copied, err));
  return copied >= to->elements ? LN_OK : ln_fail(err, LN_ERR_DATA, "parts of it are missing");
}

ln_status ln_checkpoint_read(ln_checkpoint *checkpoint, const ln_checkpoint_entry *entry, const ln_slice *wanted,
                             void *out, ln_error *err) {
  piece to;
  ln_status status = LN_OK;
  if (!make_piece(wanted, &entry->shape, &to)) status = ln_fail(err, LN_ERR_SHAPE, "the slice lies outside it");
  else {
    /* What overlapping slices may leave out. */
    if (to.elements > 0) memset(out, 0, to.elements * item_bytes(entry->type)); /* bounded: `out` holds them */
    status = read_all(checkpoint, entry, &to, out, err);
  }
  if (status != LN_OK) {
    ln_error_prefix(err, "checkpoint %.200s: tensor \"%.*s\"", checkpoint->path,
                    (int)(entry->name_size < 100 ? entry->name_size : 100), entry->name);
  }
  return status;
}
