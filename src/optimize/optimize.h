/*
 * Optimization: techniques change a model that is being edited, one file a technique (techniques.def lists them).
 * optimize.c runs a recipe; edit.c makes models that can be changed and files of them; layer.c reads and writes weights
 * as matrices; observe.c runs models over samples; invariant.c keeps what earlier stages made; stage.c answers what a
 * recipe says of a layer; report.c collects what was done; fold_scale.c folds normalization into layers.
 */
#ifndef LN_OPTIMIZE_INTERNAL_H
#define LN_OPTIMIZE_INTERNAL_H

#include "ir/ir.h"
#include "linnet/optimize.h"
#include "ops/ops.h"

/* ---- the work in hand ---- */

typedef struct ln_invariants ln_invariants;

typedef struct ln_optimizer {
  const ln_model *source; /* as it was given to ln_optimize */
  ln_model *model;        /* being changed; what is new lives in its arena */
  int32_t graph;          /* the one that is optimized: of `model`, whose graphs are numbered as the source's */
  const ln_optimize_options *options;
  ln_invariants *invariants;
  ln_optimize_report *report;
  const char *stage;                         /* the technique's name that runs */
  const struct ln_quantize_trained *trained; /* quantize.h; NULL: nothing was trained for quantization */
  ln_error *err;
} ln_optimizer;

static inline ln_graph *ln_optimizer_graph(const ln_optimizer *o) { return &o->model->graphs[o->graph]; }
static inline ln_arena *ln_optimizer_arena(const ln_optimizer *o) { return &o->model->arena; }
ln_status ln_optimizer_no_memory(const ln_optimizer *o);
/* Tells the caller; LN_ERR_CANCELLED when it has had enough. */
ln_status ln_optimizer_progress(const ln_optimizer *o, const char *what, int64_t done, int64_t total);
/* LN_ERR_DATA, naming the technique, when there are no calibration samples. */
ln_status ln_optimizer_needs_samples(const ln_optimizer *o);

/* ---- recipes (recipe.c), and what one says of a layer (stage.c) ---- */

typedef struct ln_stage ln_stage;

/* A number, or a share in percent; NaN for anything else. */
double ln_number_of_text(const char *value);
/* Whether text is a value of the parameter; the message begins with its name. */
ln_status ln_parameter_check(const ln_parameter *p, const char *value, ln_error *err);
/* Whether the stage is to change this operator; `op` is of o->model's graph. */
bool ln_stage_takes(const ln_stage *stage, const ln_optimizer *o, const ln_op *op);
/* A parameter's value for an operator, or for the stage as a whole (`op` NULL). The name is in the technique's list. */
double ln_stage_number(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter);
bool ln_stage_flag(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter);
const char *ln_stage_text(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter);
bool ln_stage_is(const ln_stage *stage, const ln_optimizer *o, const ln_op *op, const char *parameter,
                 const char *value);

/* ---- techniques ---- */

typedef struct ln_technique {
  const char *name;
  const char *what;
  const ln_parameter *parameters; /* ends with a NULL name */
  ln_status (*run)(ln_optimizer *o, const ln_stage *stage);
  const struct ln_compressor
      *compressor; /* that a program brings (ln_recipe_use); NULL: a technique of the library's */
} ln_technique;

#define LN_TECHNIQUE(name, what)                    \
  extern const ln_parameter ln_parameters_##name[]; \
  ln_status ln_technique_##name(ln_optimizer *o, const ln_stage *stage);
#include "optimize/techniques.def"
const ln_technique *ln_technique_find(const char *name); /* NULL when there is none */

/* ---- models that can be changed (edit.c) ---- */

/* A copy to be changed: graphs, operators and options are its own, constants and texts the source's, which must outlive
 * it. */
ln_status ln_edit_begin(const ln_model *source, ln_error *err, ln_model **out);
/* Drops tensors that nothing refers to, and everything of the file that no tensor holds any more. */
ln_status ln_edit_compact(ln_model *model, ln_error *err);
/* The model as a file's bytes, and read back as a model of its own, verified: what a session can be made of. Tensors
 * and operators keep their numbers. */
ln_status ln_edit_file(const ln_model *model, ln_error *err, uint8_t **out, size_t *size);
ln_status ln_edit_snapshot(const ln_model *model, ln_error *err, ln_model **out);
/* Gives tensor `index` other contents: `data` is taken over as it is (the arena's). Shape and quantization are set
 * before. */
void ln_edit_set_data(ln_tensor *tensor, ln_type type, void *data, size_t bytes);
/* Adds a constant; -1 when memory is short. */
int32_t ln_edit_add_constant(ln_optimizer *o, const char *name, ln_type type, const ln_shape *shape, void *data,
                             size_t bytes);
/* Adds a tensor that an operator will write; -1 when memory is short. */
int32_t ln_edit_add_tensor(ln_optimizer *o, const char *name, ln_type type, const ln_shape *shape,
                           const ln_quant *quant);
/*
 * Puts an operator before place `at`; NULL when memory is short. Its `inputs` and `outputs` have room for the counts
 * and are to be filled; options are the row's defaults, in the arena, to be changed through `*options` (may be NULL).
 * The graph's other operators move.
 */
ln_op *ln_edit_insert_op(ln_optimizer *o, int32_t at, int32_t code, int32_t input_count, int32_t output_count,
                         void **options);
/* The version that LiteRT's converter gives an operator with these types and options. */
int32_t ln_edit_op_version(const ln_graph *graph, const ln_op *op);
/* The rows' own version after a change of types. */
void ln_edit_refresh_versions(ln_graph *graph);
/* The option fused_activation_function, to be changed; NULL when the operator has none that clamps its output. */
int8_t *ln_edit_activation(const ln_op *op);
/*
 * Folds MUL `mul` and ADD `add` behind it (places), by constants of channels, into the float convolution or
 * fully-connected operator `layer` whose output MUL alone reads: it writes ADD's output then, and both are the caller's
 * to drop. Its bias, which it gets where it had none, is called `bias_name`. `uses` are ln_graph_count_uses'. `*folded`
 * is false, and nothing changed, where that cannot be.
 */
ln_status ln_edit_fold_scale(ln_optimizer *o, const int32_t *uses, int32_t layer, int32_t mul, int32_t add,
                             const char *bias_name, bool *folded);
/* A scale and zero point for each index along `axis`; copies. NULL when memory is short. */
const ln_quant *ln_edit_axis_quant(ln_arena *arena, const float *scales, int32_t count, int32_t axis);

/* ---- layers: operators with constant weights, seen as matrices (layer.c) ---- */

typedef enum ln_layer_kind {
  LN_LAYER_CONV,            /* weights [out, h, w, in / groups] */
  LN_LAYER_DEPTHWISE,       /* [1, h, w, out]: a row of the matrix is a channel, h * w long */
  LN_LAYER_FULLY_CONNECTED, /* [out, in] */
  LN_LAYER_TRANSPOSE_CONV,  /* [out, h, w, in] */
  LN_LAYER_BATCH_MATMUL,    /* second input constant, of rank 2: [in, out], or [out, in] with adj_y */
  LN_LAYER_RECURRENT,       /* one matrix of an LSTM or RNN cell: [units, in] */
  LN_LAYER_EMBEDDING        /* [rows, width] of EMBEDDING_LOOKUP or of GATHER along axis 0 */
} ln_layer_kind;

typedef struct ln_layer {
  ln_layer_kind kind;
  int32_t op;            /* place in graph->ops */
  int32_t weights, bias; /* tensors; bias -1 when there is none */
  int32_t input;         /* tensor that the weights multiply; -1 for embeddings */
  int32_t rows, columns; /* of the matrix: one row an output channel */
  int32_t axis;          /* of the weights' shape that rows lie along */
} ln_layer;

/* All layers of the graph with weights in floats (float32, or other forms of floats) that a stage takes (NULL: all), in
 * the order of operators: the caller's, to ln_free. Weights that several operators share are listed once, with the
 * first of them. */
ln_status ln_layers_find(const ln_optimizer *o, const ln_stage *stage, ln_layer **out, int32_t *count);
/* The weights as floats [rows, columns], dequantized and dense; the caller's, to ln_free. */
ln_status ln_layer_read(const ln_optimizer *o, const ln_layer *layer, float **out);
/* Gives the weights other values: float32, dense, of the same shape. */
ln_status ln_layer_write(const ln_optimizer *o, const ln_layer *layer, const float *values);
/* The same for the bias; it is added when the layer has none. [rows] */
ln_status ln_layer_read_bias(const ln_optimizer *o, const ln_layer *layer, float **out);
ln_status ln_layer_write_bias(const ln_optimizer *o, ln_layer *layer, const float *values);
/* The layer's operator and its output's name. */
ln_op *ln_layer_op(const ln_optimizer *o, const ln_layer *layer);
const char *ln_layer_name(const ln_optimizer *o, const ln_layer *layer);
/* Equal parts of the rows, each of which multiplies inputs of its own: groups, the channels of a depthwise layer. */
int32_t ln_layer_lanes(const ln_optimizer *o, const ln_layer *layer);
/*
 * What the layer multiplies with its weights, as rows of a matrix [positions, columns] (of a depthwise layer: of one
 * channel, [positions, h * w]): of a convolution the patches under the filter with padding, stride and dilation, in the
 * weights' order. `input` is the input tensor of a session; from it at most `most` positions are taken, evenly spread
 * from a start that `seed` chooses. `rows` has room for most * columns; returns how many were taken, -1 on failure.
 */
int64_t ln_layer_patches(const ln_optimizer *o, const ln_layer *layer, const ln_tensor *input, int32_t channel,
                         int64_t most, uint64_t seed, float *rows);

/* Which positions those are, of all that the output has: `*start` and every `*step` from there. */
int64_t ln_layer_positions(const ln_optimizer *o, const ln_layer *layer, const ln_tensor *input, int64_t most,
                           uint64_t seed, int64_t *start, int64_t *step);

/* ---- running models over samples (observe.c) ---- */

/* After each sample; every tensor of the session holds its value (ln_session_tensor). */
typedef ln_status (*ln_observe_fn)(void *user, int64_t sample, ln_session *session, ln_error *err);
/*
 * Runs `model` (a snapshot, or any whole model) with all tensors kept over up to `limit` samples (0: all), evenly
 * spread. `what` names the work for progress; NULL: none is told.
 */
ln_status ln_observe(const ln_optimizer *o, ln_model *model, const ln_samples *samples, int64_t limit, const char *what,
                     ln_observe_fn fn, void *user);

/* ---- what later stages must keep (invariant.c) ---- */

/* Remembers that the zeros which tensor `weights` now holds stay zeros. */
ln_status ln_invariant_keep_zeros(ln_optimizer *o, int32_t weights);
/* Remembers that the tensor holds at most `clusters` distinct values, in all or along each index of `axis` (-1: in
 * all). */
ln_status ln_invariant_keep_clusters(ln_optimizer *o, int32_t weights, int32_t clusters, int32_t axis);
/* The tensor's weights are now another's (quantization makes a tensor anew); -1: they are gone. */
ln_status ln_invariant_move(ln_optimizer *o, int32_t from, int32_t to);
/* One bit an element, set where it must be zero; NULL when nothing is kept. Elements are in the tensor's own order. */
const uint8_t *ln_invariant_zeros(const ln_optimizer *o, int32_t weights);
/* How many distinct values; 0 when nothing is kept. */
int32_t ln_invariant_clusters(const ln_optimizer *o, int32_t weights, int32_t *axis);
/* LN_ERR_INTERNAL, naming tensor and stage, where one is broken. */
ln_status ln_invariants_verify(ln_optimizer *o);
/* A copy that tries may change, of an optimizer beside `o` which `o` outlives; NULL for none. */
ln_status ln_invariants_branch(const ln_optimizer *o, ln_invariants **out);
void ln_invariants_destroy(ln_invariants *invariants);

/* ---- reports (report.c) ---- */

/* Copies what it is given; `layer->stage` is filled in. */
ln_status ln_report_add_layer(ln_optimizer *o, const ln_report_layer *layer);
/* Copies what it is given. */
ln_status ln_report_add_try(ln_optimizer *o, const ln_report_try *attempt);
ln_status ln_report_add_note(ln_optimizer *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A row for a layer with what can be counted from its weights filled in; the caller adds the rest. */
ln_report_layer ln_report_layer_of(const ln_optimizer *o, const ln_layer *layer, const char *what);

#endif
