/*
 * A session runs one signature (or the first graph) of a model. It belongs to one thread at a time and owns the
 * arena, the variables and the bindings; sessions of one model share its packed weights.
 */
#ifndef LINNET_SESSION_H
#define LINNET_SESSION_H

#include "linnet/model.h"
#include "linnet/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ln_session ln_session;

/* What the operator callback is told, before and after each operator of a run. */
typedef struct ln_operator_event {
  size_t size;               /* sizeof(ln_operator_event) in the library: fields past it are not there */
  int32_t index;             /* of the operator in the source graph; what messages show */
  const char *graph_name;    /* the operator's graph: loops and branches run graphs of their own */
  const char *operator_name; /* "CONV_2D" */
  const char *tensor_name;   /* of its first output; "" when it has none */
  bool after;                /* the operator has run; else it is about to */
  int64_t nanoseconds;       /* that it took; 0 before */
  bool inside;               /* it runs in the step of an operator before it, whose time has its own */
} ln_operator_event;

/* Called on the thread that runs the session, which it may only read. false ends the run with LN_ERR_CANCELLED. */
typedef bool (*ln_operator_fn)(void *user, const ln_operator_event *event);

/* Files that operators of the model (Save, Restore and their like) may read and write. */
typedef enum ln_file_access {
  LN_FILES_GIVEN = 0, /* whose path is a string input of the session, or begins with one and stays below it */
  LN_FILES_ANY = 1,   /* any that the model names: for models that are trusted */
  LN_FILES_NONE = 2
} ln_file_access;

/*
 * What products of floats with constant weights (convolutions, fully-connected layers, batch products) are computed in;
 * other operators are not touched by it. Results do not depend on the number of threads.
 */
typedef enum ln_precision {
  LN_PRECISION_FLOAT32 = 0,
  /* Weights rounded to bfloat16 (8 bits), and so are activations where the CPU multiplies bfloat16; sums in float32. */
  LN_PRECISION_BFLOAT16 = 1,
  LN_PRECISION_FLOAT16 = 2 /* weights rounded to float16 (11 bits, infinite from 65520 on), all else in float32 */
} ln_precision;

/*
 * How the 32-bit sums of a convolution or batch product of bytes (int8 or uint8, with constant weights) become bytes.
 * Exact results are those of TensorFlow Lite's reference, bit for bit. In floats, clamp(round(sum * scale) + zero
 * point) with one product of single precision, rounded to even, is a little faster and differs from them by at most 1
 * in an operator; results do not depend on the number of threads then either, but on the CPU. All other operators stay
 * exact, and so do those where a kernel has no such form: depthwise and sparse ones, fully-connected layers, and all of
 * them on ARM or on an x86 CPU without AVX2.
 */
typedef enum ln_requantize { LN_REQUANTIZE_EXACT = 0, LN_REQUANTIZE_FLOAT = 1 } ln_requantize;

typedef struct ln_session_options {
  size_t size;           /* sizeof(ln_session_options) */
  int32_t threads;       /* 0: one */
  const char *signature; /* NULL: "serving_default", else the first; the first graph of a model without any */
  const char *backend;   /* NULL: "cpu" */
  bool profile;          /* time every operator */
  bool keep_all_tensors; /* no fusion, no sharing of memory: every tensor of the graph can be read after a run */
  size_t memory_limit;   /* bytes for activations, scratch and variables (LN_ERR_LIMIT); 0: the machine's memory */
  bool first_graph;      /* the first graph with its own inputs and outputs, whatever the signatures say */
  bool prepare_later; /* creation leaves shapes and memory to the first prepare, so that inputs can be resized before */
  const ln_custom_op *const *operators; /* [operator_count] the program's own; must outlive the session */
  int32_t operator_count;
  int64_t
      operation_limit;   /* operators that a run may take, those that loops repeat too (LN_ERR_LIMIT); 0: 100 million */
  int64_t time_limit_ms; /* of one run, looked at between operators (LN_ERR_LIMIT); 0: none */
  ln_operator_fn on_operator; /* NULL: none */
  void *user;                 /* handed to on_operator */
  /*
   * A session of the same model whose resources (variables with handles, hash tables, and which initialisers have run)
   * this one uses too, as the signatures of one interpreter of TensorFlow Lite do: what `train` assigns `infer` reads.
   * NULL: its own. The resources live until the last session that holds them is destroyed, whichever that is. Sessions
   * that share belong to one thread at a time, all together. Their bytes count against the memory limit of each.
   */
  struct ln_session *share;
  ln_file_access files;
  ln_precision precision; /* LN_ERR_UNSUPPORTED where this build has no kernels for it */
  /*
   * A file of packed weights, made at the first session's preparation and mapped by later ones of any process, which
   * share its memory: its path, a folder (the file is then named by the model's content), or "" for the model's own
   * path with ".lnpack" behind it. It holds for all sessions of the model. A file that is damaged or was made for
   * another model, CPU or version of the library is replaced, one that cannot be written does without; whoever may
   * write it decides over results as over the model itself. NULL: none.
   */
  const char *weight_cache;
  ln_requantize requantize; /* LN_ERR_UNSUPPORTED where this build has only the exact form */
  /*
   * Where an operator can be computed in more than one way (convolutions by Winograd's transforms or directly, weights
   * of many zeros as sparse or as dense ones), its preparation times each on the shapes at hand, 20 ms an operator and
   * 2 s in all, and keeps the fastest; other sessions of the model, and later ones with its `weight_cache`, take over
   * what was found. Results in integers are the same; those in floats may differ from session to session within their
   * bound. Builds of chosen operators measure nothing.
   */
  bool tune;
} ln_session_options;

#define LN_SESSION_OPTIONS_INIT                                                                                \
  {                                                                                                            \
    sizeof(ln_session_options), 0, NULL, NULL, false, false, 0, false, false, NULL, 0, 0, 0, NULL, NULL, NULL, \
        LN_FILES_GIVEN, LN_PRECISION_FLOAT32, NULL, LN_REQUANTIZE_EXACT, false                                 \
  }

/* `options` may be NULL. The session is prepared for the shapes the file declares, unknown dimensions taken as 1. */
LN_API ln_status ln_session_create(ln_model *model, const ln_session_options *options, ln_error *err, ln_session **out);
LN_API void ln_session_destroy(ln_session *session); /* NULL is fine */

/* Inputs and outputs: in the file's order, or for a signature in alphabetical order of its keys. */
LN_API int32_t ln_session_input_count(const ln_session *session);
LN_API int32_t ln_session_output_count(const ln_session *session);
LN_API const char *ln_session_input_name(const ln_session *session, int32_t index); /* the key, or the tensor's name */
LN_API const char *ln_session_output_name(const ln_session *session, int32_t index);
LN_API int32_t ln_session_find_input(const ln_session *session, const char *name); /* -1 when there is none */
LN_API int32_t ln_session_find_output(const ln_session *session, const char *name);
LN_API ln_tensor *ln_session_input(ln_session *session, int32_t index); /* NULL when out of range */
LN_API const ln_tensor *ln_session_output(const ln_session *session, int32_t index);
/*
 * Any tensor of the graph, by its number in the file; NULL when out of range. What lies between inputs and outputs
 * holds its value after a run only in a session with keep_all_tensors.
 */
LN_API ln_tensor *ln_session_tensor(ln_session *session, int32_t index);
/* The number in the file of an input or output; -1 when out of range. */
LN_API int32_t ln_session_input_tensor(const ln_session *session, int32_t index);
LN_API int32_t ln_session_output_tensor(const ln_session *session, int32_t index);

/* Another shape for an input; takes effect at the next run (or prepare). Weights are not packed again. */
LN_API ln_status ln_session_resize_input(ln_session *session, int32_t index, const int32_t *dims, int32_t rank,
                                         ln_error *err);
/* Plans memory for the present shapes. Run does it when needed; calling it first gives errors and addresses early. */
LN_API ln_status ln_session_prepare(ln_session *session, ln_error *err);
/* Copies `bytes` bytes into an input; they must be all that its shape takes (a string tensor may have any size). */
LN_API ln_status ln_session_set_input(ln_session *session, int32_t index, const void *data, size_t bytes,
                                      ln_error *err);
/*
 * The caller's own memory for an input or output, from the next prepare (or run) on; NULL gives it back to the session.
 * It holds at least the bytes that the tensor's shape then takes (LN_ERR_SHAPE when it does not), stands at a multiple
 * of the size of an element's number (4 for float32 and complex64, 1 for int8 and packed types), overlaps no other
 * bound memory and stays until it is unbound or the session destroyed. A run writes no input and touches no byte past
 * the tensor's own. Strings, constants and variables cannot be bound, nor an output that is an input too. An input that
 * is bound is filled where it lies: ln_session_set_input refuses it (LN_ERR_STATE).
 */
LN_API ln_status ln_session_bind_input(ln_session *session, int32_t index, const void *data, size_t bytes,
                                       ln_error *err);
LN_API ln_status ln_session_bind_output(ln_session *session, int32_t index, void *data, size_t bytes, ln_error *err);

/* A run that fails leaves the outputs undefined; the session can be run again. */
LN_API ln_status ln_session_run(ln_session *session, ln_error *err);
/* From any thread: the run in progress ends before its next operator with LN_ERR_CANCELLED. Later runs are not
 * affected. */
LN_API void ln_session_cancel(ln_session *session);
/* All that the session keeps from run to run back to its beginning: variable tensors, operators' own state, and its
 * resources, for every session that shares these; initialisers run anew. */
LN_API void ln_session_reset(ln_session *session);
/* Variable tensors and operators' own state only, as in TensorFlow Lite: resources keep their values. */
LN_API void ln_session_reset_variable_tensors(ln_session *session);

typedef struct ln_session_stats {
  size_t size;              /* sizeof(ln_session_stats), set by the caller */
  size_t arena_bytes;       /* planned memory for activations and scratch */
  size_t arena_lower_bound; /* the most that lives at one time: no plan can be smaller */
  size_t weight_bytes;      /* constants as the kernels use them: packed, or in the file's map */
  size_t variable_bytes;
  int32_t operators;          /* steps of a run, after fusion */
  int64_t macs;               /* multiply-accumulates of a run; 0 where unknown */
  size_t stored_weight_bytes; /* of weight_bytes: packed weights that came from the file `weight_cache` */
  int32_t measured_choices;   /* that the last preparation made by timing (ln_session_options.tune) */
} ln_session_stats;

LN_API ln_status ln_session_get_stats(const ln_session *session, ln_session_stats *stats);

/* What one operator took, summed over runs since creation or the last ln_session_profile_reset. */
typedef struct ln_profile_entry {
  size_t size;               /* sizeof(ln_profile_entry), set by the caller */
  const char *operator_name; /* "CONV_2D"; of operators that run as one step "CONV_2D + ADD" */
  const char *tensor_name;   /* of its (the last one's) first output */
  int64_t calls;
  int64_t nanoseconds;
  int64_t macs; /* of one call */
  /* Bytes that one call reads and writes once each, as they lie in memory: nothing of what caches save or packing adds.
   */
  int64_t input_bytes;  /* of inputs that are computed or set */
  int64_t weight_bytes; /* of inputs that are constants, as the file keeps them */
  int64_t output_bytes;
  int64_t scratch_bytes; /* asked for beside them, for all threads */
  ln_type input_type;    /* of the first input; LN_FLOAT32 when there is none */
  ln_type weight_type;   /* of the first constant input, else of the first input */
  const char *kernel;    /* the one that does most of the work, "gemm_f32_14x32_avx512"; NULL: the operator says none */
  const char *origin;    /* of a converted model, the part of its source ("block1/conv"); NULL where it is not known */
} ln_profile_entry;

LN_API int32_t ln_session_profile_count(const ln_session *session); /* 0 unless created with profile */
LN_API ln_status ln_session_profile(const ln_session *session, int32_t index, ln_profile_entry *entry);
LN_API void ln_session_profile_reset(ln_session *session);

/* A stretch of the arena and the steps of a run in which it holds data. Several tensors may lie in the same bytes:
 * views, and outputs written in place. */
typedef struct ln_memory_block {
  size_t size;             /* sizeof(ln_memory_block), set by the caller */
  const char *tensor_name; /* NULL: scratch of a step */
  int32_t tensor;          /* its number in the graph that runs; -1: scratch */
  size_t offset;           /* from the beginning of the arena */
  size_t bytes;
  int32_t first; /* step, as ln_session_profile counts them; 0 of an input */
  int32_t last;  /* step, inclusive; the last one of inputs and outputs */
} ln_memory_block;

/* The present plan, of a session that is prepared (else 0): what was given memory before the run. */
LN_API int32_t ln_session_memory_count(const ln_session *session);
LN_API ln_status ln_session_memory(const ln_session *session, int32_t index, ln_memory_block *block);

#ifdef __cplusplus
}
#endif
#endif
