/*
 * An operator of a program's own, made by functions: its kernel sees nothing but the accessors of c_api_opaque.h. Given
 * to the options with TfLiteInterpreterOptionsAddOperator. The operator and the name it was made with stay the
 * program's and outlive the interpreters.
 */
#ifndef TENSORFLOW_LITE_CORE_C_OPERATOR_H_
#define TENSORFLOW_LITE_CORE_C_OPERATOR_H_

#include <stdint.h>
#include <stdlib.h>

#include "tensorflow/lite/builtin_ops.h"
#include "tensorflow/lite/core/async/c/types.h"
#include "tensorflow/lite/core/c/c_api_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TfLiteOperator TfLiteOperator;
typedef TfLiteOperator TfLiteRegistrationExternal; /* its name until 2.16 */

/* Without callbacks as yet; `custom_name` NULL for a builtin operator. The callbacks WithData are handed `user_data`.
 * NULL when memory is short. */
TFL_CAPI_EXPORT TfLiteOperator *TfLiteOperatorCreate(TfLiteBuiltinOperator builtin_code, const char *custom_name,
                                                     int version, void *user_data);
/* The same, as 2.18 declares it. */
TFL_CAPI_EXPORT TfLiteOperator *TfLiteOperatorCreateWithData(TfLiteBuiltinOperator builtin_code,
                                                             const char *custom_name, int version, void *user_data);
TFL_CAPI_EXPORT void TfLiteOperatorDelete(TfLiteOperator *registration); /* NULL is fine */

TFL_CAPI_EXPORT TfLiteBuiltinOperator TfLiteOperatorGetBuiltInCode(const TfLiteOperator *registration);
TFL_CAPI_EXPORT const char *TfLiteOperatorGetCustomName(const TfLiteOperator *registration);
TFL_CAPI_EXPORT int TfLiteOperatorGetVersion(const TfLiteOperator *registration);    /* -1 for NULL */
TFL_CAPI_EXPORT void *TfLiteOperatorGetUserData(const TfLiteOperator *registration); /* NULL for NULL */

/* The callbacks are those of a TfLiteRegistration. Where both forms of one are set, that WithData is called. Setting
 * one WithData answers kTfLiteError for a NULL operator. */
TFL_CAPI_EXPORT void TfLiteOperatorSetInit(TfLiteOperator *registration,
                                           void *(*init)(TfLiteOpaqueContext *context, const char *buffer,
                                                         size_t length));
TFL_CAPI_EXPORT TfLiteStatus TfLiteOperatorSetInitWithData(TfLiteOperator *registration,
                                                           void *(*init)(void *user_data, TfLiteOpaqueContext *context,
                                                                         const char *buffer, size_t length));
TFL_CAPI_EXPORT void TfLiteOperatorSetFree(TfLiteOperator *registration,
                                           void (*free)(TfLiteOpaqueContext *context, void *data));
TFL_CAPI_EXPORT TfLiteStatus TfLiteOperatorSetFreeWithData(TfLiteOperator *registration,
                                                           void (*free)(void *user_data, TfLiteOpaqueContext *context,
                                                                        void *data));
TFL_CAPI_EXPORT void TfLiteOperatorSetPrepare(TfLiteOperator *registration,
                                              TfLiteStatus (*prepare)(TfLiteOpaqueContext *context,
                                                                      TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT TfLiteStatus TfLiteOperatorSetPrepareWithData(TfLiteOperator *registration,
                                                              TfLiteStatus (*prepare)(void *user_data,
                                                                                      TfLiteOpaqueContext *context,
                                                                                      TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT void TfLiteOperatorSetInvoke(TfLiteOperator *registration,
                                             TfLiteStatus (*invoke)(TfLiteOpaqueContext *context,
                                                                    TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT TfLiteStatus TfLiteOperatorSetInvokeWithData(TfLiteOperator *registration,
                                                             TfLiteStatus (*invoke)(void *user_data,
                                                                                    TfLiteOpaqueContext *context,
                                                                                    TfLiteOpaqueNode *node));
/* Kept and never called: there is no asynchronous API. */
TFL_CAPI_EXPORT void TfLiteOperatorSetAsyncKernel(
    TfLiteOperator *registration,
    struct TfLiteAsyncKernel *(*async_kernel)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT TfLiteStatus TfLiteOperatorSetAsyncKernelWithData(
    TfLiteOperator *registration,
    struct TfLiteAsyncKernel *(*async_kernel)(void *user_data, TfLiteOpaqueContext *context, TfLiteOpaqueNode *node));
/* What TfLiteInPlaceOp allows; memory is not shared for it. */
TFL_CAPI_EXPORT void TfLiteOperatorSetInplaceOperator(TfLiteOperator *registration, uint64_t inplace_operator);

/* ---- the names until 2.16 ---- */

TFL_CAPI_EXPORT TfLiteRegistrationExternal *TfLiteRegistrationExternalCreate(TfLiteBuiltinOperator builtin_code,
                                                                             const char *custom_name, int version);
TFL_CAPI_EXPORT void TfLiteRegistrationExternalDelete(TfLiteRegistrationExternal *registration);
TFL_CAPI_EXPORT TfLiteBuiltinOperator
TfLiteRegistrationExternalGetBuiltInCode(const TfLiteRegistrationExternal *registration);
TFL_CAPI_EXPORT const char *TfLiteRegistrationExternalGetCustomName(const TfLiteRegistrationExternal *registration);
TFL_CAPI_EXPORT int TfLiteRegistrationExternalGetVersion(const TfLiteRegistrationExternal *registration);
TFL_CAPI_EXPORT void TfLiteRegistrationExternalSetInit(TfLiteRegistrationExternal *registration,
                                                       void *(*init)(TfLiteOpaqueContext *context, const char *buffer,
                                                                     size_t length));
TFL_CAPI_EXPORT void TfLiteRegistrationExternalSetFree(TfLiteRegistrationExternal *registration,
                                                       void (*free)(TfLiteOpaqueContext *context, void *data));
TFL_CAPI_EXPORT void TfLiteRegistrationExternalSetPrepare(TfLiteRegistrationExternal *registration,
                                                          TfLiteStatus (*prepare)(TfLiteOpaqueContext *context,
                                                                                  TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT void TfLiteRegistrationExternalSetInvoke(TfLiteRegistrationExternal *registration,
                                                         TfLiteStatus (*invoke)(TfLiteOpaqueContext *context,
                                                                                TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT void TfLiteRegistrationExternalSetAsyncKernel(
    TfLiteRegistrationExternal *registration,
    struct TfLiteAsyncKernel *(*async_kernel)(TfLiteOpaqueContext *context, TfLiteOpaqueNode *node));
TFL_CAPI_EXPORT void TfLiteRegistrationExternalSetInplaceOperator(TfLiteRegistrationExternal *registration,
                                                                  uint64_t inplace_operator);

#ifdef __cplusplus
}
#endif
#endif
