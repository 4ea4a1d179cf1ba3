/*
 * Bytes as TensorFlow's checkpoints: the file of V1, and of V2 both the index and the file that it points into. What
 * checksums would stop is let through by putting them right first. All tensors are read; numbers are written and read
 * again, and bundles merged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "fuzz.h"
#include "ops/checkpoint.h"

enum { MAX_BYTES = 1 << 16, MAX_TENSORS = 16, MAX_BLOCKS = 64 };

/* ---- files ---- */

static char folder[64];

static void path_of(const char *name, char out[128]) { snprintf(out, 128, "%s/%s", folder, name); }

static void remove_folder(void) {
  char command[96];
  snprintf(command, sizeof command, "rm -r %s", folder);
  if (system(command) != 0) perror(command);
}

static void put_file(const char *name, const void *data, size_t size) {
  char path[128];
  path_of(name, path);
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) {
    perror(path);
    exit(2);
  }
}

static void remove_file(const char *name) {
  char path[128];
  path_of(name, path);
  unlink(path);
}

/* ---- checksums put right ---- */

static void put_crc(uint8_t *at, uint32_t crc) {
  const uint32_t masked = ln_crc32c_mask(crc);
  for (int i = 0; i < 4; ++i) at[i] = (uint8_t)(masked >> (8 * i));
}

/* A block at a handle, which is read: offset and size. False where it lies outside. */
static bool repair_block(uint8_t *data, size_t size, ln_wire *handle, ln_wire *block) {
  uint64_t offset, length;
  if (!ln_wire_varint(handle, &offset) || !ln_wire_varint(handle, &length)) return false;
  if (offset > size || length > size - offset || size - offset - length < 5) return false;
  put_crc(data + offset + length + 1, ln_crc32c(0, data + offset, (size_t)length + 1));
  *block = ln_wire_of(data + offset, (size_t)length);
  return true;
}

static bool next_value(ln_wire *block, ln_wire *value) {
  uint64_t shared, own, length;
  if (!ln_wire_varint(block, &shared) || !ln_wire_varint(block, &own) || !ln_wire_varint(block, &length)) return false;
  if (own > ln_wire_left(block) || length > ln_wire_left(block) - own) return false;
  *value = ln_wire_of(block->at + own, (size_t)length);
  block->at += own + length;
  return true;
}

/* Of an entry of a bundle: of the bytes that it points to, which lie in the same file here. */
static void repair_entry(uint8_t *data, size_t size, ln_wire entry) {
  ln_wire_field offset = {.value = 0}, length = {.value = 0}, field;
  (void)ln_wire_find(entry, LN_ENTRY_OFFSET, LN_WIRE_VARINT, &offset);
  if (!ln_wire_find(entry, LN_ENTRY_SIZE, LN_WIRE_VARINT, &length)) return;
  if (offset.value > size || length.value > size - offset.value) return;
  while (ln_wire_next(&entry, &field)) {
    if (field.number != LN_ENTRY_CRC || field.kind != LN_WIRE_32) continue;
    put_crc(data + (entry.at - data) - 4, ln_crc32c(0, data + offset.value, (size_t)length.value));
  }
}

static void repair(uint8_t *data, size_t size) {
  ln_wire list, handle, block, value;
  int blocks = 0;
  if (size < 48) return;
  for (int round = 0; round < 2; ++round) { /* entries first, then the blocks that hold them */
    ln_wire footer = ln_wire_of(data + size - 48, 40);
    uint64_t skipped;
    if (!ln_wire_varint(&footer, &skipped) || !ln_wire_varint(&footer, &skipped)) return;
    if (!repair_block(data, size, &footer, &list)) return;
    while (blocks++ < MAX_BLOCKS && next_value(&list, &handle)) {
      if (!repair_block(data, size, &handle, &block)) continue;
      while (round == 0 && next_value(&block, &value)) repair_entry(data, size, value);
    }
    blocks = 0;
  }
}

/* ---- reading ---- */

typedef struct found {
  char names[MAX_TENSORS][256];
  size_t sizes[MAX_TENSORS];
  int32_t count;
} found;

static void keep_name(found *names, const void *name, size_t size) {
  if (names->count == MAX_TENSORS || size > sizeof names->names[0]) return;
  if (size > 0) memcpy(names->names[names->count], name, size);
  names->sizes[names->count++] = size;
}

/* Keys are the names of V2; the header of V1, under the first key, has them inside. */
static ln_status keep_key(void *context, const uint8_t *key, size_t key_size, ln_wire value, ln_error *err) {
  ln_wire_field meta, tensor, name;
  (void)err;
  keep_name(context, key, key_size);
  if (key_size != 0 || !ln_wire_find(value, LN_SLICES_META, LN_WIRE_BYTES, &meta)) return LN_OK;
  while (ln_wire_next(&meta.bytes, &tensor)) {
    if (tensor.number != LN_SLICES_META_TENSOR || tensor.kind != LN_WIRE_BYTES) continue;
    if (ln_wire_find(tensor.bytes, LN_META_NAME, LN_WIRE_BYTES, &name))
      keep_name(context, name.bytes.at, ln_wire_left(&name.bytes));
  }
  return LN_OK;
}

static void check_text(const ln_checkpoint *file, const ln_span *text) {
  volatile char sum = 0;
  (void)file;
  for (size_t i = 0; i < text->size; ++i) sum = (char)(sum ^ text->data[i]); /* read by the sanitizer */
}

/* The tensor whole, or a corner of it; its bytes are kept in `tensor` when they are numbers. */
static bool read_one(ln_checkpoint *file, const ln_checkpoint_entry *entry, bool corner, void *out, ln_tensor *tensor) {
  ln_error err = {LN_OK, ""};
  ln_slice slice = ln_slice_all(entry->shape.rank);
  ln_shape shape = entry->shape;
  size_t count, bytes;
  for (int32_t i = 0; corner && i < shape.rank; ++i) {
    slice.start[i] = shape.dims[i] / 2;
    slice.length[i] = shape.dims[i] - shape.dims[i] / 2;
  }
  const size_t item = entry->type == LN_STRING ? sizeof(ln_span) : (size_t)ln_type_bits(entry->type) / 8;
  if (!ln_slice_shape(&slice, &entry->shape, &shape)) abort();
  if (!ln_shape_elements(&shape, &count) || !ln_size_mul(count, item, &bytes) || bytes > MAX_BYTES) return false;
  const ln_status status = ln_checkpoint_read(file, entry, &slice, out, &err);
  fuzz_check(status, &err);
  if (status != LN_OK) return false;
  for (size_t i = 0; entry->type == LN_STRING && i < count; ++i) check_text(file, (const ln_span *)out + i);
  if (entry->type == LN_STRING || corner) return false;
  *tensor =
      (ln_tensor){.type = entry->type, .shape = entry->shape, .quant = &ln_quant_none, .data = out, .bytes = bytes};
  return true;
}

static void write_again(const ln_checkpoint_item *items, int32_t count) {
  char path[128];
  ln_error err = {LN_OK, ""};
  ln_checkpoint again;
  ln_checkpoint_entry entry;
  path_of("again", path);
  const ln_status status = ln_checkpoint_write_v2(path, items, count, &err);
  fuzz_check(status, &err);
  if (status != LN_OK) return;
  if (ln_checkpoint_open(path, &err, &again) != LN_OK) abort();
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *tensor = items[i].tensor;
    char *got = malloc(tensor->bytes + 1);
    if (got == NULL || ln_checkpoint_find(&again, items[i].name, items[i].name_size, &err, &entry) != LN_OK) abort();
    const ln_slice all = ln_slice_all(entry.shape.rank);
    if (entry.type != tensor->type || !ln_shape_equal(&entry.shape, &tensor->shape)) abort();
    if (ln_checkpoint_read(&again, &entry, &all, got, &err) != LN_OK) abort();
    if (tensor->bytes > 0 && memcmp(got, tensor->data, tensor->bytes) != 0) abort();
    free(got);
  }
  ln_checkpoint_close(&again);
  remove_file("again.index");
  remove_file("again.data-00000-of-00001");
}

static void read_all(const char *name) {
  static ln_span room[MAX_TENSORS + 1][MAX_BYTES / sizeof(ln_span)];
  char path[128];
  ln_error err = {LN_OK, ""};
  ln_checkpoint file;
  ln_checkpoint_entry entry;
  ln_tensor tensors[MAX_TENSORS] = {0};
  ln_checkpoint_item items[MAX_TENSORS];
  found names = {.count = 0};
  int32_t count = 0;
  path_of(name, path);
  const ln_status status = ln_checkpoint_open(path, &err, &file);
  fuzz_check(status, &err);
  if (status != LN_OK) return;
  fuzz_check(ln_sstable_each(&file.table, keep_key, &names, &err), &err);
  for (int32_t i = 0; i < names.count; ++i) {
    const ln_status there = ln_checkpoint_find(&file, names.names[i], names.sizes[i], &err, &entry);
    fuzz_check(there, &err);
    if (there != LN_OK) continue;
    (void)read_one(&file, &entry, true, room[MAX_TENSORS], &tensors[count]);
    if (!read_one(&file, &entry, false, room[count], &tensors[count])) continue;
    items[count] = (ln_checkpoint_item){.name = names.names[i], .name_size = names.sizes[i], .tensor = &tensors[count]};
    ++count;
  }
  ln_checkpoint_close(&file);
  write_again(items, count);
}

/* The bundle with another of the same entries. */
static void merge(const uint8_t *data, size_t size) {
  static const char *const files[] = {"one.index", "two.index", "one.data-00000-of-00001", "two.data-00000-of-00001"};
  char one[128], two[128], whole[128];
  ln_error err = {LN_OK, ""};
  path_of("one", one);
  path_of("two", two);
  path_of("whole", whole);
  const ln_span paths[] = {{one, strlen(one)}, {two, strlen(two)}};
  for (size_t i = 0; i < LN_COUNT(files); ++i) put_file(files[i], data, size);
  const ln_status status = ln_checkpoint_merge(paths, 2, whole, &err);
  fuzz_check(status, &err);
  if (status == LN_OK) read_all("whole");
  for (size_t i = 0; i < LN_COUNT(files); ++i) remove_file(files[i]);
  remove_file("whole.index");
  remove_file("whole.data-00000-of-00002");
  remove_file("whole.data-00001-of-00002");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0 || size > MAX_BYTES) return 0;
  if (folder[0] == '\0') {
    strcpy(folder, "/dev/shm/linnet-fuzz-XXXXXX"); /* in memory where there is such a place */
    if (mkdtemp(folder) == NULL) {
      strcpy(folder, "/tmp/linnet-fuzz-XXXXXX");
      if (mkdtemp(folder) == NULL) exit(2);
    }
    atexit(remove_folder);
  }
  uint8_t *copy = malloc(size);
  if (copy == NULL) return 0;
  memcpy(copy, data, size);
  repair(copy, size);
  put_file("v1", copy, size);
  read_all("v1");
  put_file("v2.index", copy, size);
  put_file("v2.data-00000-of-00001", copy, size);
  put_file("v2.data-00000-of-00002", copy, size);
  put_file("v2.data-00001-of-00002", copy, size);
  read_all("v2");
  if (copy[0] % 4 == 0) merge(copy, size);
  free(copy);
  return 0;
}
