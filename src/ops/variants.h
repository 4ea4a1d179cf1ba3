/* What distinguishes rows of ops.def that share functions; each family has an enumeration of its own. */
#ifndef LN_OPS_VARIANTS_H
#define LN_OPS_VARIANTS_H

enum { LN_VARIANT_NONE = 0 };

/* ARG_MAX, ARG_MIN */
enum { LN_VARIANT_ARG_MAX = 0, LN_VARIANT_ARG_MIN = 1 };

/* REDUCE_*: values of ln_reduce_op; ANY and ALL are the greatest and least of 0 and 1. */
enum { LN_VARIANT_REDUCE_PROD = 1, LN_VARIANT_REDUCE_MAX = 2, LN_VARIANT_REDUCE_MIN = 3 };

/* The operators of transpose_conv.c: they order their inputs differently. */
enum { LN_VARIANT_TRANSPOSE_CONV = 0, LN_VARIANT_TRANSPOSE_CONV_BIAS = 1 };

/* pool2d */
enum { LN_POOL_AVERAGE = 0, LN_POOL_MAX, LN_POOL_L2 };

/* CONCATENATION, STABLEHLO_CONCATENATE: where the axis stands. */
enum { LN_CONCATENATION = 0, LN_CONCATENATION_HLO };

/* resize */
enum { LN_RESIZE_BILINEAR = 0, LN_RESIZE_NEAREST };

/* UNIDIRECTIONAL_SEQUENCE_LSTM, LSTM, BIDIRECTIONAL_SEQUENCE_LSTM */
enum { LN_LSTM_SEQUENCE = 0, LN_LSTM_ONE_STEP = 1, LN_LSTM_BOTH_WAYS = 2 };

/* SEGMENT_SUM, UNSORTED_SEGMENT_* */
enum { LN_SEGMENT_SUM = 0, LN_SEGMENT_PROD, LN_SEGMENT_MAX, LN_SEGMENT_MIN };

/* NON_MAX_SUPPRESSION_V4, NON_MAX_SUPPRESSION_V5 */
enum { LN_NON_MAX_HARD = 0, LN_NON_MAX_SOFT = 1 };

/* RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL */
enum { LN_RANDOM_UNIFORM = 0, LN_RANDOM_NORMAL = 1 };

/* RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN */
enum { LN_RNN_SEQUENCE = 0, LN_RNN_ONE_STEP = 1, LN_RNN_BOTH_WAYS = 2 };

/* REAL, IMAG */
enum { LN_COMPLEX_REAL = 0, LN_COMPLEX_IMAG = 1 };

/* SignalRfft, SignalIrfft */
enum { LN_SIGNAL_RFFT = 0, LN_SIGNAL_IRFFT = 1 };

/* What values of sparse tensors are joined by (ops/coo.h). */
typedef enum ln_cell_op { LN_CELL_ADD, LN_CELL_MULTIPLY, LN_CELL_DIVIDE, LN_CELL_LEAST, LN_CELL_GREATEST } ln_cell_op;

/* Operators on sets and counts (flex_sets.c, flex_sparse_count.c): where the values come from. */
enum { LN_SET_DENSE = 0, LN_SET_SPARSE = 1, LN_SET_SECOND_SPARSE = 2 };
enum { LN_COUNT_DENSE = 0, LN_COUNT_SPARSE, LN_COUNT_RAGGED };

/* Gradients of SparseSegment*: flex_sparse_segment.c. How rows are weighed, and whether only the rows used come out. */
enum { LN_SEGMENT_GRAD_SUM = 0, LN_SEGMENT_GRAD_MEAN = 1, LN_SEGMENT_GRAD_NORM = 2, LN_SEGMENT_GRAD_USED = 4 };

/* seq_flow.c: PoolingOp's third input is no quantized number. */
enum { LN_SEQ_FLOW_POOL = 1 };
/* string_projection.c: of a text, or of words. */
enum { LN_PROJECTION_TEXT = 0, LN_PROJECTION_WORDS = 1 };

/* Convolutions, pools and their gradients: flex_conv.c. What is computed, and of which images. */
enum {
  LN_CONV_ND_FORWARD = 0,
  LN_CONV_ND_INPUT,  /* the gradient of the image */
  LN_CONV_ND_FILTER, /* the gradient of the filter */
  LN_CONV_ND_MAX_POOL,
  LN_CONV_ND_AVG_POOL,
  LN_CONV_ND_MAX_GRAD,
  LN_CONV_ND_AVG_GRAD,
  LN_CONV_ND_KIND = 7,
  LN_CONV_ND_DEPTHWISE = 8,
  LN_CONV_ND_3D = 16
};

/* Select-TF operators: where an axis stands among the inputs (flex_adapt.c); what an update does (flex_index.c: these
 * and ln_binary_op); reductions (flex_reduce.c; the first four are those of ln_reduce_op); diagonals (flex_diag.c). */
enum { LN_FLEX_AXIS_LAST = 0, LN_FLEX_AXIS_FIRST = 1 };
enum { LN_FLEX_SCATTER_UPDATE = -1 };
enum {
  LN_FLEX_REDUCE_SUM = 0,
  LN_FLEX_REDUCE_PROD,
  LN_FLEX_REDUCE_MAX,
  LN_FLEX_REDUCE_MIN,
  LN_FLEX_REDUCE_MEAN,
  LN_FLEX_REDUCE_NORM
};
enum { LN_FLEX_DIAG_ALIGNED = 1 };

/* Products of Select-TF (flex_matmul.c): whether a transpose is the conjugate one. */
enum { LN_FLEX_MATMUL_PLAIN = 0, LN_FLEX_MATMUL_ADJOINT = 1 };

/* FakeQuantWithMinMax*: flex_quant.c. */
enum { LN_FAKE_QUANT_GRADIENT = 1, LN_FAKE_QUANT_INPUTS = 2, LN_FAKE_QUANT_CHANNELS = 4 };

/* Linear algebra: flex_linalg.c. */
enum {
  LN_LINALG_CHOLESKY,
  LN_LINALG_INVERSE,
  LN_LINALG_DETERMINANT,
  LN_LINALG_LOG_DETERMINANT,
  LN_LINALG_SOLVE,
  LN_LINALG_TRIANGULAR_SOLVE,
  LN_LINALG_LU,
  LN_LINALG_QR,
  LN_LINALG_EIGH,
  LN_LINALG_SVD
};

/* Fourier transforms (flex_fft.c): the number of dimensions, and flags. */
enum { LN_FFT_DIMS = 3, LN_FFT_INVERSE = 4, LN_FFT_TO_HALF = 8, LN_FFT_FROM_HALF = 16 };

/* Random numbers (flex_random.c): the distribution, and where the stream comes from (0: the operator's own state). */
enum {
  LN_FLEX_RANDOM_UNIFORM = 0,
  LN_FLEX_RANDOM_NORMAL,
  LN_FLEX_RANDOM_TRUNCATED,
  LN_FLEX_RANDOM_INT,
  LN_FLEX_RANDOM_FULL_INT,
  LN_FLEX_RANDOM_KIND = 7,
  LN_FLEX_RANDOM_SEEDS = 8,
  LN_FLEX_RANDOM_KEY = 16,
  LN_FLEX_RANDOM_SOURCE = 24
};

/* Beside an ln_optimizer_rule (flex_optimizer.c): only the rows that indices name take the step. */
enum { LN_OPTIMIZER_SPARSE = 32 };

/* Strings one by one (flex_strings.c): case; hashes. */
enum { LN_TEXT_LOWER, LN_TEXT_UPPER };
enum { LN_TEXT_HASH_FAST, LN_TEXT_HASH_STRONG, LN_TEXT_HASH_LEGACY };

/* Handles of tables (flex_table.c): an ln_table_kind, and whether each run finds the table empty; what fills one. */
enum { LN_FLEX_TABLE_KIND = 3, LN_FLEX_TABLE_ANEW = 4 };
enum { LN_FLEX_TABLE_INITIALIZE = 0, LN_FLEX_TABLE_IMPORT = 1 };

typedef enum ln_flex_save_op { LN_FLEX_SAVE, LN_FLEX_SAVE_SLICES, LN_FLEX_SAVE_V2 } ln_flex_save_op;

#endif
