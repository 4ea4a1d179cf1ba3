/* Signature runners, resizing and the order of inputs: signatures MODEL (of tests/tflite_c/models.py) */
#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/common.h"

/* Runs a signature on x = 2 4 6 and y = 1 2 3. */
static void run(TfLiteInterpreter *interpreter, const char *key, const char *output, const float *expected) {
  const float x[] = {2, 4, 6}, y[] = {1, 2, 3};
  const int dims[] = {3};
  TfLiteSignatureRunner *runner = TfLiteInterpreterGetSignatureRunner(interpreter, key);
  CHECK(runner != NULL);
  CHECK(TfLiteSignatureRunnerGetInputCount(runner) == 2 && TfLiteSignatureRunnerGetOutputCount(runner) == 1);
  CHECK(strcmp(TfLiteSignatureRunnerGetInputName(runner, 0), "x") == 0);
  CHECK(strcmp(TfLiteSignatureRunnerGetInputName(runner, 1), "y") == 0);
  CHECK(TfLiteSignatureRunnerGetInputName(runner, 2) == NULL);
  CHECK(strcmp(TfLiteSignatureRunnerGetOutputName(runner, 0), output) == 0);
  CHECK(TfLiteSignatureRunnerResizeInputTensor(runner, "x", dims, 1) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerResizeInputTensor(runner, "y", dims, 1) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerResizeInputTensor(runner, "z", dims, 1) == kTfLiteError);
  CHECK(TfLiteSignatureRunnerAllocateTensors(runner) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerGetInputTensor(runner, "z") == NULL);
  CHECK(TfLiteTensorCopyFromBuffer(TfLiteSignatureRunnerGetInputTensor(runner, "x"), x, sizeof x) == kTfLiteOk);
  CHECK(TfLiteTensorCopyFromBuffer(TfLiteSignatureRunnerGetInputTensor(runner, "y"), y, sizeof y) == kTfLiteOk);
  CHECK(TfLiteSignatureRunnerInvoke(runner) == kTfLiteOk);
  const TfLiteTensor *result = TfLiteSignatureRunnerGetOutputTensor(runner, output);
  CHECK(result != NULL && TfLiteTensorByteSize(result) == sizeof x && TfLiteTensorDim(result, 0) == 3);
  CHECK(memcmp(TfLiteTensorData(result), expected, sizeof x) == 0);
  CHECK(TfLiteSignatureRunnerCancel(runner) == kTfLiteError); /* not enabled */
  TfLiteSignatureRunnerDelete(runner);
}

static void resize(TfLiteInterpreter *interpreter) {
  /* The first graph's own order: right, then left. */
  const int five[] = {5}, matrix[] = {1, 5}, bad[] = {-3};
  CHECK(strcmp(TfLiteTensorName(TfLiteInterpreterGetInputTensor(interpreter, 0)), "right") == 0);
  CHECK(TfLiteInterpreterGetInputTensor(interpreter, 2) == NULL &&
        TfLiteInterpreterGetInputTensor(interpreter, -1) == NULL);
  CHECK(TfLiteInterpreterResizeInputTensor(interpreter, 0, bad, 1) == kTfLiteError);
  CHECK(TfLiteInterpreterResizeInputTensor(interpreter, 7, five, 1) == kTfLiteError);
  CHECK(TfLiteInterpreterResizeInputTensorStrict(interpreter, 0, matrix, 2) == kTfLiteError);
  CHECK(TfLiteInterpreterResizeInputTensorStrict(interpreter, 0, five, 1) == kTfLiteOk);
  CHECK(TfLiteInterpreterResizeInputTensor(interpreter, 1, five, 1) == kTfLiteOk);
  const TfLiteTensor *input = TfLiteInterpreterGetInputTensor(interpreter, 0);
  CHECK(TfLiteTensorDim(input, 0) == 5 && TfLiteTensorByteSize(input) == 20);
  CHECK(input->dims_signature != NULL && input->dims_signature->data[0] == -1);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteError); /* tensors have no memory yet */
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
  CHECK(TfLiteTensorDim(TfLiteInterpreterGetOutputTensor(interpreter, 0), 0) == 5);
}

int main(int argc, char **argv) {
  const float products[] = {2, 8, 18}, sums[] = {3, 6, 9};
  CHECK(argc == 2);
  TfLiteModel *model = TfLiteModelCreateFromFile(argv[1]);
  CHECK(model != NULL);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, NULL);
  TfLiteModelDelete(model); /* the interpreter keeps what it needs */
  CHECK(interpreter != NULL);
  CHECK(TfLiteInterpreterGetSignatureCount(interpreter) == 2);
  CHECK(TfLiteInterpreterGetSignatureKey(interpreter, 2) == NULL);
  CHECK(TfLiteInterpreterGetSignatureRunner(interpreter, "divide") == NULL);
  run(interpreter, "multiply", "product", products);
  run(interpreter, "add", "sum", sums);
  run(interpreter, "multiply", "product", products);
  resize(interpreter);
  CHECK(TfLiteInterpreterResetVariableTensors(interpreter) == kTfLiteOk);
  CHECK(TfLiteInterpreterCancel(interpreter) == kTfLiteError);
  TfLiteInterpreterDelete(interpreter);
  return 0;
}
