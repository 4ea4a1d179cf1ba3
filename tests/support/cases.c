#include "support/cases.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/unit.h"

/* Where the program was, and the folder it is in now. */
static char home[4096], scratch[64];

bool ln_test_enter_scratch(void) {
  snprintf(scratch, sizeof scratch, "/tmp/linnet-cases-XXXXXX");
  return getcwd(home, sizeof home) != NULL && mkdtemp(scratch) != NULL && chdir(scratch) == 0;
}

void ln_test_leave_scratch(void) {
  DIR *files = opendir(scratch);
  for (const struct dirent *file; files != NULL && (file = readdir(files)) != NULL;) {
    if (file->d_name[0] != '.') remove(file->d_name);
  }
  if (files != NULL) closedir(files);
  if (chdir(home) == 0) rmdir(scratch);
}

static void visit_folder(const char *folder, int step, int *seen, ln_test_model_check check) {
  DIR *files = opendir(folder);
  if (files == NULL) return;
  for (const struct dirent *file; (file = readdir(files)) != NULL;) {
    char path[2048];
    ln_model *model = NULL;
    if (strncmp(file->d_name, "refused", 7) == 0) continue;
    if (strstr(file->d_name, ".tflite") == NULL || (*seen)++ % step != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, file->d_name);
    assert_int_equal(ln_model_open(path, NULL, &model), LN_OK);
    check(path, model);
    ln_model_destroy(model);
  }
  closedir(files);
}

int ln_test_each_case(int step, ln_test_model_check check) {
  int seen = 0;
  DIR *families = opendir(LN_TESTS_DIR "/ops/cases");
  assert_non_null(families);
  assert_true(ln_test_enter_scratch());
  for (const struct dirent *family; (family = readdir(families)) != NULL;) {
    char folder[1024];
    if (family->d_name[0] == '.') continue;
    snprintf(folder, sizeof folder, "%s/ops/cases/%s", LN_TESTS_DIR, family->d_name);
    visit_folder(folder, step, &seen, check);
  }
  closedir(families);
  ln_test_leave_scratch();
  return seen;
}

const char *ln_test_case_path(char *buffer, size_t size, const char *name) {
  snprintf(buffer, size, "%s/ops/cases/%s", LN_TESTS_DIR, name);
  return buffer;
}

ln_status ln_test_case_resize(const ln_model *model, ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    char name[64];
    size_t bytes = 0;
    int32_t dims[LN_MAX_RANK];
    snprintf(name, sizeof name, "case.in.%d.shape", (int)i);
    const void *shape = ln_model_metadata(model, name, &bytes);
    if (shape == NULL || bytes > sizeof dims) continue;
    memcpy(dims, shape, bytes);
    const ln_status status = ln_session_resize_input(session, i, dims, (int32_t)(bytes / sizeof *dims), err);
    if (status != LN_OK) return status;
  }
  return ln_session_prepare(session, err);
}

const void *ln_test_case_input(const ln_model *model, int32_t index, size_t *bytes) {
  char name[64];
  snprintf(name, sizeof name, "case.in.%d", (int)index);
  return ln_model_metadata(model, name, bytes);
}
