/*
 * Operators made by functions alone (operator.h, c_api_opaque.h): planned, dynamic and of strings, in the graph and in
 * branches, found by look-ups of every form; a profiler, memory of the program's own, and what is for delegates only:
 * opaque CUSTOM BRANCHES STRINGS (models of models.py)
 */
#include "tensorflow/lite/c/c_api_opaque.h"

#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/profiling/telemetry/c/profiler.h"

typedef struct counts {
  int made, freed, prepared, invoked;
} counts;

static char reported[4096];

static void reporter(void *user_data, const char *format, va_list args) {
  (void)user_data;
  const size_t used = strlen(reported);
  vsnprintf(reported + used, sizeof reported - used, format, args);
}

static bool was_reported(const char *text) {
  const bool found = strstr(reported, text) != NULL;
  reported[0] = '\0';
  return found;
}

static TfLiteInterpreterOptions *options_new(void) {
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetErrorReporter(options, reporter, NULL);
  return options;
}

/* ---- Scale: y = x * factor, by way of a temporary ---- */

typedef struct scale_data {
  float factor;
  int temporary;
} scale_data;

static int add_temporary(TfLiteOpaqueContext *context) {
  int index = -1;
  TfLiteOpaqueTensorBuilder *builder = TfLiteOpaqueTensorBuilderCreate();
  CHECK(TfLiteOpaqueTensorBuilderSetType(builder, kTfLiteFloat32) == builder);
  CHECK(TfLiteOpaqueTensorBuilderSetAllocationType(builder, kTfLiteMmapRo) == builder);
  CHECK(TfLiteOpaqueContextAddTensor(context, builder, &index) == kTfLiteError && was_reported("cannot be added"));
  TfLiteOpaqueTensorBuilderSetAllocationType(builder, kTfLiteDynamic);
  CHECK(TfLiteOpaqueContextAddTensor(context, builder, &index) == kTfLiteError && was_reported("has data"));
  TfLiteOpaqueTensorBuilderSetAllocationType(builder, kTfLiteArenaRw);
  TfLiteOpaqueTensorBuilderSetQuantizationParams(builder, (TfLiteQuantizationParams){0.5f, 3});
  CHECK(TfLiteOpaqueContextAddTensor(context, builder, &index) == kTfLiteOk && index >= 0);
  TfLiteOpaqueTensorBuilderDelete(builder);
  const TfLiteOpaqueTensor *tensor = TfLiteOpaqueContextGetOpaqueTensor(context, index);
  CHECK(TfLiteOpaqueTensorGetQuantizationParams(tensor).zero_point == 3);
  return index;
}

static void *scale_init(void *user_data, TfLiteOpaqueContext *context, const char *buffer, size_t length) {
  scale_data *data = malloc(sizeof *data);
  CHECK(data != NULL && length == sizeof(float));
  memcpy(&data->factor, buffer, length);
  data->temporary = add_temporary(context);
  ++((counts *)user_data)->made;
  return data;
}

static void scale_free(void *user_data, TfLiteOpaqueContext *context, void *data) {
  (void)context;
  ++((counts *)user_data)->freed;
  free(data);
}

/* What the accessors say of custom.tflite: x [4] > ABS > a > Scale > y > Above > z [1], open. */
static void look_around(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node) {
  const int *inputs, *outputs, *variables;
  int count;
  int32_t length;
  size_t bytes;
  const char *metadata;
  void *external = context;
  CHECK(strcmp(TfLiteOpaqueContextGetName(context), "main") == 0 && TfLiteOpaqueContextGetNumNodes(context) == 3);
  CHECK(TfLiteOpaqueContextGetNumTensors(context) > 4);
  CHECK(TfLiteOpaqueContextGetInputs(context, &inputs, &count) == kTfLiteOk && count == 1 && inputs[0] == 0);
  CHECK(TfLiteOpaqueContextGetOutputs(context, &outputs, &count) == kTfLiteOk && count == 2 && outputs[1] == 3);
  CHECK(TfLiteOpaqueContextGetVariables(context, &variables, &count) == kTfLiteOk && count == 0);
  CHECK(TfLiteOpaqueNodeInputs(node, &inputs, &count) == kTfLiteOk && count == 1 && inputs[0] == 1);
  CHECK(TfLiteOpaqueNodeOutputs(node, &outputs, &count) == kTfLiteOk && count == 1 && outputs[0] == 2);
  CHECK(TfLiteOpaqueNodeGetInputTensorIndex(node, 0) == 1 && TfLiteOpaqueNodeGetInputTensorIndex(node, 1) == -1);
  CHECK(TfLiteOpaqueNodeGetOutputTensorIndex(node, 0) == 2 && TfLiteOpaqueNodeGetOutputTensorIndex(node, -1) == -1);
  CHECK(TfLiteOpaqueNodeGetInput(context, node, 1) == NULL && TfLiteOpaqueNodeGetOutput(context, node, 7) == NULL);
  CHECK(TfLiteOpaqueContextGetOpaqueTensor(context, -1) == NULL);
  CHECK(TfLiteOpaqueContextGetOpaqueTensor(context, 1000) == NULL);
  CHECK(TfLiteOpaqueNodeGetBuiltinData(node) == NULL);
  const TfLiteOpaqueTensor *z = TfLiteOpaqueContextGetOpaqueTensor(context, 3);
  CHECK(strcmp(TfLiteOpaqueTensorName(z), "z") == 0 && TfLiteOpaqueTensorIsVariable(z) == 0);
  CHECK(TfLiteOpaqueTensorGetNumDimsSignature(z, &length) == kTfLiteOk && length == 1);
  CHECK(TfLiteOpaqueTensorGetDimSignature(z, 0, &length) == kTfLiteOk && length == -1);
  CHECK(TfLiteOpaqueTensorGetDimSignature(z, 1, &length) == kTfLiteError);
  const TfLiteOpaqueTensor *x = TfLiteOpaqueContextGetOpaqueTensor(context, 0);
  CHECK(TfLiteOpaqueTensorGetNumDimsSignature(x, &length) == kTfLiteOk && length == -1);
  CHECK(TfLiteOpaqueTensorGetDimSignature(x, 0, &length) == kTfLiteOk && length == 4);
  CHECK(TfLiteOpaqueTensorGetQuantization(x).type == kTfLiteNoQuantization);
  CHECK(TfLiteOpaqueTensorGetStringCount(x) == -1);
  CHECK(TfLiteOpaqueContextGetSizeOfType(context, kTfLiteInt16, &bytes) == kTfLiteOk && bytes == 2);
  CHECK(TfLiteOpaqueContextGetSizeOfType(context, kTfLiteString, &bytes) == kTfLiteError && was_reported("STRING"));
  CHECK(TfLiteOpaqueContextGetSizeOfType(context, (TfLiteType)99, &bytes) == kTfLiteError && was_reported("no size"));
  CHECK(TfLiteOpaqueContextGetMetadata(context, "absent", &metadata, &bytes) == kTfLiteError);
  CHECK(TfLiteOpaqueContextGetExternalContext(context, &external, kTfLiteCpuBackendContext) == kTfLiteOk);
  CHECK(external == NULL);
}

static void ask_for_delegates(TfLiteOpaqueContext *context, const TfLiteOpaqueNode *node) {
  TfLiteIntArray *plan;
  TfLiteOpaqueNode *other;
  TfLiteOperator *operator_of;
  TfLiteOpaqueContext *acquired;
  int fd;
  int64_t offset, size;
  CHECK(TfLiteOpaqueContextGetExecutionPlan(context, &plan) == kTfLiteError && was_reported("delegates"));
  CHECK(TfLiteOpaqueContextGetNodeAndRegistration(context, 0, &other, &operator_of) == kTfLiteError);
  CHECK(other == NULL && operator_of == NULL && was_reported("delegates"));
  CHECK(TfLiteOpaqueContextReplaceNodeSubsetsWithDelegateKernels(context, NULL, NULL, NULL) == kTfLiteError);
  CHECK(TfLiteOpaqueContextAcquireSubgraphContext(context, 0, &acquired) == kTfLiteError && acquired == NULL);
  CHECK(TfLiteOpaqueContextReleaseSubgraphContext(context, 0) == kTfLiteError);
  CHECK(TfLiteOpaqueContextMarkSubgraphAsDelegationSkippable(context, 0) == kTfLiteError);
  CHECK(TfLiteOpaqueContextMarkSubgraphAsDelegationSkippable(context, 1) == kTfLiteError); /* there is none */
  CHECK(TfLiteOpaqueContextGetNodeInitDataMmapInfo(context, node, &fd, &offset, &size) == kTfLiteError && size == 4);
  reported[0] = '\0';
}

static bool curious = false; /* the next prepare of Scale looks around */

static TfLiteStatus scale_prepare(void *user_data, TfLiteOpaqueContext *context, TfLiteOpaqueNode *node) {
  const scale_data *data = TfLiteOpaqueNodeGetUserData(node);
  const int *temporaries;
  int count, size;
  const void *options;
  ++((counts *)user_data)->prepared;
  if (curious) look_around(context, node);
  if (curious) ask_for_delegates(context, node);
  TF_LITE_OPAQUE_ENSURE_EQ(context, TfLiteOpaqueNodeNumberOfInputs(node), 1);
  TF_LITE_OPAQUE_ENSURE_EQ(context, TfLiteOpaqueNodeNumberOfOutputs(node), 1);
  const TfLiteOpaqueTensor *input = TfLiteOpaqueNodeGetInput(context, node, 0);
  TF_LITE_OPAQUE_ENSURE_TYPES_EQ(context, TfLiteOpaqueTensorType(input), kTfLiteFloat32);
  CHECK(TfLiteOpaqueNodeGetCustomInitialData(node, &options, &size) == kTfLiteOk && size == sizeof(float));
  CHECK(memcmp(options, &data->factor, sizeof(float)) == 0);
  CHECK(TfLiteOpaqueNodeSetTemporaries(node, &data->temporary, -1) == kTfLiteError);
  CHECK(TfLiteOpaqueNodeSetTemporaries(node, &data->temporary, 1) == kTfLiteOk);
  CHECK(TfLiteOpaqueNodeTemporaries(node, &temporaries, &count) == kTfLiteOk && count == 1);
  CHECK(temporaries[0] == data->temporary && TfLiteOpaqueTensorNumDims(input) == 1);
  TfLiteIntArray *shapes[2];
  for (int i = 0; i < 2; ++i) {
    shapes[i] = TfLiteIntArrayCreate(1);
    shapes[i]->data[0] = TfLiteOpaqueTensorDim(input, 0);
  }
  TfLiteOpaqueTensor *temporary = TfLiteOpaqueContextGetOpaqueTensor(context, data->temporary);
  CHECK(TfLiteOpaqueContextResizeTensor(context, temporary, shapes[0]) == kTfLiteOk);
  return TfLiteOpaqueContextResizeTensor(context, TfLiteOpaqueNodeGetOutput(context, node, 0), shapes[1]);
}

static TfLiteStatus scale_invoke(void *user_data, TfLiteOpaqueContext *context, TfLiteOpaqueNode *node) {
  const scale_data *data = TfLiteOpaqueNodeGetUserData(node);
  const TfLiteOpaqueTensor *input = TfLiteOpaqueNodeGetInput(context, node, 0);
  TfLiteOpaqueTensor *temporary = TfLiteOpaqueContextGetOpaqueTensor(context, data->temporary);
  const float *x = TfLiteOpaqueTensorData(input);
  float *t = TfLiteOpaqueTensorData(temporary);
  const size_t bytes = TfLiteOpaqueTensorByteSize(input);
  ++((counts *)user_data)->invoked;
  CHECK(TfLiteOpaqueTensorByteSize(temporary) == bytes && TfLiteOpaqueTensorData(NULL) == NULL);
  for (size_t i = 0; i < bytes / sizeof *x; ++i) t[i] = x[i] * data->factor;
  float copy[4];
  CHECK(TfLiteOpaqueTensorCopyToBuffer(temporary, copy, sizeof copy) == kTfLiteOk);
  return TfLiteOpaqueTensorCopyFromBuffer(TfLiteOpaqueNodeGetOutput(context, node, 0), copy, sizeof copy);
}

static TfLiteOperator *scale_new(counts *user_data) {
  TfLiteOperator *op = TfLiteOperatorCreate(kTfLiteBuiltinCustom, "Scale", 1, user_data);
  CHECK(TfLiteOperatorSetInitWithData(op, scale_init) == kTfLiteOk);
  CHECK(TfLiteOperatorSetFreeWithData(op, scale_free) == kTfLiteOk);
  CHECK(TfLiteOperatorSetPrepareWithData(op, scale_prepare) == kTfLiteOk);
  CHECK(TfLiteOperatorSetInvokeWithData(op, scale_invoke) == kTfLiteOk);
  TfLiteOperatorSetInplaceOperator(op, kTfLiteInplaceOpNone);
  CHECK(TfLiteOperatorGetBuiltInCode(op) == kTfLiteBuiltinCustom && TfLiteOperatorGetUserData(op) == user_data);
  CHECK(strcmp(TfLiteOperatorGetCustomName(op), "Scale") == 0 && TfLiteOperatorGetVersion(op) == 1);
  return op;
}

/* ---- Above: the values above 3, as many as there are; made by the names until 2.16 ---- */

static TfLiteStatus above_prepare(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node) {
  TfLiteOpaqueTensor *output = TfLiteOpaqueNodeGetOutput(context, node, 0);
  TfLiteOpaqueTensorSetAllocationTypeToDynamic(output);
  CHECK(TfLiteOpaqueTensorGetAllocationType(output) == kTfLiteDynamic);
  CHECK(TfLiteOpaqueTensorGetAllocationStrategy(output) == kTfLiteAllocationStrategyMalloc);
  CHECK(TfLiteOpaqueTensorGetBufferAddressStability(output) == kTfLiteRunStabilitySingleRun);
  CHECK(TfLiteOpaqueTensorGetDataStability(output) == kTfLiteRunStabilitySingleRun);
  CHECK(TfLiteOpaqueTensorGetDataKnownStep(output) == kTfLiteRunStepEval);
  CHECK(TfLiteOpaqueTensorGetShapeKnownStep(output) == kTfLiteRunStepEval);
  return kTfLiteOk;
}

static TfLiteStatus above_invoke(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node) {
  const TfLiteOpaqueTensor *input = TfLiteOpaqueNodeGetInput(context, node, 0);
  TfLiteOpaqueTensor *output = TfLiteOpaqueNodeGetOutput(context, node, 0);
  const float *x = TfLiteOpaqueTensorData(input);
  TfLiteIntArray *dims = TfLiteIntArrayCreate(1);
  dims->data[0] = 0;
  for (int i = 0; i < 4; ++i) dims->data[0] += x[i] > 3.0f;
  if (TfLiteOpaqueContextResizeTensor(context, output, dims) != kTfLiteOk) return kTfLiteError;
  float *out = TfLiteOpaqueTensorData(output);
  for (int i = 0; i < 4; ++i) {
    if (x[i] > 3.0f) *out++ = x[i];
  }
  return kTfLiteOk;
}

static TfLiteRegistrationExternal *above_new(void) {
  TfLiteRegistrationExternal *op = TfLiteRegistrationExternalCreate(kTfLiteBuiltinCustom, "Above", 1);
  TfLiteRegistrationExternalSetPrepare(op, above_prepare);
  TfLiteRegistrationExternalSetInvoke(op, above_invoke);
  TfLiteRegistrationExternalSetInit(op, NULL);
  TfLiteRegistrationExternalSetFree(op, NULL);
  TfLiteRegistrationExternalSetAsyncKernel(op, NULL);
  TfLiteRegistrationExternalSetInplaceOperator(op, 0);
  CHECK(TfLiteRegistrationExternalGetBuiltInCode(op) == kTfLiteBuiltinCustom);
  CHECK(strcmp(TfLiteRegistrationExternalGetCustomName(op), "Above") == 0);
  CHECK(TfLiteRegistrationExternalGetVersion(op) == 1);
  return op;
}

/* ---- running custom.tflite ---- */

static void run(TfLiteInterpreter *interpreter) {
  const float x[] = {-1, 2, -3, 0}, scaled[] = {2.5f, 5, 7.5f, 0};
  TfLiteTensor *input = TfLiteInterpreterGetInputTensor(interpreter, 0);
  CHECK(TfLiteTensorCopyFromBuffer(input, x, sizeof x) == kTfLiteOk);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
  const TfLiteTensor *all = TfLiteInterpreterGetOutputTensor(interpreter, 0);
  const TfLiteTensor *some = TfLiteInterpreterGetOutputTensor(interpreter, 1);
  CHECK(memcmp(TfLiteTensorData(all), scaled, sizeof scaled) == 0);
  CHECK(TfLiteTensorDim(some, 0) == 2 && memcmp(TfLiteTensorData(some), scaled + 1, 2 * sizeof(float)) == 0);
}

static TfLiteInterpreter *allocated(const TfLiteModel *model, const TfLiteInterpreterOptions *options) {
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL && TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  return interpreter;
}

static void run_custom(const TfLiteModel *model) {
  counts seen = {0, 0, 0, 0};
  TfLiteOperator *scale = scale_new(&seen), *above = above_new();
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsAddOperator(options, scale);
  TfLiteInterpreterOptionsAddOperator(options, NULL);
  TfLiteInterpreterOptionsAddRegistrationExternal(options, above);
  curious = true;
  TfLiteInterpreter *interpreter = allocated(model, options);
  curious = false;
  TfLiteInterpreterOptionsDelete(options);
  run(interpreter);
  run(interpreter);
  CHECK(seen.made == 1 && seen.prepared > 0 && seen.invoked == 2 && seen.freed == 0);
  TfLiteInterpreterDelete(interpreter);
  CHECK(seen.freed == 1);
  TfLiteOperatorDelete(scale);
  TfLiteRegistrationExternalDelete(above);
  TfLiteOperatorDelete(NULL);
  CHECK(TfLiteOperatorGetVersion(NULL) == -1 && TfLiteOperatorGetUserData(NULL) == NULL);
  CHECK(TfLiteOperatorSetInvokeWithData(NULL, scale_invoke) == kTfLiteError);
}

static void run_branches(const TfLiteModel *model) {
  const float x[] = {1, -2, 3, 4};
  counts seen = {0, 0, 0, 0};
  TfLiteOperator *scale = TfLiteOperatorCreateWithData(kTfLiteBuiltinCustom, "Scale", 1, &seen);
  TfLiteOperatorSetInitWithData(scale, scale_init);
  TfLiteOperatorSetFreeWithData(scale, scale_free);
  TfLiteOperatorSetPrepareWithData(scale, scale_prepare);
  TfLiteOperatorSetInvokeWithData(scale, scale_invoke);
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsAddOperator(options, scale);
  TfLiteInterpreter *interpreter = allocated(model, options);
  for (int turn = 0; turn < 4; ++turn) {
    const bool first = turn % 2 == 0;
    TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(interpreter, 0), &first, sizeof first);
    TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(interpreter, 1), x, sizeof x);
    CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
    const float *y = TfLiteTensorData(TfLiteInterpreterGetOutputTensor(interpreter, 0));
    for (int i = 0; i < 4; ++i) CHECK(y[i] == x[i] * (first ? 2.0f : 3.0f));
  }
  TfLiteInterpreterDelete(interpreter);
  CHECK(seen.made == 2 && seen.freed == 2);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteOperatorDelete(scale);
}

/* ---- strings: Words parts a text at its blanks ---- */

static TfLiteStatus words_invoke(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node) {
  const TfLiteOpaqueTensor *input = TfLiteOpaqueNodeGetInput(context, node, 0);
  TfLiteOpaqueTensor *output = TfLiteOpaqueNodeGetOutput(context, node, 0);
  const char *text, *words[16];
  int length, lengths[16], count = 0;
  TF_LITE_OPAQUE_ENSURE_EQ(context, TfLiteOpaqueTensorGetStringCount(input), 1);
  CHECK(TfLiteOpaqueTensorGetString(input, 1, &text, &length) == kTfLiteError);
  CHECK(TfLiteOpaqueTensorGetString(input, -1, &text, &length) == kTfLiteError);
  TF_LITE_OPAQUE_ENSURE(context, TfLiteOpaqueTensorGetString(input, 0, &text, &length) == kTfLiteOk);
  TF_LITE_OPAQUE_ENSURE_MSG(context, length > 0, "there is no text");
  for (int i = 0; i < length; ++i) {
    const bool begins = i == 0 || text[i - 1] == ' ';
    if (text[i] == ' ') continue;
    if (begins) {
      words[count] = text + i;
      lengths[count++] = 0;
    }
    ++lengths[count - 1];
  }
  if (count == 1) return TfLiteOpaqueTensorWriteString(output, words[0], lengths[0]);
  lengths[0] = -lengths[0];
  CHECK(TfLiteOpaqueTensorWriteStrings(output, words, count, lengths) == kTfLiteError);
  lengths[0] = -lengths[0];
  return TfLiteOpaqueTensorWriteStrings(output, words, count, lengths);
}

static TfLiteStatus split(TfLiteInterpreter *interpreter, const char *text) {
  char bytes[128];
  const int32_t length = (int32_t)strlen(text), head[] = {1, 12, 12 + length};
  memcpy(bytes, head, sizeof head);
  memcpy(bytes + sizeof head, text, (size_t)length);
  TfLiteTensor *input = TfLiteInterpreterGetInputTensor(interpreter, 0);
  CHECK(TfLiteTensorCopyFromBuffer(input, bytes, sizeof head + (size_t)length) == kTfLiteOk);
  return TfLiteInterpreterInvoke(interpreter);
}

static void run_strings(const TfLiteModel *model) {
  TfLiteOperator *words = TfLiteOperatorCreate(kTfLiteBuiltinCustom, "Words", 1, NULL);
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsAddOperator(options, words);
  TfLiteInterpreter *interpreter = allocated(model, options);
  CHECK(split(interpreter, "no invoke") == kTfLiteError && was_reported("invoke failed"));
  TfLiteOperatorSetInvoke(words, words_invoke);
  static const int32_t three[] = {3, 20, 23, 24, 29};
  CHECK(split(interpreter, "one  a piece") == kTfLiteOk);
  const TfLiteTensor *output = TfLiteInterpreterGetOutputTensor(interpreter, 0);
  CHECK(TfLiteTensorNumDims(output) == 1 && TfLiteTensorDim(output, 0) == 3 && TfLiteTensorByteSize(output) == 29);
  CHECK(memcmp(TfLiteTensorData(output), three, sizeof three) == 0);
  CHECK(memcmp((const char *)TfLiteTensorData(output) + 20, "oneapiece", 9) == 0);
  CHECK(split(interpreter, "single") == kTfLiteOk);
  CHECK(TfLiteTensorDim(output, 0) == 1 && TfLiteTensorByteSize(output) == 18);
  CHECK(split(interpreter, "") == kTfLiteError && was_reported("there is no text"));
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteOperatorDelete(words);
}

/* ---- init that fails ---- */

static void *failing_init(TfLiteOpaqueContext *context, const char *buffer, size_t length) {
  (void)context;
  (void)buffer;
  (void)length;
  return TfLiteKernelInitFailed();
}

static void must_not_free(TfLiteOpaqueContext *context, void *data) {
  (void)context;
  (void)data;
  CHECK(false);
}

static void fail_init(const TfLiteModel *model) {
  TfLiteOperator *words = TfLiteOperatorCreate(kTfLiteBuiltinCustom, "Words", 1, NULL);
  TfLiteOperatorSetInit(words, failing_init);
  TfLiteOperatorSetFree(words, must_not_free);
  TfLiteOperatorSetPrepare(words, above_prepare);
  TfLiteOperatorSetAsyncKernel(words, NULL);
  CHECK(TfLiteOperatorSetAsyncKernelWithData(words, NULL) == kTfLiteOk);
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsAddOperator(options, words);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL && TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteError);
  CHECK(was_reported("init failed"));
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteOperatorDelete(words);
}

/* ---- look-ups: of operators, of both forms, of the registrations of older releases ---- */

typedef struct registry {
  TfLiteOperator *scale, *above, *bare, *abs;
} registry;

static TfLiteStatus above_prepare_open(TfLiteContext *context, TfLiteNode *node) {
  return above_prepare((TfLiteOpaqueContext *)(void *)context, (TfLiteOpaqueNode *)(void *)node);
}

static TfLiteStatus above_invoke_open(TfLiteContext *context, TfLiteNode *node) {
  return above_invoke((TfLiteOpaqueContext *)(void *)context, (TfLiteOpaqueNode *)(void *)node);
}

static const TfLiteRegistration above_today = {.prepare = above_prepare_open, .invoke = above_invoke_open};
static const TfLiteRegistration_V1 above_v1 = {.prepare = above_prepare_open, .invoke = above_invoke_open};
static const TfLiteRegistration_V3 above_v3 = {.prepare = above_prepare_open, .invoke = above_invoke_open};

static const TfLiteOperator *find_builtin(void *user_data, int op, int version) {
  CHECK(version == 1);
  return op == kTfLiteBuiltinAbs ? ((const registry *)user_data)->abs : NULL;
}

static const TfLiteOperator *find_custom(void *user_data, const char *name, int version) {
  const registry *known = user_data;
  CHECK(version == 1);
  return strcmp(name, "Scale") == 0 ? known->scale : strcmp(name, "Above") == 0 ? known->above : NULL;
}

static const TfLiteOperator *find_bare(void *user_data, const char *name, int version) {
  return strcmp(name, "Above") == 0 ? ((const registry *)user_data)->bare : find_custom(user_data, name, version);
}

static const TfLiteRegistration *find_open(void *user_data, const char *name, int version) {
  (void)user_data;
  (void)version;
  return strcmp(name, "Above") == 0 ? &above_today : NULL;
}

static const TfLiteRegistration_V1 *find_custom_v1(void *user_data, const char *name, int version) {
  (void)user_data;
  (void)version;
  return strcmp(name, "Above") == 0 ? &above_v1 : NULL;
}

static const TfLiteRegistration_V2 *find_custom_v2(void *user_data, const char *name, int version) {
  static TfLiteRegistration_V2 found; /* which holds an operator */
  (void)version;
  found = (TfLiteRegistration_V2){.registration_external = ((const registry *)user_data)->above};
  return strcmp(name, "Above") == 0 ? &found : NULL;
}

static const TfLiteRegistration_V3 *find_custom_v3(void *user_data, const char *name, int version) {
  (void)user_data;
  (void)version;
  return strcmp(name, "Above") == 0 ? &above_v3 : NULL;
}

static const TfLiteRegistration_V1 *find_builtin_v1(void *user_data, TfLiteBuiltinOperator op, int version) {
  (void)user_data;
  (void)version;
  return op == kTfLiteBuiltinAbs ? &above_v1 : NULL;
}

static void run_selected(const TfLiteModel *model, const TfLiteInterpreterOptions *options) {
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreateWithSelectedOps(model, options);
  CHECK(interpreter != NULL && TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  run(interpreter);
  TfLiteInterpreterDelete(interpreter);
}

static void look_up(const TfLiteModel *model) {
  counts seen = {0, 0, 0, 0};
  registry known = {scale_new(&seen), above_new(), TfLiteOperatorCreate(kTfLiteBuiltinCustom, "Above", 1, NULL),
                    TfLiteOperatorCreate(kTfLiteBuiltinAbs, NULL, 1, NULL)};
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsSetOpResolverExternal(options, find_builtin, find_custom, &known);
  run_selected(model, options);
  TfLiteInterpreterOptionsSetOpResolverExternalWithFallback(options, find_builtin, find_bare, NULL, find_open, &known);
  run_selected(model, options);
  TfLiteInterpreterOptionsSetOpResolverExternal(options, find_builtin, find_bare, &known);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreateWithSelectedOps(model, options);
  CHECK(interpreter != NULL && TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteError && was_reported("invoke failed"));
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsAddOperator(options, known.scale);
  TfLiteInterpreterOptionsSetOpResolverV1(options, find_builtin_v1, find_custom_v1, &known);
  run_selected(model, options);
  TfLiteInterpreterOptionsSetOpResolverV2(options, NULL, find_custom_v2, &known);
  reported[0] = '\0';
  CHECK(TfLiteInterpreterCreateWithSelectedOps(model, options) == NULL && was_reported("ABS"));
  TfLiteInterpreterOptionsAddOperator(options, known.abs);
  run_selected(model, options);
  TfLiteInterpreterOptionsSetOpResolverV3(options, NULL, find_custom_v3, &known);
  run_selected(model, options);
  TfLiteInterpreterOptionsDelete(options);
  CHECK(seen.made == seen.freed);
  TfLiteOperatorDelete(known.scale);
  TfLiteOperatorDelete(known.above);
  TfLiteOperatorDelete(known.bare);
  TfLiteOperatorDelete(known.abs);
}

/* ---- a profiler ---- */

static char trace[256];

static uint32_t op_begins(struct TfLiteTelemetryProfilerStruct *profiler, const char *op_name, int64_t op_idx,
                          int64_t subgraph_idx) {
  uint32_t *next = profiler->data;
  const size_t used = strlen(trace);
  snprintf(trace + used, sizeof trace - used, "%s %d %d(", op_name, (int)subgraph_idx, (int)op_idx);
  return ++*next;
}

static void op_ends(struct TfLiteTelemetryProfilerStruct *profiler, uint32_t event_handle) {
  const size_t used = strlen(trace);
  (void)profiler;
  snprintf(trace + used, sizeof trace - used, ")%d ", (int)event_handle);
}

static void profile(const TfLiteModel *model) {
  const float x[] = {1, 2, 3, 4};
  const bool first = false;
  uint32_t handles = 0;
  counts seen = {0, 0, 0, 0};
  TfLiteTelemetryProfilerStruct profiler = {
      .data = &handles, .ReportBeginOpInvokeEvent = op_begins, .ReportEndOpInvokeEvent = op_ends};
  TfLiteOperator *scale = scale_new(&seen);
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsSetTelemetryProfiler(options, &profiler);
  TfLiteInterpreterOptionsAddOperator(options, scale);
  TfLiteInterpreter *interpreter = allocated(model, options);
  TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(interpreter, 0), &first, sizeof first);
  TfLiteTensorCopyFromBuffer(TfLiteInterpreterGetInputTensor(interpreter, 1), x, sizeof x);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
  CHECK(strcmp(trace, "IF 0 0(Scale 2 0()2 )1 ") == 0);
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteOperatorDelete(scale);
}

/* ---- memory of the program's own ---- */

static void lend_memory(const TfLiteModel *model) {
  static _Alignas(64) float x[16], y[16];
  counts seen = {0, 0, 0, 0};
  TfLiteOperator *scale = scale_new(&seen), *above = above_new();
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsAddOperator(options, scale);
  TfLiteInterpreterOptionsAddOperator(options, above);
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  const TfLiteCustomAllocation in = {x, sizeof x}, out = {y, sizeof y}, odd = {x + 1, 16}, none = {NULL, 0};
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 0, &in, 0) == kTfLiteOk);
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 2, &out, 0) == kTfLiteOk);
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 1, &out, 0) == kTfLiteError);
  CHECK(was_reported("no input or output"));
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 0, &odd, 0) == kTfLiteError);
  CHECK(was_reported("multiple of 64"));
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 0, &none, 0) == kTfLiteError);
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 0, NULL, 0) == kTfLiteError);
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  CHECK(TfLiteTensorData(TfLiteInterpreterGetInputTensor(interpreter, 0)) == x);
  run(interpreter);
  CHECK(x[0] == -1 && y[2] == 7.5f && TfLiteTensorData(TfLiteInterpreterGetOutputTensor(interpreter, 0)) == y);
  const TfLiteCustomAllocation moved = {x + 1, 4 * sizeof(float)};
  CHECK(TfLiteInterpreterSetCustomAllocationForTensor(interpreter, 0, &moved,
                                                      kTfLiteCustomAllocationFlagsSkipAlignCheck) == kTfLiteOk);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteError); /* tensors are to be allocated anew */
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  run(interpreter);
  CHECK(x[1] == -1);
  TfLiteBufferHandle handle = 3;
  TfLiteOpaqueDelegate *delegate = NULL;
  TfLiteTensor *input = TfLiteInterpreterGetInputTensor(interpreter, 0);
  CHECK(TfLiteInterpreterGetBufferHandle(interpreter, 0, &handle, &delegate) == kTfLiteOk);
  CHECK(handle == kTfLiteNullBufferHandle && delegate == NULL);
  CHECK(TfLiteInterpreterGetBufferHandle(interpreter, 1000, &handle, &delegate) == kTfLiteError);
  CHECK(TfLiteInterpreterSetBufferHandle(interpreter, input, 1, NULL) == kTfLiteError);
  CHECK(TfLiteInterpreterEnsureTensorDataIsReadable(interpreter, 0) == kTfLiteOk);
  CHECK(TfLiteInterpreterEnsureTensorDataIsReadable(interpreter, -1) == kTfLiteError);
  TfLiteInterpreterDelete(interpreter);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteOperatorDelete(scale);
  TfLiteOperatorDelete(above);
}

/* ---- opaque delegates: made, asked, refused ---- */

static TfLiteStatus prepare_delegate(TfLiteOpaqueContext *context, TfLiteOpaqueDelegate *delegate, void *data) {
  (void)context;
  (void)delegate;
  (void)data;
  CHECK(false);
  return kTfLiteError;
}

static void refuse_delegate(const TfLiteModel *model) {
  int data = 0;
  const TfLiteOpaqueDelegateBuilder builder = {.data = &data, .Prepare = prepare_delegate};
  TfLiteOpaqueDelegate *delegate = TfLiteOpaqueDelegateCreate(&builder);
  CHECK(delegate != NULL && TfLiteOpaqueDelegateGetData(delegate) == &data);
  TfLiteInterpreterOptions *options = options_new();
  TfLiteInterpreterOptionsAddDelegate(options, delegate);
  CHECK(TfLiteInterpreterCreate(model, options) == NULL && was_reported("delegate 0 is refused"));
  TfLiteInterpreterOptionsDelete(options);
  TfLiteOpaqueDelegateDelete(delegate);
  TfLiteOpaqueDelegateDelete(NULL);
  CHECK(TfLiteOpaqueDelegateCreate(NULL) == NULL && TfLiteOpaqueDelegateGetData(NULL) == NULL);
  TfLiteDelegate open = TfLiteDelegateCreate();
  open.data_ = &data;
  CHECK(TfLiteOpaqueDelegateGetData(&open) == &data);
}

/* ---- copies of tensors ---- */

static void clone_tensor(void) {
  TfLiteTensor tensor = {.type = kTfLiteInt8, .allocation_type = kTfLiteDynamic, .name = "t"};
  const int shape[] = {2, 3};
  CHECK(TfLiteTensorRealloc(6, &tensor) == kTfLiteOk);
  memcpy(tensor.data.raw, "abcdef", 6);
  tensor.dims = TfLiteIntArrayCreate(2);
  memcpy(tensor.dims->data, shape, sizeof shape);
  TfLiteAffineQuantization *affine = calloc(1, sizeof *affine);
  affine->scale = TfLiteFloatArrayCreate(1);
  affine->scale->data[0] = 0.25f;
  affine->zero_point = TfLiteIntArrayCreate(1);
  affine->zero_point->data[0] = 7;
  tensor.quantization = (TfLiteQuantization){kTfLiteAffineQuantization, affine};
  tensor.sparsity = calloc(1, sizeof *tensor.sparsity);
  tensor.sparsity->traversal_order = TfLiteIntArrayCopy(tensor.dims);
  tensor.sparsity->dim_metadata_size = 1;
  tensor.sparsity->dim_metadata = calloc(1, sizeof *tensor.sparsity->dim_metadata);
  tensor.sparsity->dim_metadata[0].format = kTfLiteDimSparseCSR;
  tensor.sparsity->dim_metadata[0].array_segments = TfLiteIntArrayCopy(tensor.dims);
  TfLiteTensor copy = TfLiteTensorClone(tensor);
  TfLiteTensorFree(&tensor);
  CHECK(memcmp(copy.data.raw, "abcdef", 6) == 0 && TfLiteIntArrayEqualsArray(copy.dims, 2, shape));
  affine = copy.quantization.params;
  CHECK(affine->scale->data[0] == 0.25f && affine->zero_point->data[0] == 7);
  CHECK(copy.sparsity->dim_metadata_size == 1 && copy.sparsity->dim_metadata[0].array_segments->data[1] == 3);
  CHECK(TfLiteTensorGetDimsSignature(&copy) == copy.dims);
  CHECK(TfLiteTensorGetAllocationStrategy(&copy) == kTfLiteAllocationStrategyMalloc);
  TfLiteTensorFree(&copy);
  TfLiteBlockwiseQuantization *blocks = calloc(1, sizeof *blocks);
  blocks->blocksize = 32;
  tensor = (TfLiteTensor){.quantization = {kTfLiteBlockwiseQuantization, blocks}};
  copy = TfLiteTensorClone(tensor);
  TfLiteTensorFree(&tensor);
  CHECK(((const TfLiteBlockwiseQuantization *)copy.quantization.params)->blocksize == 32);
  TfLiteTensorFree(&copy);
}

int main(int argc, char **argv) {
  CHECK(argc == 4);
  TfLiteModel *custom = TfLiteModelCreateFromFile(argv[1]), *branches = TfLiteModelCreateFromFile(argv[2]);
  TfLiteModel *strings = TfLiteModelCreateFromFile(argv[3]);
  CHECK(custom != NULL && branches != NULL && strings != NULL);
  run_custom(custom);
  run_branches(branches);
  run_strings(strings);
  fail_init(strings);
  look_up(custom);
  profile(branches);
  lend_memory(custom);
  refuse_delegate(custom);
  clone_tensor();
  TfLiteModelDelete(custom);
  TfLiteModelDelete(branches);
  TfLiteModelDelete(strings);
  return 0;
}
