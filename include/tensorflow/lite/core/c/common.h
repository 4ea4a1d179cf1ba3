/*
 * The structs that programs and kernels share with the runtime: arrays, tensors, nodes, contexts, registrations,
 * delegates. Names and layouts are those of TensorFlow Lite 2.19.
 */
#ifndef TENSORFLOW_LITE_CORE_C_COMMON_H_
#define TENSORFLOW_LITE_CORE_C_COMMON_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensorflow/lite/core/c/c_api_types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct TfLiteContext;
struct TfLiteRegistration;
struct TfLiteAsyncKernel;
struct TfLiteOperator;
struct TfLiteOpaqueDelegateBuilder;

/* Stands for an absent optional input among a node's inputs. */
#define kTfLiteOptionalTensor (-1)

/* ---- resources shared between kernels: none are kept here ---- */

typedef enum TfLiteExternalContextType {
  kTfLiteEigenContext = 0,
  kTfLiteGemmLowpContext = 1,
  kTfLiteEdgeTpuContext = 2,
  kTfLiteCpuBackendContext = 3,
  kTfLiteMaxExternalContexts = 4
} TfLiteExternalContextType;

typedef struct TfLiteExternalContext {
  TfLiteExternalContextType type;
  TfLiteStatus (*Refresh)(struct TfLiteContext *context);
} TfLiteExternalContext;

/* ---- arrays with their length: allocated by Create, freed by Free ---- */

#if defined(__cplusplus)
#define TFLITE_FLEXIBLE_LENGTH 1
#else
#define TFLITE_FLEXIBLE_LENGTH
#endif

typedef struct TfLiteIntArray {
  int size;
  int data[TFLITE_FLEXIBLE_LENGTH];
} TfLiteIntArray;

typedef struct TfLiteFloatArray {
  int size;
  float data[TFLITE_FLEXIBLE_LENGTH];
} TfLiteFloatArray;

#undef TFLITE_FLEXIBLE_LENGTH

TFL_CAPI_EXPORT size_t TfLiteIntArrayGetSizeInBytes(int size);
TFL_CAPI_EXPORT TfLiteIntArray *TfLiteIntArrayCreate(int size); /* NULL when memory is short or size negative */
TFL_CAPI_EXPORT int TfLiteIntArrayEqual(const TfLiteIntArray *a, const TfLiteIntArray *b); /* 1 when equal */
TFL_CAPI_EXPORT int TfLiteIntArrayEqualsArray(const TfLiteIntArray *a, int b_size, const int b_data[]);
TFL_CAPI_EXPORT TfLiteIntArray *TfLiteIntArrayCopy(const TfLiteIntArray *src); /* NULL for NULL */
TFL_CAPI_EXPORT void TfLiteIntArrayFree(TfLiteIntArray *a);                    /* NULL is fine */

TFL_CAPI_EXPORT size_t TfLiteFloatArrayGetSizeInBytes(int size);
TFL_CAPI_EXPORT TfLiteFloatArray *TfLiteFloatArrayCreate(int size);
TFL_CAPI_EXPORT TfLiteFloatArray *TfLiteFloatArrayCopy(const TfLiteFloatArray *src);
TFL_CAPI_EXPORT void TfLiteFloatArrayFree(TfLiteFloatArray *a);

/* ---- checks for kernels: each leaves the calling function with kTfLiteError ---- */

#define TF_LITE_KERNEL_LOG(context, ...)            \
  do {                                              \
    (context)->ReportError((context), __VA_ARGS__); \
  } while (false)

#define TF_LITE_MAYBE_KERNEL_LOG(context, ...)                             \
  do {                                                                     \
    if ((context) != NULL) (context)->ReportError((context), __VA_ARGS__); \
  } while (false)

#define TF_LITE_ENSURE(context, a)                                                      \
  do {                                                                                  \
    if (!(a)) {                                                                         \
      TF_LITE_KERNEL_LOG((context), "%s:%d: %s does not hold", __FILE__, __LINE__, #a); \
      return kTfLiteError;                                                              \
    }                                                                                   \
  } while (0)

#define TF_LITE_ENSURE_MSG(context, value, ...)   \
  do {                                            \
    if (!(value)) {                               \
      TF_LITE_KERNEL_LOG((context), __VA_ARGS__); \
      return kTfLiteError;                        \
    }                                             \
  } while (0)

#define TF_LITE_ENSURE_STATUS(a)    \
  do {                              \
    const TfLiteStatus s_ = (a);    \
    if (s_ != kTfLiteOk) return s_; \
  } while (0)

#define TF_LITE_ENSURE_OK(context, status) \
  do {                                     \
    const TfLiteStatus s_ = (status);      \
    if (s_ != kTfLiteOk) return s_;        \
  } while (0)

#define TF_LITE_ENSURE_EQ(context, a, b)                                                                      \
  do {                                                                                                        \
    if ((a) != (b)) {                                                                                         \
      TF_LITE_KERNEL_LOG((context), "%s:%d: %s and %s differ (%d, %d)", __FILE__, __LINE__, #a, #b, (int)(a), \
                         (int)(b));                                                                           \
      return kTfLiteError;                                                                                    \
    }                                                                                                         \
  } while (0)

#define TF_LITE_ENSURE_TYPES_EQ(context, a, b)                                                      \
  do {                                                                                              \
    if ((a) != (b)) {                                                                               \
      TF_LITE_KERNEL_LOG((context), "%s:%d: %s and %s differ (%s, %s)", __FILE__, __LINE__, #a, #b, \
                         TfLiteTypeGetName(a), TfLiteTypeGetName(b));                               \
      return kTfLiteError;                                                                          \
    }                                                                                               \
  } while (0)

#define TF_LITE_ENSURE_NEAR(context, a, b, epsilon)                                                                    \
  do {                                                                                                                 \
    const double delta_ = (double)(a) - (double)(b);                                                                   \
    if (delta_ > (epsilon) || -delta_ > (epsilon)) {                                                                   \
      TF_LITE_KERNEL_LOG((context), "%s:%d: %s and %s are not near (%f, %f)", __FILE__, __LINE__, #a, #b, (double)(a), \
                         (double)(b));                                                                                 \
      return kTfLiteError;                                                                                             \
    }                                                                                                                  \
  } while (0)

/* ---- elements ---- */

typedef struct TfLiteComplex64 {
  float re, im;
} TfLiteComplex64;

typedef struct TfLiteComplex128 {
  double re, im;
} TfLiteComplex128;

typedef struct TfLiteFloat16 {
  uint16_t data;
} TfLiteFloat16;

typedef struct TfLiteBFloat16 {
  uint16_t data;
} TfLiteBFloat16;

/* "FLOAT32", "INT8" ...; "Unknown type" for other numbers. Static storage. */
TFL_CAPI_EXPORT const char *TfLiteTypeGetName(TfLiteType type);

/* ---- quantization and sparsity ---- */

typedef enum TfLiteQuantizationType {
  kTfLiteNoQuantization = 0,
  kTfLiteAffineQuantization = 1,
  kTfLiteBlockwiseQuantization = 2
} TfLiteQuantizationType;

typedef struct TfLiteQuantization {
  TfLiteQuantizationType type;
  void *params; /* TfLiteAffineQuantization * or TfLiteBlockwiseQuantization *, as the type says */
} TfLiteQuantization;

/* One scale and zero point, or one of each for every index along quantized_dimension. */
typedef struct TfLiteAffineQuantization {
  TfLiteFloatArray *scale;
  TfLiteIntArray *zero_point;
  int32_t quantized_dimension;
} TfLiteAffineQuantization;

/* A scale and zero point for every `blocksize` elements, in tensors of the graph by their numbers; -1: none. */
typedef struct TfLiteBlockwiseQuantization {
  int32_t scale;
  int32_t zero_point;
  int32_t blocksize;
  int32_t quantized_dimension;
} TfLiteBlockwiseQuantization;

typedef enum TfLiteDimensionType { kTfLiteDimDense = 0, kTfLiteDimSparseCSR = 1 } TfLiteDimensionType;

typedef struct TfLiteDimensionMetadata {
  TfLiteDimensionType format;
  int dense_size;
  TfLiteIntArray *array_segments;
  TfLiteIntArray *array_indices;
} TfLiteDimensionMetadata;

typedef struct TfLiteSparsity {
  TfLiteIntArray *traversal_order;
  TfLiteIntArray *block_map;
  TfLiteDimensionMetadata *dim_metadata;
  int dim_metadata_size;
} TfLiteSparsity;

/* ---- tensors ---- */

typedef union TfLitePtrUnion {
  int32_t *i32;
  uint32_t *u32;
  int64_t *i64;
  uint64_t *u64;
  float *f;
  TfLiteFloat16 *f16;
  TfLiteBFloat16 *bf16;
  double *f64;
  char *raw;
  const char *raw_const;
  uint8_t *uint8;
  bool *b;
  int16_t *i16;
  uint16_t *ui16;
  TfLiteComplex64 *c64;
  TfLiteComplex128 *c128;
  int8_t *int8;
  void *data;
} TfLitePtrUnion;

typedef enum TfLiteAllocationType {
  kTfLiteMemNone = 0,
  kTfLiteMmapRo = 1,            /* a constant of the model */
  kTfLiteArenaRw = 2,           /* planned by the runtime */
  kTfLiteArenaRwPersistent = 3, /* planned, and kept from run to run */
  kTfLiteDynamic = 4,           /* from malloc, of a size known only in a run */
  kTfLitePersistentRo = 5,
  kTfLiteCustom = 6,
  kTfLiteVariantObject = 7
} TfLiteAllocationType;

/* How a tensor's memory comes about. */
typedef enum TfLiteAllocationStrategy {
  kTfLiteAllocationStrategyUnknown = 0,
  kTfLiteAllocationStrategyNone = 1,
  kTfLiteAllocationStrategyMMap = 2,
  kTfLiteAllocationStrategyArena = 3,
  kTfLiteAllocationStrategyMalloc = 4,
  kTfLiteAllocationStrategyNew = 5
} TfLiteAllocationStrategy;

/* For how long something of a tensor stays as it is. */
typedef enum TfLiteRunStability {
  kTfLiteRunStabilityUnknown = 0,
  kTfLiteRunStabilityUnstable = 1,
  kTfLiteRunStabilitySingleRun = 2,
  kTfLiteRunStabilityAcrossRuns = 3
} TfLiteRunStability;

/* In which step of an operator's life something of a tensor is known. */
typedef enum TfLiteRunStep {
  kTfLiteRunStepUnknown = 0,
  kTfLiteRunStepInit = 1,
  kTfLiteRunStepPrepare = 2,
  kTfLiteRunStepEval = 3
} TfLiteRunStep;

typedef int TfLiteBufferHandle;
enum { kTfLiteNullBufferHandle = -1 };

typedef struct TfLiteCustomAllocation {
  void *data;
  size_t bytes;
} TfLiteCustomAllocation;

typedef enum TfLiteCustomAllocationFlags {
  kTfLiteCustomAllocationFlagsNone = 0,
  kTfLiteCustomAllocationFlagsSkipAlignCheck = 1
} TfLiteCustomAllocationFlags;

enum { kTfLiteNoBufferIdentifier = -1 };

struct TfLiteTensor {
  TfLiteType type;
  TfLitePtrUnion data; /* NULL until memory is given to the tensor */
  TfLiteIntArray *dims;
  TfLiteQuantizationParams params; /* per tensor; zeros otherwise */
  TfLiteAllocationType allocation_type;
  size_t bytes; /* of data */
  const void *allocation;
  const char *name;
  struct TfLiteDelegate *delegate;
  TfLiteBufferHandle buffer_handle;
  bool data_is_stale;
  bool is_variable;
  TfLiteQuantization quantization;
  TfLiteSparsity *sparsity;             /* NULL when dense */
  const TfLiteIntArray *dims_signature; /* -1 where the model leaves a dimension open; NULL when it declares none */
};

/* Frees the data of a kTfLiteDynamic tensor (nothing for others) and forgets the pointer. */
TFL_CAPI_EXPORT void TfLiteTensorDataFree(TfLiteTensor *t);
TFL_CAPI_EXPORT void TfLiteQuantizationFree(TfLiteQuantization *quantization);
TFL_CAPI_EXPORT void TfLiteSparsityFree(TfLiteSparsity *sparsity);
/* Frees what a tensor owns: data, dims, quantization, sparsity; not the struct. */
TFL_CAPI_EXPORT void TfLiteTensorFree(TfLiteTensor *t);
/* Frees what the tensor owns and fills it anew; takes `dims`, borrows the rest. */
TFL_CAPI_EXPORT void TfLiteTensorReset(TfLiteType type, const char *name, TfLiteIntArray *dims,
                                       TfLiteQuantizationParams quantization, char *buffer, size_t size,
                                       TfLiteAllocationType allocation_type, const void *allocation, bool is_variable,
                                       TfLiteTensor *tensor);
/* Gives a kTfLiteDynamic tensor `num_bytes` bytes; the first bytes stay when `preserve_data`. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteTensorResizeMaybeCopy(size_t num_bytes, TfLiteTensor *tensor, bool preserve_data);
TFL_CAPI_EXPORT TfLiteStatus TfLiteTensorRealloc(size_t num_bytes, TfLiteTensor *tensor);
/* Copies values and shape between tensors of one size in bytes. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteTensorCopy(const TfLiteTensor *src, TfLiteTensor *dst);

/* A copy that shares nothing it would free twice: arrays, quantization, sparsity, and data from malloc. */
TFL_CAPI_EXPORT TfLiteTensor TfLiteTensorClone(TfLiteTensor src);
/* dims_signature where the model leaves dimensions open, else dims. */
TFL_CAPI_EXPORT const TfLiteIntArray *TfLiteTensorGetDimsSignature(const TfLiteTensor *t);
/* What follows from the allocation type. */
TFL_CAPI_EXPORT TfLiteAllocationStrategy TfLiteTensorGetAllocationStrategy(const TfLiteTensor *t);
TFL_CAPI_EXPORT TfLiteRunStability TfLiteTensorGetBufferAddressStability(const TfLiteTensor *t);
TFL_CAPI_EXPORT TfLiteRunStability TfLiteTensorGetDataStability(const TfLiteTensor *t);
TFL_CAPI_EXPORT TfLiteRunStep TfLiteTensorGetDataKnownStep(const TfLiteTensor *t);
TFL_CAPI_EXPORT TfLiteRunStep TfLiteTensorGetShapeKnownStep(const TfLiteTensor *t);

/* ---- nodes ---- */

/* An operator of a graph as its kernel sees it: tensors by number in context->tensors. */
typedef struct TfLiteNode {
  TfLiteIntArray *inputs;
  TfLiteIntArray *outputs;
  TfLiteIntArray *intermediates;
  TfLiteIntArray *temporaries; /* the kernel's to set, of tensors it added */
  void *user_data;             /* what init returned */
  void *builtin_data;
  const void *custom_initial_data; /* the model's options of a custom operator */
  int custom_initial_data_size;
  struct TfLiteDelegate *delegate;
  bool might_have_side_effect;
} TfLiteNode;

typedef struct TfLiteEvalTensor {
  TfLitePtrUnion data;
  TfLiteIntArray *dims;
  TfLiteType type;
} TfLiteEvalTensor;

typedef struct TfLiteDelegateParams {
  struct TfLiteDelegate *delegate;
  TfLiteIntArray *nodes_to_replace;
  TfLiteIntArray *input_tensors;
  TfLiteIntArray *output_tensors;
} TfLiteDelegateParams;

typedef struct TfLiteOpaqueDelegateParams {
  TfLiteOpaqueDelegate *delegate;
  void *delegate_data;
  TfLiteIntArray *nodes_to_replace;
  TfLiteIntArray *input_tensors;
  TfLiteIntArray *output_tensors;
} TfLiteOpaqueDelegateParams;

/*
 * What a kernel may ask of the runtime. GetTensor, ResizeTensor, ResizeTensorExplicit, ReportError, AddTensors,
 * GetModelMetadata and AllocatePersistentBuffer serve kernels; the entries for delegates answer kTfLiteError.
 */
typedef struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(struct TfLiteContext *context, TfLiteIntArray **execution_plan);
  TfLiteTensor *tensors; /* [tensors_size] */
  void *impl_;
  /* Takes new_size, also when it fails. In prepare it sets the shape; in invoke it serves kTfLiteDynamic tensors. */
  TfLiteStatus (*ResizeTensor)(struct TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *new_size);
  void (*ReportError)(struct TfLiteContext *context, const char *msg, ...);
  /* Adds tensors for temporaries, for use in init or prepare; pointers into context->tensors stay valid. */
  TfLiteStatus (*AddTensors)(struct TfLiteContext *context, int tensors_to_add, int *first_new_tensor_index);
  TfLiteStatus (*GetNodeAndRegistration)(struct TfLiteContext *context, int node_index, TfLiteNode **node,
                                         struct TfLiteRegistration **registration);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(struct TfLiteContext *context,
                                                        struct TfLiteRegistration registration,
                                                        const TfLiteIntArray *nodes_to_replace,
                                                        struct TfLiteDelegate *delegate);
  int recommended_num_threads;
  TfLiteExternalContext *(*GetExternalContext)(struct TfLiteContext *context, TfLiteExternalContextType type);
  void (*SetExternalContext)(struct TfLiteContext *context, TfLiteExternalContextType type,
                             TfLiteExternalContext *external);
  bool allow_fp32_relax_to_fp16;
  void *profiler;
  void *(*AllocatePersistentBuffer)(struct TfLiteContext *context, size_t bytes);
  TfLiteStatus (*AllocateBufferForEval)(struct TfLiteContext *context, size_t bytes, void **ptr);
  TfLiteStatus (*RequestScratchBufferInArena)(struct TfLiteContext *context, size_t bytes, int *buffer_idx);
  void *(*GetScratchBuffer)(struct TfLiteContext *context, int buffer_idx);
  TfLiteStatus (*ResizeTensorExplicit)(struct TfLiteContext *context, TfLiteTensor *tensor, int dims, const int *shape);
  TfLiteStatus (*PreviewDelegatePartitioning)(struct TfLiteContext *context, const TfLiteIntArray *nodes_to_replace,
                                              TfLiteDelegateParams **partition_params_array, int *num_partitions);
  TfLiteTensor *(*GetTensor)(const struct TfLiteContext *context, int tensor_idx);
  TfLiteEvalTensor *(*GetEvalTensor)(const struct TfLiteContext *context, int tensor_idx);
  TfLiteStatus (*GetModelMetadata)(const struct TfLiteContext *context, const char *name, const char **ptr,
                                   size_t *bytes);
  TfLiteStatus (*AcquireSubgraphContext)(struct TfLiteContext *context, int subgraph_index,
                                         struct TfLiteContext **acquired_context);
  TfLiteStatus (*ReleaseSubgraphContext)(struct TfLiteContext *context, int subgraph_index);
} TfLiteContext;

typedef enum TfLiteInPlaceOp {
  kTfLiteInplaceOpNone = 0,
  kTfLiteInplaceOpDataUnmodified = 1,
  kTfLiteInplaceInputCanBeSharedWithCorrespondingOutput = 2,
  kTfLiteInplaceOpInput0Shared = 4,
  kTfLiteInplaceOpInput1Shared = 8,
  kTfLiteInplaceOpInput2Shared = 16
} TfLiteInPlaceOp;

enum { kTfLiteMaxSharableOpInputs = 3 };

/* What init returns when it fails: the operator is then refused before it is prepared. */
TFL_CAPI_EXPORT void *TfLiteKernelInitFailed(void);

/* A kernel: any function may be NULL but invoke. Where registration_external is set, its callbacks are called. */
typedef struct TfLiteRegistration {
  /* Once for each node of a graph, with the node's options; what it returns becomes node->user_data. */
  void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteContext *context, void *buffer);
  /* After every change of input shapes: checks and sets the shapes of outputs and temporaries. */
  TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
  const char *(*profiling_string)(const TfLiteContext *context, const TfLiteNode *node);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  struct TfLiteOperator *registration_external;
  struct TfLiteAsyncKernel *(*async_kernel)(TfLiteContext *context, TfLiteNode *node);
  uint64_t inplace_operator;
} TfLiteRegistration;

/* What programs compiled against older releases hold: each the beginning of the next. */
typedef struct TfLiteRegistration_V1 {
  void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteContext *context, void *buffer);
  TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
  const char *(*profiling_string)(const TfLiteContext *context, const TfLiteNode *node);
  int32_t builtin_code;
  const char *custom_name;
  int version;
} TfLiteRegistration_V1;

typedef struct TfLiteRegistration_V2 {
  void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteContext *context, void *buffer);
  TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
  const char *(*profiling_string)(const TfLiteContext *context, const TfLiteNode *node);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  struct TfLiteOperator *registration_external;
} TfLiteRegistration_V2;

typedef struct TfLiteRegistration_V3 {
  void *(*init)(TfLiteContext *context, const char *buffer, size_t length);
  void (*free)(TfLiteContext *context, void *buffer);
  TfLiteStatus (*prepare)(TfLiteContext *context, TfLiteNode *node);
  TfLiteStatus (*invoke)(TfLiteContext *context, TfLiteNode *node);
  const char *(*profiling_string)(const TfLiteContext *context, const TfLiteNode *node);
  int32_t builtin_code;
  const char *custom_name;
  int version;
  struct TfLiteOperator *registration_external;
  struct TfLiteAsyncKernel *(*async_kernel)(TfLiteContext *context, TfLiteNode *node);
} TfLiteRegistration_V3;

/* ---- delegates ---- */

typedef enum TfLiteDelegateFlags {
  kTfLiteDelegateFlagsNone = 0,
  kTfLiteDelegateFlagsAllowDynamicTensors = 1,
  kTfLiteDelegateFlagsRequirePropagatedShapes = 2,
  kTfLiteDelegateFlagsPerOperatorProfiling = 4
} TfLiteDelegateFlags;

struct TfLiteDelegate {
  void *data_;
  TfLiteStatus (*Prepare)(TfLiteContext *context, struct TfLiteDelegate *delegate);
  TfLiteStatus (*CopyFromBufferHandle)(TfLiteContext *context, struct TfLiteDelegate *delegate,
                                       TfLiteBufferHandle buffer_handle, TfLiteTensor *tensor);
  TfLiteStatus (*CopyToBufferHandle)(TfLiteContext *context, struct TfLiteDelegate *delegate,
                                     TfLiteBufferHandle buffer_handle, TfLiteTensor *tensor);
  void (*FreeBufferHandle)(TfLiteContext *context, struct TfLiteDelegate *delegate, TfLiteBufferHandle *handle);
  int64_t flags;
  struct TfLiteOpaqueDelegateBuilder *opaque_delegate_builder;
};

/* A delegate whose entries are all empty. */
TFL_CAPI_EXPORT TfLiteDelegate TfLiteDelegateCreate(void);

/* What an opaque delegate is made from; its fields are those of a TfLiteDelegate. */
typedef struct TfLiteOpaqueDelegateBuilder {
  void *data;
  TfLiteStatus (*Prepare)(TfLiteOpaqueContext *context, TfLiteOpaqueDelegate *delegate, void *data);
  TfLiteStatus (*CopyFromBufferHandle)(TfLiteOpaqueContext *context, TfLiteOpaqueDelegate *delegate, void *data,
                                       TfLiteBufferHandle buffer_handle, TfLiteOpaqueTensor *tensor);
  TfLiteStatus (*CopyToBufferHandle)(TfLiteOpaqueContext *context, TfLiteOpaqueDelegate *delegate, void *data,
                                     TfLiteBufferHandle buffer_handle, TfLiteOpaqueTensor *tensor);
  void (*FreeBufferHandle)(TfLiteOpaqueContext *context, TfLiteOpaqueDelegate *delegate, void *data,
                           TfLiteBufferHandle *handle);
  int64_t flags;
} TfLiteOpaqueDelegateBuilder;

/* The builder is copied; NULL for NULL. As any delegate but this library's own, it is refused when an interpreter is
 * made with it: TfLiteInterpreterOptionsAddDelegate says how. */
TFL_CAPI_EXPORT TfLiteOpaqueDelegate *TfLiteOpaqueDelegateCreate(
    const TfLiteOpaqueDelegateBuilder *opaque_delegate_builder);
TFL_CAPI_EXPORT void TfLiteOpaqueDelegateDelete(TfLiteOpaqueDelegate *delegate); /* NULL is fine */
/* The builder's data, or the delegate's own where none made it; NULL for NULL. */
TFL_CAPI_EXPORT void *TfLiteOpaqueDelegateGetData(const TfLiteOpaqueDelegate *delegate);

#ifdef __cplusplus
}
#endif
#endif
