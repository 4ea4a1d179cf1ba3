/* Files made for tests of samples, in a folder that goes with them; a model, and what a session of it is filled with.
 */
#ifndef LN_TESTS_DATA_FILES_H
#define LN_TESTS_DATA_FILES_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"
#include "linnet/data.h"
#include "linnet/io.h"
#include "support/unit.h"

/* ---- files ---- */

static char folder[64];
static ln_error err;

static inline const char *path_of(const char *name) {
  static char paths[4][200];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static inline const char *write_file(const char *name, const void *data, size_t size) {
  const char *path = path_of(name);
  assert_int_equal(ln_io_write(path, data, size, NULL), LN_OK);
  return path;
}

/* The bytes of a .npy file, into `out`; returns how many. */
static inline size_t make_npy(uint8_t *out, const char *descr, const char *shape, const void *data, size_t bytes) {
  memset(out, ' ', 128);
  memcpy(out, "\x93NUMPY\x01\x00\x76\x00", 10);
  const int length =
      sprintf((char *)out + 10, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);
  out[10 + length] = ' ';
  out[127] = '\n';
  memcpy(out + 128, data, bytes);
  return 128 + bytes;
}

static inline const char *write_npy(const char *name, const char *descr, const char *shape, const void *data,
                                    size_t bytes) {
  uint8_t *file = malloc(128 + bytes);
  const char *path = write_file(name, file, make_npy(file, descr, shape, data, bytes));
  free(file);
  return path;
}

static inline void put(uint8_t *at, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* A zip archive of files stored as they are, without sums, which nobody asks for. */
typedef struct archive {
  uint8_t bytes[8192], directory[1024];
  size_t size, directory_size;
  int count;
} archive;

static inline void add_file(archive *zip, const char *name, const void *data, size_t size) {
  const size_t length = strlen(name);
  uint8_t *local = zip->bytes + zip->size, *entry = zip->directory + zip->directory_size;
  memset(local, 0, 30);
  memset(entry, 0, 46);
  memcpy(local, "PK\3\4", 4);
  memcpy(entry, "PK\1\2", 4);
  put(local + 18, (uint32_t)size, 4), put(local + 22, (uint32_t)size, 4), put(local + 26, (uint32_t)length, 2);
  put(entry + 20, (uint32_t)size, 4), put(entry + 24, (uint32_t)size, 4), put(entry + 28, (uint32_t)length, 2);
  put(entry + 42, (uint32_t)zip->size, 4);
  memcpy(local + 30, name, length), memcpy(entry + 46, name, length);
  memcpy(local + 30 + length, data, size);
  zip->size += 30 + length + size;
  zip->directory_size += 46 + length;
  zip->count++;
}

static inline const char *write_archive(archive *zip, const char *name) {
  uint8_t *end = zip->bytes + zip->size + zip->directory_size;
  memcpy(zip->bytes + zip->size, zip->directory, zip->directory_size);
  memset(end, 0, 22);
  memcpy(end, "PK\5\6", 4);
  put(end + 8, (uint32_t)zip->count, 2), put(end + 10, (uint32_t)zip->count, 2);
  put(end + 12, (uint32_t)zip->directory_size, 4), put(end + 16, (uint32_t)zip->size, 4);
  return write_file(name, zip->bytes, zip->size + zip->directory_size + 22);
}

static inline void copy_file(const char *from, const char *name) {
  char *bytes;
  size_t size;
  assert_int_equal(ln_io_read(from, NULL, &bytes, &size), LN_OK);
  write_file(name, bytes, size);
  ln_io_free(bytes);
}

/* ---- models and sessions ---- */

static ln_model *model;
static ln_session *session;

static inline void open_model(const char *path, const char *signature) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = signature;
  assert_int_equal(ln_model_open(path, NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
}

static inline int close_model(void **state) {
  (void)state;
  ln_session_destroy(session);
  ln_model_destroy(model);
  session = NULL;
  model = NULL;
  return 0;
}

static inline ln_data *open_data(const char *path, const ln_data_options *options) {
  ln_data *data = NULL;
  if (ln_data_open(path, model, options, &err, &data) != LN_OK) fail_msg("%s", err.message);
  return data;
}

/* Opening fails with a line that holds both texts. */
static inline void refuses(const char *path, const char *labels, const char *first, const char *second) {
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  options.labels = labels;
  ln_data *data = NULL;
  assert_int_not_equal(ln_data_open(path, model, &options, &err, &data), LN_OK);
  assert_null(data);
  if (!strstr(err.message, first) || !strstr(err.message, second)) fail_msg("%s", err.message);
}

static inline void fill(const ln_data *data, int64_t index) {
  const ln_samples *samples = ln_data_samples(data);
  if (samples->fill(samples->user, index, session, &err) != LN_OK) fail_msg("%s", err.message);
}

static inline void fill_refuses(const ln_data *data, int64_t index, const char *first, const char *second) {
  const ln_samples *samples = ln_data_samples(data);
  assert_int_not_equal(samples->fill(samples->user, index, session, &err), LN_OK);
  if (!strstr(err.message, first) || !strstr(err.message, second)) fail_msg("%s", err.message);
}

static inline void holds(int32_t input, size_t element, float value) {
  const float found = ln_tensor_get_f32(ln_session_input(session, input), element);
  if (fabsf(found - value) > 1e-6f) fail_msg("element %zu is %g, not %g", element, (double)found, (double)value);
}

/* Runs a group of tests in a folder of their own. */
static inline bool make_folder(void) {
  strcpy(folder, "/tmp/linnet-data-XXXXXX");
  return mkdtemp(folder) != NULL;
}

static inline int remove_folder(int failed) {
  char command[100];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) == 0 ? failed : 1;
}

#endif
