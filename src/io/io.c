/* What files are, and whole files in and out. */
#include "io/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *ln_io_library(int32_t index) {
  const char *const all[] = {ln_jpeg_library(), ln_png_library(),  ln_sound_library(), ln_resample_library(),
                             ln_zip_library(),  ln_gzip_library(), ln_json_library()};
  for (size_t i = 0; i < LN_COUNT(all); i++) {
    if (all[i] && index-- == 0) return all[i];
  }
  return NULL;
}

static bool starts(const uint8_t *data, size_t size, const char *magic, size_t length) {
  return size >= length && memcmp(data, magic, length) == 0;
}

static bool is_text(const uint8_t *data, size_t size) {
  const size_t end = size < 1024 ? size : 1024;
  for (size_t i = 0; i < end; i++) {
    if ((data[i] < 32 && !(data[i] >= 9 && data[i] <= 13)) || data[i] == 127) return false;
  }
  return size > 0;
}

static ln_io_kind kind_of(const uint8_t *data, size_t size) {
  if (starts(data, size, "\x93NUMPY", 6)) return LN_IO_NPY;
  if (starts(data, size, "\xff\xd8\xff", 3) || starts(data, size, "\x89PNG\r\n\x1a\n", 8)) return LN_IO_IMAGE;
  if (starts(data, size, "BM", 2) && size >= 26 && !is_text(data, size)) return LN_IO_IMAGE;
  if (size >= 12 && starts(data, size, "RIFF", 4) && memcmp(data + 8, "WAVE", 4) == 0) return LN_IO_SOUND;
  if (starts(data, size, "fLaC", 4) || starts(data, size, "OggS", 4)) return LN_IO_SOUND;
  if (size >= 12 && starts(data, size, "FORM", 4) && memcmp(data + 8, "AIF", 3) == 0) return LN_IO_SOUND;
  return is_text(data, size) ? LN_IO_TEXT : LN_IO_UNKNOWN;
}

ln_status ln_io_detect(const char *path, ln_error *err, ln_io_kind *out) {
  ln_file_map map;
  LN_TRY(ln_file_map_open(path, err, &map));
  *out = kind_of(map.data, map.size);
  ln_status status = LN_OK;
  if (map.size == 0) status = ln_fail(err, LN_ERR_FORMAT, "the file is empty");
  ln_file_map_close(&map);
  return status;
}

void ln_io_free(void *memory) { ln_free(memory); }

ln_status ln_io_write(const char *path, const void *data, size_t size, ln_error *err) {
  return ln_file_write(path, data, size, err);
}

/* Standard input is read up to this many bytes. */
enum { MAX_STREAM = 1 << 28 };

static ln_status read_stream(FILE *file, ln_error *err, char **out, size_t *size) {
  size_t used = 0, capacity = 4096;
  char *text = ln_alloc_array(capacity, 1);
  while (text) {
    used += fread(text + used, 1, capacity - used - 1, file);
    if (ferror(file)) {
      ln_free(text);
      return ln_fail(err, LN_ERR_IO, "cannot read: %s", strerror(errno));
    }
    if (feof(file)) {
      text[used] = 0;
      *out = text;
      *size = used;
      return LN_OK;
    }
    if (capacity >= MAX_STREAM) {
      ln_free(text);
      return ln_fail(err, LN_ERR_LIMIT, "longer than %d bytes", MAX_STREAM);
    }
    char *grown = ln_realloc_array(text, capacity, capacity * 2, 1);
    if (!grown) ln_free(text);
    text = grown;
    capacity *= 2;
  }
  return ln_fail(err, LN_ERR_MEMORY, "out of memory");
}

ln_status ln_io_read(const char *path, ln_error *err, char **out, size_t *size) {
  if (strcmp(path, "-") == 0) return read_stream(stdin, err, out, size);
  ln_file_map map;
  LN_TRY(ln_file_map_open(path, err, &map));
  ln_status status = LN_OK;
  char *text = map.size < SIZE_MAX ? ln_alloc(map.size + 1) : NULL;
  if (text) {
    if (map.size > 0) memcpy(text, map.data, map.size);
    text[map.size] = 0;
    *out = text;
    *size = map.size;
  } else {
    status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  ln_file_map_close(&map);
  return status;
}
