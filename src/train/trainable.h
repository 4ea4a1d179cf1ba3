/*
 * Training signatures: a model whose weights are variables, with signatures that train it, run it, and save it. What is
 * made: graphs of the signatures (trainable_graph.c), the variables with their initializer and checkpoints
 * (trainable_state.c), a batch that stays open (trainable_batch.c); trainable.c puts them together.
 */
#ifndef LN_TRAIN_TRAINABLE_H
#define LN_TRAIN_TRAINABLE_H

#include "train/trainer.h"

/* A weight, a slot of the optimizer's, or the number of steps. */
typedef struct ln_train_variable {
  const char *name; /* of the resource, and in checkpoints */
  ln_type type;
  ln_shape shape;
  const float *values; /* to begin with; NULL: `first` everywhere */
  size_t count;
  double first;
  int32_t tensor; /* of the graph in hand: what READ_VARIABLE gives */
  int32_t handle; /* of the graph in hand; -1: it does not use the variable */
} ln_train_variable;

typedef struct ln_trainable {
  ln_trainer *t;
  ln_optimizer o; /* the model being made, and the graph in hand */
  int32_t batch;  /* that its shapes have */
  /* The weights in the order of the trainer's parameters, their slots, the steps. */
  ln_train_variable *variables;
  int32_t variable_count, weight_count;
  uint32_t slots;         /* bits of those that the optimizer keeps */
  int32_t initializer;    /* graph */
  int32_t target;         /* tensor of the graph in hand */
  const char *target_key; /* "labels" or "targets" */
  int32_t loss;           /* tensor of the graph in hand */
  ln_signature signatures[5];
  int32_t signature_count;
} ln_trainable;

/* A new graph, which `m` has in hand now: a copy of the one that is trained, or an empty one. */
ln_status ln_trainable_add_graph(ln_trainable *m, const char *name, bool empty);
/* A signature of the graph in hand; keys and tensors are copied, and sorted by key. */
typedef struct ln_train_end {
  const char *key;
  int32_t tensor;
} ln_train_end;
ln_status ln_trainable_sign(ln_trainable *m, const char *key, ln_train_end *inputs, int32_t input_count,
                            ln_train_end *outputs, int32_t output_count);

/* ---- variables (trainable_state.c) ---- */

ln_status ln_trainable_list_variables(ln_trainable *m);
/* A tensor of the graph in hand, for the variable's value. */
ln_status ln_trainable_give_tensor(ln_trainable *m, ln_train_variable *v);
/* Puts CALL_ONCE, a handle of each variable with a `tensor`, and what reads it before the operators of the graph in
 * hand. */
ln_status ln_trainable_read(ln_trainable *m);
/* The same without reading, for all. */
ln_status ln_trainable_open_handles(ln_trainable *m, bool once);
ln_status ln_trainable_assign(ln_trainable *m, const ln_train_variable *v, int32_t value);
ln_status ln_trainable_add_initializer(ln_trainable *m);
ln_status ln_trainable_add_checkpoints(ln_trainable *m, bool arrays);

/* ---- graphs (trainable_graph.c) ---- */

/* Takes the graph that is trained itself: after all copies. */
ln_status ln_trainable_add_infer(ln_trainable *m);
ln_status ln_trainable_add_train(ln_trainable *m, bool train);

/*
 * ---- the batch (trainable_batch.c) ----
 *
 * `other` is the same model made for another batch. What differs in the two grows with the batch: shapes become open,
 * and integers that depend on the batch are computed from the shape of an input. LN_ERR_UNSUPPORTED, naming a tensor,
 * where that cannot be done.
 */
ln_status ln_trainable_open_batch(ln_trainable *m, const ln_trainable *other);

#endif
