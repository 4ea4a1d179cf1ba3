/* Operators made by functions (operator.h): what TfLiteOperator holds, and the callbacks of either form of a kernel. */
#include "api/tflite_c.h"

struct TfLiteOperator {
  TfLiteBuiltinOperator builtin_code;
  const char *custom_name; /* the program's */
  int version;
  void *user_data;
  uint64_t inplace_operator;
  void *(*init)(TfLiteOpaqueContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteOpaqueContext *context, void *data);
  TfLiteStatus (*prepare)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node);
  TfLiteStatus (*invoke)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node);
  TfLiteAsyncKernel *(*async_kernel)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node);
  void *(*init_with_data)(void *user_data, TfLiteOpaqueContext *context, const char *buffer, size_t length);
  void (*free_with_data)(void *user_data, TfLiteOpaqueContext *context, void *data);
  TfLiteStatus (*prepare_with_data)(void *user_data, TfLiteOpaqueContext *context, TfLiteOpaqueNode *node);
  TfLiteStatus (*invoke_with_data)(void *user_data, TfLiteOpaqueContext *context, TfLiteOpaqueNode *node);
  TfLiteAsyncKernel *(*async_kernel_with_data)(void *user_data, TfLiteOpaqueContext *context, TfLiteOpaqueNode *node);
};

/* ---- making ---- */

TfLiteOperator *TfLiteOperatorCreate(TfLiteBuiltinOperator builtin_code, const char *custom_name, int version,
                                     void *user_data) {
  TfLiteOperator *op = ln_alloc_zero(sizeof *op);
  if (op == NULL) return NULL;
  op->builtin_code = builtin_code;
  op->custom_name = custom_name;
  op->version = version;
  op->user_data = user_data;
  return op;
}

TfLiteOperator *TfLiteOperatorCreateWithData(TfLiteBuiltinOperator builtin_code, const char *custom_name, int version,
                                             void *user_data) {
  return TfLiteOperatorCreate(builtin_code, custom_name, version, user_data);
}

void TfLiteOperatorDelete(TfLiteOperator *registration) { ln_free(registration); }

TfLiteBuiltinOperator TfLiteOperatorGetBuiltInCode(const TfLiteOperator *registration) {
  return registration->builtin_code;
}

const char *TfLiteOperatorGetCustomName(const TfLiteOperator *registration) { return registration->custom_name; }

int TfLiteOperatorGetVersion(const TfLiteOperator *registration) {
  return registration == NULL ? -1 : registration->version;
}

void *TfLiteOperatorGetUserData(const TfLiteOperator *registration) {
  return registration == NULL ? NULL : registration->user_data;
}

void TfLiteOperatorSetInit(TfLiteOperator *registration,
                           void *(*init)(TfLiteOpaqueContext *context, const char *buffer, size_t length)) {
  registration->init = init;
}

TfLiteStatus TfLiteOperatorSetInitWithData(TfLiteOperator *registration,
                                           void *(*init)(void *user_data, TfLiteOpaqueContext *context,
                                                         const char *buffer, size_t length)) {
  if (registration == NULL) return kTfLiteError;
  registration->init_with_data = init;
  return kTfLiteOk;
}

void TfLiteOperatorSetFree(TfLiteOperator *registration, void (*free)(TfLiteOpaqueContext *context, void *data)) {
  registration->free = free;
}

TfLiteStatus TfLiteOperatorSetFreeWithData(TfLiteOperator *registration,
                                           void (*free)(void *user_data, TfLiteOpaqueContext *context, void *data)) {
  if (registration == NULL) return kTfLiteError;
  registration->free_with_data = free;
  return kTfLiteOk;
}

void TfLiteOperatorSetPrepare(TfLiteOperator *registration,
                              TfLiteStatus (*prepare)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node)) {
  registration->prepare = prepare;
}

TfLiteStatus TfLiteOperatorSetPrepareWithData(TfLiteOperator *registration,
                                              TfLiteStatus (*prepare)(void *user_data, TfLiteOpaqueContext *context,
                                                                      TfLiteOpaqueNode *node)) {
  if (registration == NULL) return kTfLiteError;
  registration->prepare_with_data = prepare;
  return kTfLiteOk;
}

void TfLiteOperatorSetInvoke(TfLiteOperator *registration,
                             TfLiteStatus (*invoke)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node)) {
  registration->invoke = invoke;
}

TfLiteStatus TfLiteOperatorSetInvokeWithData(TfLiteOperator *registration,
                                             TfLiteStatus (*invoke)(void *user_data, TfLiteOpaqueContext *context,
                                                                    TfLiteOpaqueNode *node)) {
  if (registration == NULL) return kTfLiteError;
  registration->invoke_with_data = invoke;
  return kTfLiteOk;
}

void TfLiteOperatorSetAsyncKernel(TfLiteOperator *registration,
                                  TfLiteAsyncKernel *(*async_kernel)(TfLiteOpaqueContext *context,
                                                                     TfLiteOpaqueNode *node)) {
  registration->async_kernel = async_kernel;
}

TfLiteStatus TfLiteOperatorSetAsyncKernelWithData(TfLiteOperator *registration,
                                                  TfLiteAsyncKernel *(*async_kernel)(void *user_data,
                                                                                     TfLiteOpaqueContext *context,
                                                                                     TfLiteOpaqueNode *node)) {
  if (registration == NULL) return kTfLiteError;
  registration->async_kernel_with_data = async_kernel;
  return kTfLiteOk;
}

void TfLiteOperatorSetInplaceOperator(TfLiteOperator *registration, uint64_t inplace_operator) {
  registration->inplace_operator = inplace_operator;
}

/* ---- the names until 2.16 ---- */

TfLiteRegistrationExternal *TfLiteRegistrationExternalCreate(TfLiteBuiltinOperator builtin_code,
                                                             const char *custom_name, int version) {
  return TfLiteOperatorCreate(builtin_code, custom_name, version, NULL);
}

void TfLiteRegistrationExternalDelete(TfLiteRegistrationExternal *registration) { TfLiteOperatorDelete(registration); }

TfLiteBuiltinOperator TfLiteRegistrationExternalGetBuiltInCode(const TfLiteRegistrationExternal *registration) {
  return TfLiteOperatorGetBuiltInCode(registration);
}

const char *TfLiteRegistrationExternalGetCustomName(const TfLiteRegistrationExternal *registration) {
  return TfLiteOperatorGetCustomName(registration);
}

int TfLiteRegistrationExternalGetVersion(const TfLiteRegistrationExternal *registration) {
  return TfLiteOperatorGetVersion(registration);
}

void TfLiteRegistrationExternalSetInit(TfLiteRegistrationExternal *registration,
                                       void *(*init)(TfLiteOpaqueContext *context, const char *buffer, size_t length)) {
  TfLiteOperatorSetInit(registration, init);
}

void TfLiteRegistrationExternalSetFree(TfLiteRegistrationExternal *registration,
                                       void (*free)(TfLiteOpaqueContext *context, void *data)) {
  TfLiteOperatorSetFree(registration, free);
}

void TfLiteRegistrationExternalSetPrepare(TfLiteRegistrationExternal *registration,
                                          TfLiteStatus (*prepare)(TfLiteOpaqueContext *context,
                                                                  TfLiteOpaqueNode *node)) {
  TfLiteOperatorSetPrepare(registration, prepare);
}

void TfLiteRegistrationExternalSetInvoke(TfLiteRegistrationExternal *registration,
                                         TfLiteStatus (*invoke)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node)) {
  TfLiteOperatorSetInvoke(registration, invoke);
}

void TfLiteRegistrationExternalSetAsyncKernel(TfLiteRegistrationExternal *registration,
                                              TfLiteAsyncKernel *(*async_kernel)(TfLiteOpaqueContext *context,
                                                                                 TfLiteOpaqueNode *node)) {
  TfLiteOperatorSetAsyncKernel(registration, async_kernel);
}

void TfLiteRegistrationExternalSetInplaceOperator(TfLiteRegistrationExternal *registration, uint64_t inplace_operator) {
  TfLiteOperatorSetInplaceOperator(registration, inplace_operator);
}

/* ---- into the options ---- */

TfLiteRegistration ln_tflite_registration_of(TfLiteOperator *op) {
  return (TfLiteRegistration){.builtin_code = (int32_t)op->builtin_code,
                              .custom_name = op->custom_name,
                              .version = op->version,
                              .registration_external = op,
                              .inplace_operator = op->inplace_operator};
}

void TfLiteInterpreterOptionsAddOperator(TfLiteInterpreterOptions *options, TfLiteOperator *registration) {
  if (registration == NULL) return;
  const TfLiteRegistration form = ln_tflite_registration_of(registration);
  const int version = registration->version;
  if (registration->custom_name != NULL) {
    TfLiteInterpreterOptionsAddCustomOp(options, registration->custom_name, &form, version, version);
  } else {
    TfLiteInterpreterOptionsAddBuiltinOp(options, registration->builtin_code, &form, version, version);
  }
}

void TfLiteInterpreterOptionsAddRegistrationExternal(TfLiteInterpreterOptions *options,
                                                     TfLiteRegistrationExternal *registration) {
  TfLiteInterpreterOptionsAddOperator(options, registration);
}

/* ---- calling: the opaque types are names of the open ones, which only this library knows ---- */

static TfLiteOpaqueContext *opaque_context(TfLiteContext *context) { return (TfLiteOpaqueContext *)(void *)context; }

static TfLiteOpaqueNode *opaque_node(TfLiteNode *node) { return (TfLiteOpaqueNode *)(void *)node; }

bool ln_tflite_has_callbacks(const TfLiteOperator *op) {
  return op->init != NULL || op->free != NULL || op->prepare != NULL || op->invoke != NULL ||
         op->init_with_data != NULL || op->free_with_data != NULL || op->prepare_with_data != NULL ||
         op->invoke_with_data != NULL;
}

void *ln_tflite_call_init(const TfLiteRegistration *registration, TfLiteContext *context, const char *buffer,
                          size_t length) {
  const TfLiteOperator *op = registration->registration_external;
  if (op == NULL) return registration->init == NULL ? NULL : registration->init(context, buffer, length);
  if (op->init_with_data != NULL) return op->init_with_data(op->user_data, opaque_context(context), buffer, length);
  return op->init == NULL ? NULL : op->init(opaque_context(context), buffer, length);
}

void ln_tflite_call_free(const TfLiteRegistration *registration, TfLiteContext *context, void *data) {
  const TfLiteOperator *op = registration->registration_external;
  if (op == NULL) {
    if (registration->free != NULL) registration->free(context, data);
  } else if (op->free_with_data != NULL) {
    op->free_with_data(op->user_data, opaque_context(context), data);
  } else if (op->free != NULL) {
    op->free(opaque_context(context), data);
  }
}

TfLiteStatus ln_tflite_call_prepare(const TfLiteRegistration *registration, TfLiteContext *context, TfLiteNode *node) {
  const TfLiteOperator *op = registration->registration_external;
  if (op == NULL) return registration->prepare == NULL ? kTfLiteOk : registration->prepare(context, node);
  if (op->prepare_with_data != NULL) {
    return op->prepare_with_data(op->user_data, opaque_context(context), opaque_node(node));
  }
  return op->prepare == NULL ? kTfLiteOk : op->prepare(opaque_context(context), opaque_node(node));
}

TfLiteStatus ln_tflite_call_invoke(const TfLiteRegistration *registration, TfLiteContext *context, TfLiteNode *node) {
  const TfLiteOperator *op = registration->registration_external;
  if (op == NULL) return registration->invoke == NULL ? kTfLiteError : registration->invoke(context, node);
  if (op->invoke_with_data != NULL) {
    return op->invoke_with_data(op->user_data, opaque_context(context), opaque_node(node));
  }
  return op->invoke == NULL ? kTfLiteError : op->invoke(opaque_context(context), opaque_node(node));
}
