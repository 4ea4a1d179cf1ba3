/* What the forms (form_*.c) share: trained weights as the matrices that pruning, clustering and quantization see. */
#ifndef LN_TRAIN_FORM_H
#define LN_TRAIN_FORM_H

#include "train/trainer.h"

/* A trained weight as a matrix with a row an output channel. */
typedef struct ln_form_layer {
  ln_param *param;
  ln_layer layer;
} ln_form_layer;

/*
 * The trained weights of the model's layers in whose name, or layer's name, the regular expression `pattern` is found
 * (NULL: all), in the order of operators: the caller's, to ln_free. LN_ERR_NOT_FOUND, naming the form, where there are
 * none.
 */
ln_status ln_form_layers(ln_trainer *t, const char *form, const char *pattern, ln_form_layer **out, int32_t *count);

/* Where an element of the matrix stands in the tensor. */
static inline size_t ln_form_place(const ln_layer *l, size_t row, size_t column) {
  return l->axis == 0 ? row * (size_t)l->columns + column : column * (size_t)l->rows + row;
}

/* Runs a technique of the optimizer over the result. */
ln_status ln_form_technique(ln_optimizer *o, const ln_stage *stage);

/* Weights zero too often for a chance: what came pruned. */
bool ln_form_is_sparse(const float *values, size_t count);

#endif
