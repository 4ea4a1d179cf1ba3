/*
 * On-device training as TensorFlow Lite's tutorial does it, through the C API: train, save under a path that the
 * program passes, restore in another interpreter; and which other files a model may name: training DENSE FILES (models
 * of tests/training/make_model.py and of models.py)
 */
#define _GNU_SOURCE /* setenv, mkdtemp */
#include <unistd.h>

#include "check.h"
#include "linnet/tflite.h"
#include "tensorflow/lite/c/c_api.h"

enum { STEPS = 10, BATCH = 6, PIXELS = 64, CLASSES = 10 };

static char reported[4096];

static void reporter(void *user_data, const char *format, va_list args) {
  (void)user_data;
  vsnprintf(reported, sizeof reported, format, args);
}

static void set(TfLiteSignatureRunner *runner, const char *name, const float *values, const int *dims, int32_t rank) {
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  CHECK(TfLiteSignatureRunnerResizeInputTensor(runner, name, dims, rank) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerAllocateTensors(runner) == kTfLiteOk);
  TfLiteTensor *tensor = TfLiteSignatureRunnerGetInputTensor(runner, name);
  CHECK(TfLiteTensorCopyFromBuffer(tensor, values, count * sizeof *values) == kTfLiteOk);
}

static void set_pictures(TfLiteSignatureRunner *runner) {
  const int dims[] = {BATCH, 8, 8};
  float x[BATCH * PIXELS];
  for (int i = 0; i < BATCH * PIXELS; ++i) x[i] = (float)((i * 37 + 11) % 101) / 50.0f - 1.0f;
  set(runner, "x", x, dims, 3);
}

static float train(TfLiteInterpreter *interpreter) {
  const int dims[] = {BATCH, CLASSES};
  float y[BATCH * CLASSES] = {0}, first = 0, last = 0;
  TfLiteSignatureRunner *runner = TfLiteInterpreterGetSignatureRunner(interpreter, "train");
  CHECK(runner != NULL);
  for (int i = 0; i < BATCH; ++i) y[i * CLASSES + i * 3 % CLASSES] = 1;
  for (int step = 0; step < STEPS; ++step) {
    set_pictures(runner);
    set(runner, "y", y, dims, 2);
    set_pictures(runner); /* again: allocating for y may have moved it */
    CHECK(TfLiteSignatureRunnerInvoke(runner) == kTfLiteOk);
    last = *(const float *)TfLiteTensorData(TfLiteSignatureRunnerGetOutputTensor(runner, "loss"));
    if (step == 0) first = last;
  }
  TfLiteSignatureRunnerDelete(runner);
  return last / first;
}

static void infer(TfLiteInterpreter *interpreter, float *logits) {
  TfLiteSignatureRunner *runner = TfLiteInterpreterGetSignatureRunner(interpreter, "infer");
  set_pictures(runner);
  CHECK(TfLiteSignatureRunnerInvoke(runner) == kTfLiteOk);
  const TfLiteTensor *out = TfLiteSignatureRunnerGetOutputTensor(runner, "logits");
  CHECK(TfLiteTensorCopyToBuffer(out, logits, BATCH * CLASSES * sizeof *logits) == kTfLiteOk);
  TfLiteSignatureRunnerDelete(runner);
}

/* Runs "save" or "restore" on a path, a string tensor of one. */
static TfLiteStatus on_path(TfLiteInterpreter *interpreter, const char *key, const char *path) {
  char text[512];
  const int32_t length = (int32_t)strlen(path), head[] = {1, 12, 12 + length};
  memcpy(text, head, sizeof head);
  memcpy(text + sizeof head, path, (size_t)length);
  TfLiteSignatureRunner *runner = TfLiteInterpreterGetSignatureRunner(interpreter, key);
  CHECK(runner != NULL && TfLiteSignatureRunnerAllocateTensors(runner) == kTfLiteOk);
  TfLiteTensor *input = TfLiteSignatureRunnerGetInputTensor(runner, "checkpoint_path");
  CHECK(TfLiteTensorCopyFromBuffer(input, text, sizeof head + (size_t)length) == kTfLiteOk);
  const TfLiteStatus status = TfLiteSignatureRunnerInvoke(runner);
  TfLiteSignatureRunnerDelete(runner);
  return status;
}

static void train_and_save(const char *model_path, const char *path) {
  float trained[BATCH * CLASSES], restored[BATCH * CLASSES];
  TfLiteModel *model = TfLiteModelCreateFromFile(model_path);
  TfLiteInterpreter *one = TfLiteInterpreterCreate(model, NULL), *two = TfLiteInterpreterCreate(model, NULL);
  CHECK(one != NULL && two != NULL);
  CHECK(train(one) < 0.8f);
  infer(one, trained);
  infer(two, restored);
  CHECK(memcmp(trained, restored, sizeof trained) != 0);
  CHECK(on_path(one, "save", path) == kTfLiteOk && access(path, R_OK) == 0);
  CHECK(on_path(two, "restore", path) == kTfLiteOk);
  infer(two, restored);
  CHECK(memcmp(trained, restored, sizeof trained) == 0);
  TfLiteInterpreterDelete(one);
  TfLiteInterpreterDelete(two);

  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetErrorReporter(options, reporter, NULL);
  LnTfLiteInterpreterOptionsSetFiles(options, LN_FILES_NONE);
  one = TfLiteInterpreterCreate(model, options);
  CHECK(on_path(one, "restore", path) != kTfLiteOk && strstr(reported, "the session allows none") != NULL);
  TfLiteInterpreterDelete(one);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(model);
  CHECK(unlink(path) == 0);
}

/* A model that names a file of its own: what comes of running it. */
static TfLiteStatus run_naming(const TfLiteModel *model, const TfLiteInterpreterOptions *options) {
  const float x[] = {1, -2};
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  if (interpreter == NULL) return kTfLiteApplicationError;
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  CHECK(TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(interpreter, 0), x, sizeof x) == kTfLiteOk);
  const TfLiteStatus status = TfLiteInterpreterInvoke(interpreter);
  TfLiteInterpreterDelete(interpreter);
  if (status == kTfLiteOk) CHECK(unlink("linnet_files_test") == 0);
  CHECK(access("linnet_files_test", F_OK) != 0);
  return status;
}

static void name_files(const char *model_path) {
  TfLiteModel *model = TfLiteModelCreateFromFile(model_path);
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  CHECK(model != NULL);
  TfLiteInterpreterOptionsSetErrorReporter(options, reporter, NULL);
  CHECK(run_naming(model, options) == kTfLiteError && strstr(reported, "no input of the session gives") != NULL);
  CHECK(setenv("LINNET_FILES", "any", 1) == 0);
  CHECK(run_naming(model, options) == kTfLiteOk);
  CHECK(setenv("LINNET_FILES", "none", 1) == 0);
  CHECK(run_naming(model, options) != kTfLiteOk && strstr(reported, "the session allows none") != NULL);
  CHECK(setenv("LINNET_FILES", "all", 1) == 0);
  CHECK(run_naming(model, options) == kTfLiteApplicationError && strstr(reported, "LINNET_FILES is \"all\"") != NULL);
  LnTfLiteInterpreterOptionsSetFiles(options, LN_FILES_ANY); /* the program's word counts more */
  CHECK(run_naming(model, options) == kTfLiteOk);
  TfLiteInterpreterOptions *copy = TfLiteInterpreterOptionsCopy(options);
  CHECK(run_naming(model, copy) == kTfLiteOk);
  LnTfLiteInterpreterOptionsSetFiles(options, (ln_file_access)7);
  CHECK(run_naming(model, options) == kTfLiteApplicationError);
  TfLiteInterpreterOptionsDelete(copy);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(model);
}

int main(int argc, char **argv) {
  char folder[] = "/tmp/linnet-training-XXXXXX", path[64];
  CHECK(argc == 3 && unsetenv("LINNET_FILES") == 0);
  CHECK(mkdtemp(folder) != NULL && chdir(folder) == 0);
  snprintf(path, sizeof path, "%s/saved", folder);
  train_and_save(argv[1], path);
  name_files(argv[2]);
  CHECK(rmdir(folder) == 0);
  return 0;
}
