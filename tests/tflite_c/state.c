/* Signatures of one interpreter share its variables, and no other's: state MODEL (of tests/tflite_c/models.py) */
#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/common.h"

static float first_of(const TfLiteTensor *tensor) { return ((const float *)TfLiteTensorData(tensor))[0]; }

static float add(TfLiteSignatureRunner *runner, float amount) {
  const float x[] = {amount, amount};
  CHECK(TfLiteTensorCopyFromBuffer(TfLiteSignatureRunnerGetInputTensor(runner, "x"), x, sizeof x) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerInvoke(runner) == kTfLiteOk);
  return first_of(TfLiteSignatureRunnerGetOutputTensor(runner, "sum"));
}

static float read(TfLiteSignatureRunner *runner) {
  CHECK(TfLiteSignatureRunnerInvoke(runner) == kTfLiteOk);
  return first_of(TfLiteSignatureRunnerGetOutputTensor(runner, "value"));
}

static TfLiteSignatureRunner *runner_of(TfLiteInterpreter *interpreter, const char *key) {
  TfLiteSignatureRunner *runner = TfLiteInterpreterGetSignatureRunner(interpreter, key);
  CHECK(runner != NULL && TfLiteSignatureRunnerAllocateTensors(runner) == kTfLiteOk);
  return runner;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  TfLiteModel *model = TfLiteModelCreateFromFile(argv[1]);
  CHECK(model != NULL);
  TfLiteInterpreter *one = TfLiteInterpreterCreate(model, NULL), *two = TfLiteInterpreterCreate(model, NULL);
  CHECK(one != NULL && two != NULL);
  TfLiteSignatureRunner *adder = runner_of(one, "add"), *reader = runner_of(one, "read");
  TfLiteSignatureRunner *apart = runner_of(two, "read");
  CHECK(read(reader) == 10);
  CHECK(add(adder, 1) == 11 && add(adder, 2) == 13);
  CHECK(read(reader) == 13 && read(apart) == 10);
  /* What the program resets are tensors; variables with handles keep their values. */
  CHECK(TfLiteInterpreterResetVariableTensors(one) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerAllocateTensors(reader) == kTfLiteOk && read(reader) == 13);
  TfLiteSignatureRunnerDelete(adder);
  TfLiteSignatureRunnerDelete(reader);
  TfLiteSignatureRunnerDelete(apart);
  TfLiteInterpreterDelete(one);
  TfLiteInterpreterDelete(two);
  TfLiteModelDelete(model);
  return 0;
}
