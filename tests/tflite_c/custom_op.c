/* Kernels of a program's own, planned and dynamic, in the graph and in branches, and cancelling from one; operators
 * that a program selects: custom_op CUSTOM BRANCHES (models of models.py) */
#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/common.h"

typedef struct scale_data {
  float factor;
  int temporary;
} scale_data;

static int live = 0;                        /* kernels between init and free */
static TfLiteInterpreter *to_cancel = NULL; /* by the next run of Scale */

static void *scale_init(TfLiteContext *context, const char *buffer, size_t length) {
  scale_data *data = malloc(sizeof *data);
  CHECK(data != NULL && length == sizeof(float));
  memcpy(&data->factor, buffer, length);
  CHECK(context->AddTensors(context, 1, &data->temporary) == kTfLiteOk);
  ++live;
  return data;
}

static void scale_free(TfLiteContext *context, void *buffer) {
  (void)context;
  --live;
  free(buffer);
}

static TfLiteStatus scale_prepare(TfLiteContext *context, TfLiteNode *node) {
  const scale_data *data = node->user_data;
  TF_LITE_ENSURE_EQ(context, node->inputs->size, 1);
  const TfLiteTensor *input = context->GetTensor(context, node->inputs->data[0]);
  TF_LITE_ENSURE_TYPES_EQ(context, input->type, kTfLiteFloat32);
  TfLiteIntArrayFree(node->temporaries);
  node->temporaries = TfLiteIntArrayCreate(1);
  node->temporaries->data[0] = data->temporary;
  TfLiteTensor *temporary = &context->tensors[data->temporary];
  temporary->type = kTfLiteFloat32;
  temporary->allocation_type = kTfLiteArenaRw;
  TF_LITE_ENSURE_OK(context, context->ResizeTensor(context, temporary, TfLiteIntArrayCopy(input->dims)));
  return context->ResizeTensor(context, &context->tensors[node->outputs->data[0]], TfLiteIntArrayCopy(input->dims));
}

static TfLiteStatus scale_invoke(TfLiteContext *context, TfLiteNode *node) {
  const scale_data *data = node->user_data;
  const TfLiteTensor *input = &context->tensors[node->inputs->data[0]];
  TfLiteTensor *output = &context->tensors[node->outputs->data[0]];
  float *temporary = context->tensors[node->temporaries->data[0]].data.f;
  const size_t count = input->bytes / sizeof(float);
  for (size_t i = 0; i < count; ++i) temporary[i] = input->data.f[i] * data->factor;
  memcpy(output->data.f, temporary, count * sizeof(float));
  if (to_cancel != NULL) CHECK(TfLiteInterpreterCancel(to_cancel) == kTfLiteOk);
  return kTfLiteOk;
}

static TfLiteStatus above_prepare(TfLiteContext *context, TfLiteNode *node) {
  context->tensors[node->outputs->data[0]].allocation_type = kTfLiteDynamic;
  return kTfLiteOk;
}

static TfLiteStatus above_invoke(TfLiteContext *context, TfLiteNode *node) {
  const TfLiteTensor *input = context->GetTensor(context, node->inputs->data[0]);
  TfLiteTensor *output = context->GetTensor(context, node->outputs->data[0]);
  const size_t count = input->bytes / sizeof(float);
  TfLiteIntArray *dims = TfLiteIntArrayCreate(1);
  dims->data[0] = 0;
  for (size_t i = 0; i < count; ++i) dims->data[0] += input->data.f[i] > 3.0f;
  TF_LITE_ENSURE_OK(context, context->ResizeTensor(context, output, dims));
  float *out = output->data.f;
  for (size_t i = 0; i < count; ++i) {
    if (input->data.f[i] > 3.0f) *out++ = input->data.f[i];
  }
  return kTfLiteOk;
}

static TfLiteStatus refuse(TfLiteContext *context, TfLiteNode *node) {
  TF_LITE_ENSURE_MSG(context, node->inputs->size == 7, "seven inputs are wanted, %d given", node->inputs->size);
  return kTfLiteOk;
}

static const TfLiteRegistration scale = {
    .init = scale_init, .free = scale_free, .prepare = scale_prepare, .invoke = scale_invoke};
static const TfLiteRegistration above = {.prepare = above_prepare, .invoke = above_invoke};
static const TfLiteRegistration refusing = {.prepare = refuse, .invoke = refuse};

static char reported[4096];

static void reporter(void *user_data, const char *format, va_list args) {
  (void)user_data;
  const size_t used = strlen(reported);
  vsnprintf(reported + used, sizeof reported - used, format, args);
}

static void run(TfLiteInterpreter *interpreter, const float *values, const float *scaled, int above_count) {
  TfLiteTensor *input = TfLiteInterpreterGetInputTensor(interpreter, 0);
  CHECK(TfLiteTensorCopyFromBuffer(input, values, 4 * sizeof(float)) == kTfLiteOk);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
  const TfLiteTensor *all = TfLiteInterpreterGetOutputTensor(interpreter, 0);
  const TfLiteTensor *some = TfLiteInterpreterGetOutputTensor(interpreter, 1);
  CHECK(TfLiteTensorByteSize(all) == 4 * sizeof(float));
  CHECK(memcmp(TfLiteTensorData(all), scaled, 4 * sizeof(float)) == 0);
  CHECK(TfLiteTensorNumDims(some) == 1 && TfLiteTensorDim(some, 0) == above_count);
  CHECK(TfLiteTensorByteSize(some) == (size_t)above_count * sizeof(float));
  const float *kept = TfLiteTensorData(some);
  for (int i = 0, j = 0; i < 4; ++i) {
    if (scaled[i] > 3.0f) CHECK(kept[j++] == scaled[i]);
  }
}

static void run_branches(const char *path) {
  const float values[] = {1, -2, 3, 4};
  TfLiteModel *model = TfLiteModelCreateFromFile(path);
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsAddCustomOp(options, "Scale", &scale, 1, 1);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL);
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  for (int turn = 0; turn < 4; ++turn) {
    const bool first = turn % 2 == 0;
    TfLiteTensor *which = TfLiteInterpreterGetInputTensor(interpreter, 0);
    CHECK(TfLiteTensorCopyFromBuffer(which, &first, sizeof first) == kTfLiteOk);
    TfLiteTensor *x = TfLiteInterpreterGetInputTensor(interpreter, 1);
    CHECK(TfLiteTensorCopyFromBuffer(x, values, sizeof values) == kTfLiteOk);
    CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
    const float *y = TfLiteTensorData(TfLiteInterpreterGetOutputTensor(interpreter, 0));
    for (int i = 0; i < 4; ++i) CHECK(y[i] == values[i] * (first ? 2.0f : 3.0f));
  }
  CHECK(live == 2);
  TfLiteInterpreterDelete(interpreter);
  CHECK(live == 0);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(model);
}

static int asked; /* look-ups of builtin operators */

static const TfLiteRegistration *find_builtin(void *user_data, TfLiteBuiltinOperator op, int version) {
  CHECK(user_data == &asked && version == 1);
  ++asked;
  return op == kTfLiteBuiltinIf ? &scale : NULL;
}

static const TfLiteRegistration *find_custom(void *user_data, const char *custom_op, int version) {
  CHECK(user_data == &asked && version == 1);
  return strcmp(custom_op, "Scale") == 0 ? &scale : NULL;
}

static void select_operators(const char *custom, const char *branches) {
  TfLiteModel *first = TfLiteModelCreateFromFile(custom), *second = TfLiteModelCreateFromFile(branches);
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetErrorReporter(options, reporter, NULL);
  reported[0] = '\0';
  CHECK(TfLiteInterpreterCreateWithSelectedOps(second, options) == NULL && strstr(reported, "IF") != NULL);
  TfLiteInterpreterOptionsSetOpResolver(options, find_builtin, find_custom, &asked);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreateWithSelectedOps(second, options);
  CHECK(interpreter != NULL && asked == 1);
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  TfLiteInterpreterDelete(interpreter);
  reported[0] = '\0';
  CHECK(TfLiteInterpreterCreateWithSelectedOps(first, options) == NULL && strstr(reported, "ABS") != NULL);
  TfLiteInterpreterOptionsAddBuiltinOp(options, kTfLiteBuiltinAbs, &scale, 1, 5);
  TfLiteInterpreterOptionsAddCustomOp(options, "Above", &above, 1, 1);
  interpreter = TfLiteInterpreterCreateWithSelectedOps(first, options);
  CHECK(interpreter != NULL);
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(first);
  TfLiteModelDelete(second);
}

int main(int argc, char **argv) {
  const float first[] = {-1, 2, -3, 0}, first_scaled[] = {2.5f, 5, 7.5f, 0};
  const float second[] = {4, 4, -4, 2}, second_scaled[] = {10, 10, 10, 5};
  CHECK(argc == 3);
  TfLiteModel *model = TfLiteModelCreateFromFile(argv[1]);
  CHECK(model != NULL);
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetErrorReporter(options, reporter, NULL);
  CHECK(TfLiteInterpreterCreate(model, options) == NULL);
  CHECK(strstr(reported, "Scale") != NULL);
  TfLiteInterpreterOptionsAddCustomOp(options, "Scale", &scale, 1, 1);
  TfLiteInterpreterOptionsAddCustomOp(options, "Above", &above, 1, 1);
  CHECK(TfLiteInterpreterOptionsEnableCancellation(options, true) == kTfLiteOk);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL && live == 1);
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  run(interpreter, first, first_scaled, 2);
  run(interpreter, second, second_scaled, 4);
  run(interpreter, first, first_scaled, 2);
  to_cancel = interpreter;
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteCancelled);
  to_cancel = NULL;
  run(interpreter, second, second_scaled, 4);
  TfLiteInterpreterDelete(interpreter);
  CHECK(live == 0);

  /* A kernel that refuses: the reason reaches the reporter, and its operator is named. */
  reported[0] = '\0';
  TfLiteInterpreterOptionsAddCustomOp(options, "Above", &refusing, 1, 1);
  interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL);
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) != kTfLiteOk);
  CHECK(strstr(reported, "seven inputs are wanted, 1 given") != NULL && strstr(reported, "Above") != NULL);
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(model);
  run_branches(argv[2]);
  select_operators(argv[1], argv[2]);
  CHECK(live == 0);
  return 0;
}
