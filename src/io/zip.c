/*
 * Files of zip archives: appended to a model, or of arrays (.npz). Entries stored as they are (the usual case) are
 * found here, in every build; compressed ones need libzip. Sizes and offsets are believed only within the file.
 */
#include <string.h>

#include "io/io.h"

#ifdef LN_HAVE_ZIP
#include <stdio.h>
#include <zip.h>
#endif

/* An associated file larger than this is refused: a compressed one may unfold to anything. */
enum { MAX_MEMBER = 1 << 28 };

typedef struct entry {
  uint32_t method;
  uint64_t packed, size, header_at;
} entry;

/* The end record, searched from the end over the longest comment; NULL when the file has no archive. */
static const uint8_t *find_end(const uint8_t *data, size_t size) {
  const size_t furthest = size > 22 + 65535 ? size - 22 - 65535 : 0;
  for (size_t at = size >= 22 ? size - 22 : 0; size >= 22; at--) {
    if (memcmp(data + at, "PK\5\6", 4) == 0) return data + at;
    if (at == furthest) break;
  }
  return NULL;
}

static uint64_t le64(const uint8_t *p) { return ln_le32(p) | (uint64_t)ln_le32(p + 4) << 32; }

/* Where the list of members lies: [*at, *end). `*base`: what offsets count from, for which tools take the file's start
 * or the archive's. Archives of more than 4 GiB say it in a record of their own before the end record. */
static bool find_list(const uint8_t *data, size_t size, size_t *at, size_t *end, size_t *base) {
  const uint8_t *last = find_end(data, size);
  if (!last) return false;
  uint64_t bytes = ln_le32(last + 12), begin = ln_le32(last + 16);
  *end = (size_t)(last - data);
  if (*end >= 20 + 56 && memcmp(last - 20, "PK\6\7", 4) == 0 && memcmp(last - 76, "PK\6\6", 4) == 0) {
    bytes = le64(last - 76 + 40);
    begin = le64(last - 76 + 48);
    *end -= 76;
  }
  if (bytes > *end || begin > *end - bytes) return false;
  *at = *end - (size_t)bytes;
  *base = *at - (size_t)begin;
  return true;
}

/* Sizes that do not fit 32 bits stand in an extra field, in this order. */
static bool read_wide(const uint8_t *extra, size_t room, entry *out) {
  uint64_t *fields[] = {&out->size, &out->packed, &out->header_at};
  while (room >= 4 && (ln_le16(extra) != 1 || (size_t)ln_le16(extra + 2) + 4 > room)) {
    const size_t step = (size_t)ln_le16(extra + 2) + 4;
    if (step > room) break;
    extra += step;
    room -= step;
  }
  size_t left = room >= 4 && ln_le16(extra) == 1 ? ln_le16(extra + 2) : 0;
  for (size_t i = 0, used = 4; i < LN_COUNT(fields); i++) {
    if (*fields[i] != UINT32_MAX) continue;
    if (left < 8) return false;
    *fields[i] = le64(extra + used);
    used += 8;
    left -= 8;
  }
  return true;
}

/* Member `index`, or (name not NULL) the one of that name; its own name is at `*found_name`, of `*length` bytes. */
static bool find_entry(const uint8_t *data, size_t size, int32_t index, const char *name, entry *out,
                       const char **found_name, size_t *found_length) {
  size_t at, end_at, base;
  if (!find_list(data, size, &at, &end_at, &base)) return false;
  while (at + 46 <= end_at && memcmp(data + at, "PK\1\2", 4) == 0) {
    const size_t name_length = ln_le16(data + at + 28), extra = ln_le16(data + at + 30);
    const size_t total = 46 + name_length + extra + ln_le16(data + at + 32);
    if (total > end_at - at) return false;
    const char *own = (const char *)data + at + 46;
    if (name ? name_length == strlen(name) && memcmp(own, name, name_length) == 0 : index-- == 0) {
      *found_name = own;
      *found_length = name_length;
      *out =
          (entry){ln_le16(data + at + 10), ln_le32(data + at + 20), ln_le32(data + at + 24), ln_le32(data + at + 42)};
      if (!read_wide((const uint8_t *)own + name_length, extra, out) || out->header_at > end_at - base) return false;
      out->header_at += base;
      return true;
    }
    at += total;
  }
  return false;
}

/* Where a stored member's bytes lie; NULL in a broken archive. */
static const uint8_t *find_stored(const uint8_t *data, size_t size, const entry *found) {
  const size_t header = (size_t)found->header_at;
  if (header > size || size - header < 30 || memcmp(data + header, "PK\3\4", 4) != 0) return NULL;
  const size_t start = header + 30 + ln_le16(data + header + 26) + ln_le16(data + header + 28);
  if (start > size || found->size > size - start || found->packed != found->size) return NULL;
  return data + start;
}

static ln_status copy_stored(const uint8_t *data, size_t size, const entry *found, ln_error *err, void **out,
                             size_t *out_size) {
  const uint8_t *stored = find_stored(data, size, found);
  if (!stored) return ln_fail(err, LN_ERR_FORMAT, "broken archive");
  uint8_t *copy = ln_alloc((size_t)found->size + 1);
  if (!copy) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  memcpy(copy, stored, found->size);
  copy[found->size] = 0;
  *out = copy;
  *out_size = found->size;
  return LN_OK;
}

#ifdef LN_HAVE_ZIP

const char *ln_zip_library(void) { return "libzip " LIBZIP_VERSION; }

static ln_status unpack(const uint8_t *data, size_t size, const char *name, const entry *found, ln_error *err,
                        void **out, size_t *out_size) {
  ln_status status = ln_fail(err, LN_ERR_FORMAT, "broken archive");
  zip_error_t failed;
  zip_error_init(&failed);
  uint8_t *copy = NULL;
  zip_t *archive = NULL;
  zip_file_t *file = NULL;
  zip_source_t *source = zip_source_buffer_create(data, size, 0, &failed);
  if (source) archive = zip_open_from_source(source, ZIP_RDONLY, &failed);
  if (!archive) {
    zip_source_free(source);
    goto out;
  }
  file = zip_fopen(archive, name, 0);
  if (!file) goto out;
  copy = ln_alloc((size_t)found->size + 1);
  if (!copy) {
    status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    goto out;
  }
  if (zip_fread(file, copy, found->size) != (zip_int64_t)found->size) goto out;
  copy[found->size] = 0;
  *out = copy;
  *out_size = found->size;
  copy = NULL;
  if (err) *err = (ln_error){0};
  status = LN_OK;
out:
  ln_free(copy);
  if (file) zip_fclose(file);
  if (archive) zip_discard(archive);
  zip_error_fini(&failed);
  return status;
}

#else

const char *ln_zip_library(void) { return NULL; }

static ln_status unpack(const uint8_t *data, size_t size, const char *name, const entry *found, ln_error *err,
                        void **out, size_t *out_size) {
  (void)data, (void)size, (void)name, (void)found, (void)out, (void)out_size;
  return ln_fail(err, LN_ERR_FEATURE, "it is compressed and this build cannot unpack it: built without libzip");
}

#endif

bool ln_zip_name(const void *data, size_t size, int32_t index, char *name, size_t room) {
  entry found;
  const char *own;
  size_t length;
  if (!find_entry(data, size, index, NULL, &found, &own, &length) || length >= room) return false;
  memcpy(name, own, length);
  name[length] = 0;
  return true;
}

ln_status ln_zip_read(const void *data, size_t size, const char *name, size_t most, ln_error *err, void **out,
                      size_t *out_size) {
  entry found;
  const char *own;
  size_t length;
  *out = NULL;
  *out_size = 0;
  if (!data || !find_entry(data, size, 0, name, &found, &own, &length)) {
    return ln_fail(err, LN_ERR_NOT_FOUND, "no file %s in the archive", name);
  }
  if (found.size > most) return ln_fail(err, LN_ERR_LIMIT, "%s in the archive is too large", name);
  const ln_status status = found.method == 0 ? copy_stored(data, size, &found, err, out, out_size)
                                             : unpack(data, size, name, &found, err, out, out_size);
  if (status != LN_OK) ln_error_prefix(err, "%s in the archive", name);
  return status;
}

const void *ln_zip_view(const void *data, size_t size, const char *name, size_t *out_size) {
  entry found;
  const char *own;
  size_t length;
  *out_size = 0;
  if (!data || !find_entry(data, size, 0, name, &found, &own, &length) || found.method != 0) return NULL;
  const void *stored = find_stored(data, size, &found);
  if (stored) *out_size = found.size;
  return stored;
}

ln_status ln_io_model_file(const ln_model *model, const char *name, ln_error *err, void **out, size_t *size) {
  size_t total = 0;
  const uint8_t *data = ln_model_file(model, &total);
  const ln_status status = ln_zip_read(data, total, name, MAX_MEMBER, err, out, size);
  if (status == LN_ERR_NOT_FOUND) return ln_fail(err, status, "no file %s in the model's archive", name);
  if (status != LN_OK) ln_error_prefix(err, "the model's archive");
  return status;
}
