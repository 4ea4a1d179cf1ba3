/*
 * What the files of the drop-in TfLite C API share. A tflite_graph mirrors a session: one TfLiteTensor for each of its
 * tensors, brought up to date after every call that moves or resizes them.
 */
#ifndef LN_TFLITE_C_H
#define LN_TFLITE_C_H

#include <stdatomic.h>

#include "linnet/tflite.h"
#include "runtime/runtime.h"
#include "tensorflow/lite/core/c/c_api.h"
#include "tensorflow/lite/core/c/c_api_experimental.h"
#include "tensorflow/lite/core/c/c_api_opaque.h"
#include "tensorflow/lite/core/c/common.h"

/* ---- errors (tflite_c_model.c) ---- */

typedef struct tflite_reporter {
  void (*report)(void *user_data, const char *format, va_list args); /* NULL: standard error */
  void *user_data;
} tflite_reporter;

void ln_tflite_report(const tflite_reporter *reporter, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* kTfLiteOk, or the nearest status after reporting the reason. */
TfLiteStatus ln_tflite_status(const tflite_reporter *reporter, ln_status status, const ln_error *err);

/* ---- models and options (tflite_c_model.c) ---- */

struct TfLiteModel {
  ln_model *model;
  atomic_int references; /* the program's and one for each interpreter */
};

void ln_tflite_model_release(TfLiteModel *model);

typedef struct tflite_custom_op {
  char *name;
  TfLiteRegistration registration;
} tflite_custom_op;

enum { TFLITE_MAX_DELEGATES = 16 };

/* A builtin operator that the program registered, between two versions of it. */
typedef struct tflite_builtin_op {
  int32_t code, min_version, max_version;
} tflite_builtin_op;

/* The program's own look-up of operators; NULL functions for those that it did not give. */
typedef struct tflite_resolver {
  const TfLiteOperator *(*find_builtin_external)(void *user_data, int op, int version);
  const TfLiteOperator *(*find_custom_external)(void *user_data, const char *custom_op, int version);
  const TfLiteRegistration *(*find_builtin)(void *user_data, TfLiteBuiltinOperator op, int version);
  const TfLiteRegistration *(*find_custom)(void *user_data, const char *custom_op, int version);
  const TfLiteRegistration_V3 *(*find_builtin_v3)(void *user_data, TfLiteBuiltinOperator op, int version);
  const TfLiteRegistration_V3 *(*find_custom_v3)(void *user_data, const char *custom_op, int version);
  const TfLiteRegistration_V2 *(*find_builtin_v2)(void *user_data, TfLiteBuiltinOperator op, int version);
  const TfLiteRegistration_V2 *(*find_custom_v2)(void *user_data, const char *custom_op, int version);
  const TfLiteRegistration_V1 *(*find_builtin_v1)(void *user_data, TfLiteBuiltinOperator op, int version);
  const TfLiteRegistration_V1 *(*find_custom_v1)(void *user_data, const char *custom_op, int version);
  void *user_data;
} tflite_resolver;

struct TfLiteInterpreterOptions {
  tflite_reporter reporter;
  int32_t threads;
  bool cancellation;
  ln_file_access files;
  bool files_said; /* by the program; else the environment is asked */
  tflite_custom_op *custom_ops;
  int32_t custom_op_count;
  tflite_builtin_op *builtin_ops;
  int32_t builtin_op_count;
  tflite_resolver resolver;
  TfLiteDelegate *delegates[TFLITE_MAX_DELEGATES];
  int32_t delegate_count;
  struct TfLiteTelemetryProfilerStruct *profiler; /* NULL: none */
};

/* Fills `files` from the environment unless the program said. False after reporting a word that it does not know. */
bool ln_tflite_ask_files(TfLiteInterpreterOptions *options);

/* The latest registration of a name counts. False when memory is short. */
bool ln_tflite_add_custom_op(TfLiteInterpreterOptions *options, const char *name,
                             const TfLiteRegistration *registration);
/* Asks the program's look-up for the model's custom operators; with `selected` every operator of the model must be one
 * that the program registered. False after reporting (tflite_c_resolver.c). */
bool ln_tflite_resolve(TfLiteInterpreterOptions *options, const ln_model *model, bool selected);

/* A registration's callbacks, those of its operator where it has one (tflite_c_operator.c). */
bool ln_tflite_has_callbacks(const TfLiteOperator *op);
void *ln_tflite_call_init(const TfLiteRegistration *registration, TfLiteContext *context, const char *buffer,
                          size_t length);
void ln_tflite_call_free(const TfLiteRegistration *registration, TfLiteContext *context, void *data);
TfLiteStatus ln_tflite_call_prepare(const TfLiteRegistration *registration, TfLiteContext *context, TfLiteNode *node);
TfLiteStatus ln_tflite_call_invoke(const TfLiteRegistration *registration, TfLiteContext *context, TfLiteNode *node);
TfLiteRegistration ln_tflite_registration_of(TfLiteOperator *op);

/* Whether the delegate is one of ours, and how many threads it asks for (tflite_c_xnnpack.c). */
bool ln_tflite_is_xnnpack(const TfLiteDelegate *delegate, int32_t *threads);

/* ---- graphs (tflite_c_graph.c) ---- */

typedef struct tflite_kernel tflite_kernel;

/* Operators that a profiler of the program's was told of and that run at present (tflite_c_telemetry.c). */
enum { TFLITE_MAX_NESTED = 64 };
typedef struct tflite_telemetry {
  struct TfLiteTelemetryProfilerStruct *profiler;
  const ln_model *model;
  uint32_t handles[TFLITE_MAX_NESTED];
  int32_t depth;
} tflite_telemetry;

bool ln_tflite_on_operator(void *user, const ln_operator_event *event);

typedef struct tflite_graph {
  TfLiteModel *model; /* borrowed from the interpreter */
  tflite_reporter reporter;
  tflite_telemetry telemetry;
  ln_session *session;
  TfLiteContext context; /* context.impl_ leads back here */
  TfLiteTensor *tensors; /* [capacity]: the session's, then those that kernels add */
  int32_t tensor_count, own_count, capacity;
  int *variables; /* [variable_count] numbers of the tensors that are variables */
  int32_t variable_count;
  bool allocated; /* tensors hold memory for the present shapes */
  ln_custom_op *operators;
  const ln_custom_op **operator_list;
  struct tflite_op_binding *bindings;
  int32_t operator_count;
  tflite_kernel *kernels;        /* a list: nodes that the program's own kernels compute */
  ln_arena persistent;           /* what kernels ask for: as long as the graph */
  struct tflite_graph *children; /* a list: graphs that operators of this one run, where kernels stand in them */
  struct tflite_graph *next;
} tflite_graph;

/* What a custom operator's state is made from. */
typedef struct tflite_op_binding {
  tflite_graph *graph;
  TfLiteRegistration registration;
} tflite_op_binding;

/* `signature` NULL: the first graph on its own inputs. It uses the resources of `share`, unless that is NULL. NULL on
 * failure, reported. */
tflite_graph *ln_tflite_graph_create(TfLiteModel *model, const TfLiteInterpreterOptions *options, const char *signature,
                                     const tflite_graph *share);
void ln_tflite_graph_destroy(tflite_graph *graph);
/* The mirror of a graph that an operator of `root` runs, made at first sight; NULL when memory is short. */
tflite_graph *ln_tflite_graph_child(tflite_graph *root, ln_session *session);
/* The program's memory for an input or output. */
TfLiteStatus ln_tflite_graph_bind(tflite_graph *graph, int32_t tensor, void *data, size_t bytes);
/* `tensor` is a number in the graph and one of its inputs. */
TfLiteStatus ln_tflite_graph_resize(tflite_graph *graph, int32_t tensor, const int *dims, int32_t rank, bool strict);
TfLiteStatus ln_tflite_graph_allocate(tflite_graph *graph);
TfLiteStatus ln_tflite_graph_invoke(tflite_graph *graph);
TfLiteStatus ln_tflite_graph_reset_variables(tflite_graph *graph);

/* ---- tensors (tflite_c_tensor.c) ---- */

/* Fills what does not change: name, type, quantization. False when memory is short. */
bool ln_tflite_tensor_init(TfLiteTensor *out, const ln_tensor *tensor);
/* Shape, memory and size as they are in the session. False when memory is short. */
bool ln_tflite_tensor_sync(TfLiteTensor *out, const ln_tensor *tensor, bool allocated);
/* False for a type that is not known. */
bool ln_tflite_type_from(TfLiteType type, ln_type *out);
/* Another shape for `dims`, in place where the rank stays. False when memory is short. */
bool ln_tflite_set_dims(TfLiteIntArray **dims, int32_t rank, const int32_t *values);

/* ---- custom operators (tflite_c_kernel.c) ---- */

/* Fills graph->operators from the options. False when memory is short. */
bool ln_tflite_kernels_register(tflite_graph *graph, const TfLiteInterpreterOptions *options);
/* Calls init of each kernel of the graph itself, once its tensors stand. */
void ln_tflite_kernels_init(tflite_graph *graph);
void ln_tflite_context_init(tflite_graph *graph, int32_t threads);

#endif
