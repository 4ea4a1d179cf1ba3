/* What cannot work is refused with a reason: damaged models, foreign delegates. errors MODEL */
#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/common.h"

typedef struct reports {
  int count;
  char last[1024];
} reports;

static void reporter(void *user_data, const char *format, va_list args) {
  reports *r = user_data;
  ++r->count;
  vsnprintf(r->last, sizeof r->last, format, args);
}

int main(int argc, char **argv) {
  reports seen = {0, ""};
  CHECK(argc == 2);
  CHECK(TfLiteModelCreateWithErrorReporter("nonsense", 8, reporter, &seen) == NULL && seen.count == 1);
  CHECK(TfLiteModelCreateWithErrorReporter(NULL, 0, reporter, &seen) == NULL && seen.count == 2);
  CHECK(TfLiteModelCreateFromFileWithErrorReporter("/nowhere/at/all", reporter, &seen) == NULL && seen.count == 3);
  CHECK(strstr(seen.last, "/nowhere/at/all") != NULL);
  CHECK(TfLiteModelCreateFromFileWithErrorReporter(NULL, reporter, &seen) == NULL && seen.count == 4);

  TfLiteModel *model = TfLiteModelCreateFromFile(argv[1]);
  CHECK(model != NULL);
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetErrorReporter(options, reporter, &seen);
  TfLiteInterpreterOptionsAddDelegate(options, NULL);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL);
  TfLiteDelegate foreign = TfLiteDelegateCreate();
  CHECK(TfLiteInterpreterModifyGraphWithDelegate(interpreter, &foreign) == kTfLiteDelegateError);
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptions *copy = TfLiteInterpreterOptionsCopy(options);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteInterpreterOptionsAddDelegate(copy, &foreign);
  seen.count = 0;
  CHECK(TfLiteInterpreterCreate(model, copy) == NULL && seen.count == 1);
  CHECK(strstr(seen.last, "delegate") != NULL);
  CHECK(TfLiteInterpreterCreate(NULL, NULL) == NULL);
  TfLiteInterpreterOptionsDelete(copy);
  TfLiteModelDelete(model);
  TfLiteModelDelete(NULL);
  TfLiteInterpreterDelete(NULL);

  CHECK(strcmp(TfLiteTypeGetName(kTfLiteInt8), "INT8") == 0);
  CHECK(strcmp(TfLiteTypeGetName((TfLiteType)99), "Unknown type") == 0);
  TfLiteIntArray *array = TfLiteIntArrayCreate(2);
  array->data[0] = 3;
  array->data[1] = -1;
  TfLiteIntArray *same = TfLiteIntArrayCopy(array);
  CHECK(TfLiteIntArrayEqual(array, same) && TfLiteIntArrayEqualsArray(array, 2, same->data));
  same->data[1] = 0;
  CHECK(!TfLiteIntArrayEqual(array, same) && !TfLiteIntArrayEqual(array, NULL));
  TfLiteIntArrayFree(array);
  TfLiteIntArrayFree(same);
  CHECK(TfLiteIntArrayCreate(-1) == NULL);
  return 0;
}
